"""Real vLLM: its engine core on an emulated device, or its server on a CPU or a GPU."""
