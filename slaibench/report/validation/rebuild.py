"""The subject of a page of several backends once more, from its document and the recordings."""

from __future__ import annotations

from pathlib import Path

from slaibench.report import rebuild as study
from slaibench.report.numbers import Document
from slaibench.report.rebuild import LostRecordings, OnRun
from slaibench.report.subject import Subject
from slaibench.report.validation.numbers import runs
from slaibench.report.validation.subject import Validation
from slaibench.studies.crosscheck.study import matches_of


def rebuild(doc: Document, folder: Path, on_run: OnRun) -> Validation:
    """As ``report.rebuild.rebuild``, for every backend; the backends are compared once more."""
    total, before = len(runs(doc)), 0
    studies: list[Subject] = []
    lost: list[tuple[str, str, str]] = []
    absent: list[Path] = []
    for name in doc["between"]:
        part = doc["studies"][name]

        def told(done: int, _: int, before: int = before) -> None:
            on_run(before + done, total)

        try:
            studies.append(study.rebuild(part, folder, told))
        except LostRecordings as some:
            lost += [(f"studies/{name}/{where}", page, found) for where, page, found in some.found]
            absent += some.absent
        before += len(part["runs"])
    if lost or absent:
        raise LostRecordings(lost, absent)
    between = tuple(doc["between"])
    return Validation(between, tuple(studies), matches_of(between, [s.sweep for s in studies]))
