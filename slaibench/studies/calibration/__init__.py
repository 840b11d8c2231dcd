"""A profile from an engine on this machine: batches made to measure, and numbers fitted to them."""
