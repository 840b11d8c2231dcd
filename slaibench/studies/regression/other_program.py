"""What runs a side of a regression run: a sweep by whichever slaibench this Python has.

Run by its path, with a file that holds the plan of one turn. It uses the public interface only, so
that other versions of slaibench understand it as well.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path


def main(file: Path) -> None:
    """Run a turn: recordings in a folder of its own."""
    plan = json.loads(file.read_text(encoding="utf-8"))
    os.chdir(plan["folder"])  # where a scheduler's file is looked for

    # By name: it may be another slaibench than the one that this file is part of.
    import_module("slaibench").sweep(
        plan["schedulers"],
        plan["rates"],
        results=plan["results"],
        jobs=plan["jobs"],
        **plan["spec"],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
