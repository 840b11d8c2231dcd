"""Load over HTTP: pacing, streaming, timestamps."""
