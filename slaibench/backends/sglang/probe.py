"""Program: what the interpreter that runs it has of SGLang, as JSON, without importing it.

usage: python -m slaibench.backends.sglang.probe
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from typing import Any

from slaibench.machine.interpreters import versions_of_torch
from slaibench.version import __version__

KERNELS = ("sglang-kernel", "sgl-kernel")
"""Distributions of SGLang's CUDA kernels, by its versions."""
PLUGINS = frozenset({"slaibench", "slaibench-device"})


def facts() -> dict[str, Any]:
    """What is here.

    Returns:
        ``slaibench`` and ``sglang`` (versions; None: not installed), ``kernels`` (whether CUDA
        kernels are), ``plugins`` (whether SGLang will find ours) and ``versions`` of what decides
        times besides.
    """
    installed = None
    if find_spec("sglang"):
        with suppress(PackageNotFoundError):
            installed = version("sglang")
    kernels = False
    for name in KERNELS:
        with suppress(PackageNotFoundError):
            kernels = bool(version(name))
    plugins = {point.name for point in entry_points(group="sglang.srt.plugins")}
    return {
        "slaibench": __version__,
        "sglang": installed,
        "kernels": kernels,
        "plugins": plugins >= PLUGINS,
        "versions": versions_of_torch(),
    }


if __name__ == "__main__":
    json.dump(facts(), sys.stdout)
