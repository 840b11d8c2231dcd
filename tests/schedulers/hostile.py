"""Schedulers that do harm, as text: where, and what."""

from __future__ import annotations

PLACES = ("import", "__init__", "queue_key", "schedule", "batch_done", "options")
HEAD = "import asyncio, ctypes, os, posix, signal, sys, time"


def hostile(harm: str, place: str) -> str:
    """A file with a class ``Mine`` that does harm at a place; elsewhere it is Sarathi's."""
    does = dict.fromkeys(PLACES, "pass") | {place: harm}
    verbs = "".join(
        f"    def {name}(self, *a, **k):\n        {does[name]}\n"
        f"        return super().{name}(*a, **k)\n"
        for name in PLACES[1:]
    )
    return (
        f"{HEAD}\nfrom slaibench.schedulers.sarathi import Sarathi\n{does['import']}\n"
        f"class Mine(Sarathi):\n{verbs}"
    )


LINES = {name: 3 if name == "import" else 6 + 3 * (PLACES.index(name) - 1) for name in PLACES}
"""Where the harm is."""
