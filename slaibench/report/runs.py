"""The recordings that a page rests on, as its document names them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slaibench.recording import store
from slaibench.spec import CODE, CellSpec
from slaibench.studies.executors import CellResult


def entry(cell: CellResult, folder: Path) -> dict[str, Any]:
    """What names a recording.

    Args:
        folder: where the page will lie; the recording is named relative to it.
    """
    return {
        "folder": relative(cell.folder, folder),
        "spec_hash": store.spec_hash(cell.cell.spec()),
        "asks": store.spec_hash(
            {name: value for name, value in cell.cell.spec().items() if name not in CODE}
        ),
        "scheduler": cell.cell.scheduler,
        "rate_rps": cell.cell.rate_rps,
        "seed": cell.cell.seed,
        "code": {name: getattr(cell.cell, name) for name in CODE},
    }


def answers(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which cells answer a question, for ``identity``.

    The same whatever code recorded them, so that a page keeps its name.

    Args:
        runs: ``entry`` of each.
    """
    return [str(run["asks"]) for run in runs]


def hash_by_code(spec: Mapping[str, Any], code: Mapping[str, Any]) -> str:
    """Identity of a cell as other code would have recorded it.

    Args:
        spec: a cell's (``CellSpec.spec``).
        code: as ``entry`` has it.
    """
    return store.spec_hash(CellSpec.model_validate({**spec, **code}).spec())


def identity(parts: Sequence[Any]) -> str:
    """Eight hex digits for a page's file name: what was asked, and which runs answer.

    Args:
        parts: JSON values.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def relative(target: Path, folder: Path) -> str:
    """``target`` as seen from ``folder``, with forward slashes; absolute on another drive."""
    try:
        return Path(os.path.relpath(target, folder)).as_posix()
    except ValueError:
        return target.resolve().as_posix()
