"""Published runs replayed on compiled profiles: how far the simulator is from them."""
