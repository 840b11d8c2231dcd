"""A judgement as a function."""

from __future__ import annotations

from pathlib import Path

import slaibench
from tests.studies.judge.test_study import SPEC


def test_it_is_a_value_that_says_its_answer(tmp_path: Path) -> None:
    result = slaibench.judge(
        *("prefill-first", "sarathi", 10),
        metrics=["tbt_p99_all_s"],
        margin=0.1,
        results=tmp_path,
        jobs=1,
        num_seeds=3,
        **SPEC,
    )
    assert repr(result).startswith("<JudgeResult: prefill-first worse against sarathi (1 worse)")
    assert result.design.margin == 0.1
    assert len(result.folders()) == 6
    assert all(folder.is_dir() for folder in result.folders())
