"""What every serving engine here has in common: options, servers, emulated devices."""
