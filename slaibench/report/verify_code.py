"""Which code made a report's recordings, and whether this is another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slaibench.recording import store
from slaibench.report.numbers import Document
from slaibench.spec import CODE, CellSpec
from slaibench.studies.code import code_of
from slaibench.studies.systems.table import find

BY_CODE = frozenset({*CODE, "code", "commit", "folder", "recorded_by", "slaibench", "spec_hash"})
"""Names in a document under which code and places of recordings are."""


def other_code(runs: Sequence[Document], folder: Path) -> str:
    """Which code made recordings, if another would now; else nothing."""
    by_code = {run["code"]["code_fingerprint"]: run for run in runs}
    others = []
    for name, run in by_code.items():
        if name is None:
            others.append("code of before recordings knew it")
            continue
        recorded = store.read_run(folder / run["folder"])
        cell = CellSpec.model_validate(recorded["spec"])
        now = code_of(find(cell.backend), cell.clock).fingerprint
        if now != name:
            commit = recorded.get("commit")
            others.append(f"{name}{f' (commit {commit[:10]})' if commit else ''}, here it is {now}")
    return "; ".join(others)


def without_code(doc: Document) -> Document:
    """Parts of a document that do not tell which code made its recordings, nor where they lie."""

    def kept(value: Any, inside: str) -> Any:
        if isinstance(value, dict):
            named = {"source"} if inside == "schedulers" else set()
            names = BY_CODE | named
            return {
                name: kept(inner, name if inside != "schedulers" else inside)
                for name, inner in value.items()
                if name not in names
            }
        return [kept(each, inside) for each in value] if isinstance(value, list) else value

    return dict(kept(doc, ""))
