"""A server that somebody else runs: its address, and how it is spoken to."""
