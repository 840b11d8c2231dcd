"""`hrrn` against SLAI, Sarathi-Serve and vLLM's own rule: the tables of docs/beyond-slai.md."""
