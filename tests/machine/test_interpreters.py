"""The Python that has an engine is this one, or one that the environment names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from slaibench.machine import interpreters
from slaibench.machine.interpreters import (
    InterpreterError,
    import_path,
    interpreter,
    variable,
    versions_in,
)

ROOT = Path(__file__).parents[2]


def test_the_variable_is_named_after_the_engine() -> None:
    assert variable("sglang") == "SLAIBENCH_SGLANG_PYTHON"


def test_what_is_named_comes_before_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLAIBENCH_JSON_PYTHON", raising=False)
    assert interpreter("json") == sys.executable
    assert interpreter("no_such_package") is None
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    monkeypatch.setenv("SLAIBENCH_JSON_PYTHON", str(other))
    assert interpreter("json") == str(other)  # the link: it is what makes an environment


def test_what_is_named_relatively_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLAIBENCH_JSON_PYTHON", "./python")
    assert interpreter("json") == str(tmp_path / "python")


def test_what_cannot_be_run_is_refused_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLAIBENCH_JSON_PYTHON", "/nowhere/python")
    with pytest.raises(InterpreterError, match=r"SLAIBENCH_JSON_PYTHON is '/nowhere/python'"):
        interpreter("json")


def test_another_python_gets_our_source_and_nothing_that_was_meant_for_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", "of/the/user")
    assert import_path(sys.executable).split(os.pathsep) == [str(ROOT), "of/the/user"]
    assert import_path("/another/python") == str(ROOT)


def test_versions_in_another_python() -> None:
    versions = versions_in(sys.executable, ("numpy", "no-such-package"))
    assert set(versions) == {"python", "numpy"}


@pytest.mark.parametrize(
    ("line", "debug"),
    [("debug = True", True), ("debug: bool = True", True), ("debug = False", False), ("", False)],
)
def test_pytorch_says_itself_how_it_was_built(
    line: str, debug: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "_torch_says", lambda: f"cuda = '13.0'\n{line}\n")
    assert interpreters.torch_is_debug() is debug
    assert interpreters.versions_of_torch()["cuda"] == "13.0"
