"""A package of somebody else that brings a command or a page."""

from __future__ import annotations

from pathlib import Path


def package(folder: Path, group: str, point: str, code: str) -> None:
    """An installed package that brings something: a module, and its entry point."""
    (folder / "theirs.py").write_text(code, encoding="utf-8")
    info = folder / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{point}\n", encoding="utf-8")
