"""A copy of our packages that a test may edit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from slaibench.machine.source import PACKAGES, ROOT


class Tree:
    """The copy, in a folder.

    Attributes:
        touched: files that were added or edited, by their path in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched: set[str] = set()
        for package in PACKAGES:
            shutil.copytree(
                ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
            )

    def run(self, *arguments: str | Path, status: int = 0) -> str:
        """What a command prints, on both streams; it runs in the folder."""
        return self.python("from slaibench.cli.app import main; main()", *arguments, status=status)

    def python(self, code: str, *arguments: str | Path, status: int = 0) -> str:
        """What a program prints, on both streams."""
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    def edit(self, file: str, old: str, new: str) -> None:
        """Write something else in place of the first ``old``."""
        text = self.text(file)
        assert old in text, (file, old)
        self.write(file, text.replace(old, new, 1))

    def insert(self, file: str, before: str, text: str) -> None:
        """Add text before the only place where something stands."""
        assert self.text(file).count(before) == 1, (file, before)
        self.edit(file, before, text + before)

    def text(self, file: str) -> str:
        """What a file says."""
        return (self.folder / file).read_text("utf-8")

    def write(self, file: str, text: str) -> None:
        """A file's new text; a new file, if there is none."""
        self.touched.add(file)
        (self.folder / file).write_text(text, "utf-8")
