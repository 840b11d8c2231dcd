"""Open-loop load over HTTP: pacing, streaming, timestamps."""
