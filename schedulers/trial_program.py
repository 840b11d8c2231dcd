"""Program: the other side of ``slaibench.schedulers.trial``.

usage: python -m schedulers.trial_program SCHEDULER VERDICT LIMIT_S

Writes an object to the file VERDICT: ``error``, why the scheduler cannot be built, or null; and
``engine_class``, what is to be known of a class of vLLM's (``ClassFacts``), or null. Writes none
where it ends before, and then says on stderr where it was.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError
from slaibench.schedulers.engine_class import EngineClass


def main(text: str, verdict: str, limit_s: str) -> None:
    faulthandler.enable()
    faulthandler.dump_traceback_later(float(limit_s), exit=True)
    error = engine_class = None
    try:
        scheduler = registry.build(text)
        scheduler.options()
        if isinstance(scheduler, EngineClass):
            engine_class = asdict(scheduler.facts)
    except (ValueError, TypeError) as failed:
        error = str(failed)
    except SchedulerError as failed:
        error = f"scheduler {text!r} cannot be built: {failed}"
    file = Path(verdict)
    verdict_of = {"error": error, "engine_class": engine_class}
    file.with_suffix(".part").write_text(json.dumps(verdict_of), encoding="utf-8")
    file.with_suffix(".part").replace(file)
    # What a scheduler's file started (threads, say) is not waited for.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
