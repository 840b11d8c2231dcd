"""One JSON file a (GPU, model) pair, written by benchmarks/profiles."""
