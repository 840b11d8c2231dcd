"""``slaibench env``: what this machine is, for having a measurement again."""

from __future__ import annotations

from typing import Annotated

import typer

from slaibench.cli.shell import out, print_json
from slaibench.machine.environment import environment


def env(
    unknown: Annotated[
        bool, typer.Option("--unknown", help="List only what cannot be read here, and why.")
    ] = False,
) -> None:
    """Everything that matters for reproducing a measurement, as one JSON document."""
    found = environment()
    if not unknown:
        print_json(found)
        return
    for place, why in found["unknown"].items():
        out.print(f"{place}: {why}", highlight=False, markup=False, soft_wrap=True)
