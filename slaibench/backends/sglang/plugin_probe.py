"""Program: which plug-ins of SGLang's the interpreter that runs it has, and the files of some.

usage: python -m slaibench.backends.sglang.plugin_probe [PLUGIN ...]

Prints an object: ``installed``, names of those that are installed; ``plugins``, of each one that is
named and found, ``name``, ``installed`` and ``files`` (``PluginFacts``). No plug-in is imported.
"""

from __future__ import annotations

import ast
import json
import sys
from dataclasses import asdict
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from slaibench.schedulers.engine_plugins import PluginFacts
from slaibench.schedulers.engines.sglang_plugins import in_file, installed


def facts(names: list[str]) -> dict[str, Any]:
    """What is here of these plug-ins.

    Raises:
        ValueError: a file or package is not there, or has no such function.
    """
    points = installed()
    plugins = []
    for name in names:
        own = in_file(name)
        if own is not None:
            plugins.append(PluginFacts(name, None, (_checked(*own),)))
        elif name in points:
            plugins.append(_of(points[name]))
    return {"installed": sorted(points), "plugins": [asdict(plugin) for plugin in plugins]}


def _checked(path: Path, function: str) -> str:
    """The path of a file, which is Python and has a function of that name."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise ValueError(f"no plug-in file {str(path)!r} ({error.strerror})") from error
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{str(path)!r} is not Python: {error}") from error
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if function not in functions:
        raise ValueError(
            f"{str(path)!r} has no function {function!r} that registers hooks; its functions: "
            f"{', '.join(functions) or 'none'}; write plugin={path}:function"
        )
    return str(path.resolve())


def _of(point: EntryPoint) -> PluginFacts:
    """Of a plug-in that is installed: every file of its top-level package is its code."""
    where = point.value if point.dist is None else _brought(point)
    top = point.module.partition(".")[0]
    spec = find_spec(top)
    if spec is None:
        raise ValueError(f"plug-in {point.name!r} ({where}): there is no module {top!r}")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    if not folders and spec.origin:
        files = [Path(spec.origin)]
    return PluginFacts(point.name, where, tuple(sorted(str(file.resolve()) for file in files)))


def _brought(point: EntryPoint) -> str:
    assert point.dist is not None
    return f"{point.value} of {point.dist.name} {point.dist.version}"


if __name__ == "__main__":
    try:
        json.dump(facts(sys.argv[1:]), sys.stdout)
    except ValueError as error:
        json.dump({"error": str(error)}, sys.stdout)
