"""Arguments of a GPU session."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SCHEDULERS = ("sarathi", "slai", "hrrn:token_budget=512", "engine:token_budget=512", "rad")
"""None of a budget over 512 (``hrrn`` has 1,024 of itself, ``rad`` 256): a calibration measures
batches up to the largest budget, and larger ones than are served take a card into its power limit,
and then all of them are slower."""

ENGINE_ARGS = "--engine-args"


def parsed(
    argv: Sequence[str] | None, description: str, stages: Sequence[str]
) -> argparse.Namespace:
    """The arguments of the command.

    Args:
        stages: all there are, in their order.
    """
    parser = argparse.ArgumentParser(description=description)
    add: Callable[..., Any] = parser.add_argument
    add("--out", type=Path, required=True)
    add("--backend", default="vllm")
    add("--device", default="cuda")
    add("--model", default="mistral-7b")
    add(ENGINE_ARGS, help="more arguments of the engine's server, in one word")
    add("--name", help="of the GPU, in the profile")
    add("--minutes", type=float, default=12.0, help="for everything, the start of the engine too")
    add("--start-limit", type=float, default=240.0, help="seconds until a start counts as hung")
    add("--stages", default=",".join(stages))
    add("--scheduler", "-s", action="append", help=f"default: {' '.join(SCHEDULERS)}")
    add("--only-first", action="append", default=[], help="schedulers for the first rate alone")
    add("--reference", default="sarathi", help="whose capacity in the simulator the loads share")
    add("--loads", default="0.9,0.75,1.0")
    add("--rates", help="requests/s, instead of --loads; the most important one first")
    add("--requests", type=int, default=320)
    add("--seeds", type=int, default=1)
    add("--workload", default="sharegpt4-model")
    add("--max-context-tokens", type=int, default=8192)
    add("--max-total-tokens", type=int)
    add("--calibrate-minutes", type=float, default=4.0)
    add("--rounds", type=int)
    add("--greedy-requests", type=int, default=64)
    add("--cost-tokens", type=int, default=120, help="output tokens of the steps' cost")
    args = parser.parse_args(_joined(sys.argv[1:] if argv is None else argv))
    args.scheduler = args.scheduler or list(SCHEDULERS)
    for name in args.only_first:
        if name not in args.scheduler:
            # Later, it would be found out after the calibration.
            parser.error(f"--only-first {name}: not one of {' '.join(args.scheduler)}")
    return args


def _joined(argv: Sequence[str]) -> list[str]:
    """``--engine-args`` and its value in one word: argparse takes what begins with a dash and has
    no blank in it for an option of its own, also after an option that wants a value."""
    words = list(argv)
    if ENGINE_ARGS in words[:-1]:
        place = words.index(ENGINE_ARGS)
        words[place : place + 2] = ["=".join(words[place : place + 2])]
    return words
