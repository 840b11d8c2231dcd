"""SGLang as a backend: its real engine on an emulated device, a CPU or a GPU."""
