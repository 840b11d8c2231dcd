"""The processes of this machine, and whose children they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def processes() -> dict[int, int]:
    """Parent of every process that runs."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            state, parent = text.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    return parents


def descendants(pid: int) -> list[int]:
    parents = processes()

    def line(child: int) -> Iterator[int]:
        while child in parents:
            child = parents[child]
            yield child

    return [child for child in parents if pid in line(child)]


def command_line(pid: int) -> str:
    text = Path(f"/proc/{pid}/cmdline").read_bytes()
    return text.replace(b"\0", b" ").decode(errors="replace")


def engines(pid: int) -> list[int]:
    """Descendants that are part of a server, unlike those that make the load."""
    marks = ("guardian.py", "vllm.entrypoints", "VLLM::", "backends.sglang.start", "sglang::")
    return [
        child for child in descendants(pid) if any(mark in command_line(child) for mark in marks)
    ]
