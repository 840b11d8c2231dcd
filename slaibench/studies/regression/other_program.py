"""What runs a side of a regression run: a sweep by whichever slaibench this Python has.

Run by its path, with a file that holds the question. It uses the public interface only, so that
other versions of slaibench understand it as well.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path


def main(question: Path) -> None:
    """Answer one question: recordings in a folder of its own."""
    asked = json.loads(question.read_text(encoding="utf-8"))
    os.chdir(asked["folder"])  # where a scheduler's file is looked for

    # By name: it may be another slaibench than the one that this file is part of.
    import_module("slaibench").sweep(
        asked["schedulers"],
        asked["rates"],
        results=asked["results"],
        jobs=asked["jobs"],
        **asked["spec"],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
