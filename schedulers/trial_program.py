"""Program: the other side of ``slaibench.schedulers.trial``.

usage: python -m schedulers.trial_program SCHEDULER VERDICT LIMIT_S

Writes null to the file VERDICT, or why the scheduler cannot be built, as JSON; writes none where it
ends before, and then says on stderr where it was.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from pathlib import Path

from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError


def main(text: str, verdict: str, limit_s: str) -> None:
    faulthandler.enable()
    faulthandler.dump_traceback_later(float(limit_s), exit=True)
    error = None
    try:
        registry.build(text).options()
    except (ValueError, TypeError) as failed:
        error = str(failed)
    except SchedulerError as failed:
        error = f"scheduler {text!r} cannot be built: {failed}"
    file = Path(verdict)
    file.with_suffix(".part").write_text(json.dumps(error), encoding="utf-8")
    file.with_suffix(".part").replace(file)
    # What a scheduler's file started (threads, say) is not waited for.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
