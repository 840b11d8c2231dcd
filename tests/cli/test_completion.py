"""Shells get values that exist, quickly, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slaibench.cli.completion import VALUES
from tests.brought import package
from tests.cli.command import CODE, ROOT, slaibench

HEAVY = ("scipy", "pandas", "pyarrow", "matplotlib", "vllm", "sglang", "torch", "ray")
ASK = f"""
import sys
try:
    {CODE}
finally:
    print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""


def complete(
    words: str, folder: Path | None = None, *, shell: str = "bash", code: str = ASK
) -> tuple[list[str], str]:
    """What a shell is offered for the last word, which may be empty; and what is on stderr."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "_SLAIBENCH_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ("slaibench swe", ["sweep"]),
        ("slaibench sweep --sched", ["--scheduler"]),
        ("slaibench sweep -s sl", ["slai", "slos-serve"]),
        ("slaibench compare sar", ["sarathi"]),
        ("slaibench sweep --workload azure", ["azure-conv", "azure-code"]),
        ("slaibench sweep --backend s", ["sim", "sglang"]),
    ],
)
def test_names_that_exist_are_offered(words: str, some: list[str]) -> None:
    offered, said = complete(words)
    assert offered == some
    assert said.split() == []  # neither a word on stderr, nor a package that takes long


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_three_shells_complete(shell: str) -> None:
    offered, _ = complete("slaibench sweep --convention st", shell=shell)
    assert any("strict" in word for word in offered)


def test_baselines_are_folders_that_hold_one(tmp_path: Path) -> None:
    for name in ("kept/mine", "kept/empty"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "kept/mine/baseline.json").write_text("{}", encoding="utf-8")
    assert complete("slaibench regress --baseline ", tmp_path)[0] == ["kept/mine"]


def test_a_broken_scheduler_of_another_package_breaks_no_completion(site: Path) -> None:
    package(site, "slaibench.schedulers", "theirs = theirs:Theirs", "raise SystemError('broken')")
    add = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    offered, said = complete("slaibench sweep --gpu rtx4", code=add + ASK)
    assert offered == ["rtx4090"]
    offered, said = complete("slaibench sweep --scheduler sl", code=add + ASK)
    assert offered in ([], ["slai"])
    assert "Traceback" not in said


def test_every_list_of_values_has_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, values in VALUES.items():
        assert list(values()) or name == "baseline", name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_shown(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    command = [sys.executable, "-c", CODE, "--show-completion", shell]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_SLAIBENCH_COMPLETE" in done.stdout


def test_help_names_the_options_that_install_it() -> None:
    assert "--install-completion" in slaibench("--help").out
