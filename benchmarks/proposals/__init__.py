"""Rules of public scheduler proposals, written anew from their descriptions as classes of vLLM's.

Each is what its author would hand to ``--scheduler-cls``; ``slaibench judge`` takes it as it is:

    slaibench judge benchmarks/proposals/aging_sjf.py:AgingSjf
"""
