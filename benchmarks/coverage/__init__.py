"""How often the 95 % intervals that slaibench prints hold the truth."""
