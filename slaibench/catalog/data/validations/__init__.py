"""One JSON file a (GPU, model) pair, written by ``slaibench validate --log``."""
