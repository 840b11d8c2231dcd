from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from slaibench.schedulers.rad import Rad
from slaibench.schedulers.registry import BUILT_IN, available, build, find, parse
from slaibench.schedulers.sarathi import Sarathi
from slaibench.schedulers.slai import Slai

OWN_SCHEDULER = '''
from __future__ import annotations

from dataclasses import dataclass

from slaibench.schedulers.base import Batch, Scheduler


@dataclass
class Note:
    text: str = "dataclasses look for the module they are in"


class Napper(Scheduler):
    """Sleeps."""

    name = "napper"

    def __init__(self, *, nap_s: float = 1.0, **limits):
        super().__init__(**limits)
        self.nap_s = nap_s

    def schedule(self, view):
        return Batch(wake_s=view.now_s + self.nap_s)


NOT_A_CLASS = 3
'''


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "napper.py"
    path.write_text(OWN_SCHEDULER)
    return path


def install(folder: Path, name: str, value: str, source: str) -> None:
    """A package on the path, as pip leaves it."""
    module = value.partition(":")[0]
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[slaibench.schedulers]\n{name} = {value}\n")


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_has_a_name_a_line_and_defaults(name: str) -> None:
    scheduler = build(name)
    assert scheduler.name == name
    assert scheduler.description
    assert find(name) is BUILT_IN[name] is available()[name]


def test_the_names_users_type() -> None:
    assert sorted(BUILT_IN) == [
        "decode-first",
        "dlpm",
        "edf",
        "engine",
        "hrrn",
        "orca",
        "prefill-first",
        "qoserve",
        "rad",
        "rad-batch-prefill",
        "sarathi",
        "slai",
        "slos-serve",
        "vllm-default",
        "vtc",
    ]


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("slai", "slai", {}),
        (
            "slai:order=spf-priority,offset=fixed:10",
            "slai",
            {"order": "spf-priority", "offset": "fixed:10"},
        ),
        ("rad:cycle=inf,tile=64", "rad", {"cycle": float("inf"), "tile": 64}),
        ("sarathi: token-budget = 256 ,", "sarathi", {"token_budget": 256}),
        ("a/b.py:Own", "a/b.py:Own", {}),
        ("a/b.py:Own:x=1.5", "a/b.py:Own", {"x": 1.5}),
    ],
)
def test_parse(text: str, name: str, options: dict[str, Any]) -> None:
    assert parse(text) == (name, options)


def test_numbers_keep_their_kind() -> None:
    scheduler = build("sarathi:token_budget=256,watermark=0")
    assert (scheduler.token_budget, scheduler.watermark) == (256, 0)


@pytest.mark.parametrize(
    "text",
    [
        *BUILT_IN,
        "sarathi:order=spf,token_budget=1024,max_active=7,watermark=0.05",
        "slai:order=spf-priority,offset=fixed:7.5,decode_limit=64",
        "rad:tile=64,chunk=512,cycle=2000",
        "rad:tile=64,max_active=9",
        "rad-batch-prefill:cycle=inf",
    ],
)
def test_options_build_the_same_scheduler_again(text: str) -> None:
    options = build(text).options()
    name = text.partition(":")[0]
    written = ",".join(f"{key}={value}" for key, value in options.items())
    assert build(f"{name}:{written}").options() == options
    assert find(name)(**options).options() == options


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "sarati",
            "unknown scheduler 'sarati': did you mean 'sarathi'? Known: sarathi, slai, hrrn",
        ),
        ("xyzzy", "unknown scheduler 'xyzzy': Known: "),
        ("", "unknown scheduler ''"),
        ("slai:spf", "option 'spf' has no value; write name:option=value"),
        ("slai:ofset=dynamic", "scheduler 'slai' has no option 'ofset': did you mean 'offset'?"),
        ("orca:zzz=1", "has no option 'zzz': It has: max_active, token_budget, watermark"),
        ("slai:offset=10", "offset must be 'dynamic' or 'fixed:N' with N >= 0, not 10"),
        ("sarathi:token_budget=much", "token_budget must be a whole number of at least 1"),
        ("sarathi:token_budget=0.5", "token_budget must be a whole number of at least 1, not 0.5"),
        ("rad:cycle=soon", "cycle must be a whole number of at least 1, or inf, not 'soon'"),
    ],
)
def test_what_cannot_be_built_says_why_and_what_could(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build(text)


def test_no_nearest_name_is_invented() -> None:
    with pytest.raises(ValueError, match="unknown scheduler") as caught:
        build("xyzzy")
    assert "did you mean" not in str(caught.value)


def test_two_builds_share_nothing() -> None:
    first, other = build("rad"), build("rad")
    assert first is not other
    assert isinstance(first, Rad)
    assert vars(first) == vars(other)


def test_a_class_of_ones_own(own_file: Path) -> None:
    scheduler = build(f"{own_file}:Napper:nap_s=0.25,max_active=3")
    assert scheduler.name == "napper"
    assert scheduler.options() == {
        "max_active": 3,
        "nap_s": 0.25,
        "token_budget": 512,
        "watermark": 0.01,
    }


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (":Nobody", "has no class 'Nobody'; its schedulers: Napper"),
        ("", "names no class; write "),
        (":NOT_A_CLASS", "is not a subclass of slaibench.schedulers.base.Scheduler"),
        (":Note", "is not a subclass of slaibench.schedulers.base.Scheduler"),
        (":Napper:dream=1", "has no option 'dream'"),
    ],
)
def test_what_a_file_does_not_hold(own_file: Path, suffix: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build(f"{own_file}{suffix}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no scheduler file .*gone\.py.*give path/to/file\.py:Cl"):
        build(f"{tmp_path / 'gone.py'}:Own")


def test_a_file_that_fails_on_import(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import no_such_module_anywhere\n")
    with pytest.raises(ValueError, match=r"broken\.py' fails on import: ModuleNotFoundError"):
        build(f"{path}:Own")


def test_an_installed_package_adds_a_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "napper", "napping_scheduler:Napper", OWN_SCHEDULER)
    monkeypatch.syspath_prepend(tmp_path)
    assert "napper" in available()
    assert build("napper:nap_s=2").options()["nap_s"] == 2
    with pytest.raises(ValueError, match="did you mean 'napper'"):
        build("naper")


def test_an_installed_package_cannot_take_a_built_in_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "sarathi", "impostor_scheduler:Napper", OWN_SCHEDULER)
    monkeypatch.syspath_prepend(tmp_path)
    assert find("sarathi") is Sarathi is available()["sarathi"]


def test_a_broken_package_is_named_and_hurts_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "wreck", "wrecked_scheduler:Own", "raise RuntimeError('sunk')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert find("slai") is Slai
    with pytest.raises(ValueError, match=r"'wreck' of an installed package .*sunk"):
        build("wreck")


def test_a_package_that_offers_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "odd", "odd_scheduler:Own", "Own = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="odd_scheduler:Own is not a subclass"):
        build("odd")


def test_a_class_may_be_named_by_its_module() -> None:
    sarathi = build("slaibench.schedulers.sarathi:Sarathi:token_budget=64")
    assert (sarathi.name, sarathi.token_budget) == ("sarathi", 64)
    with pytest.raises(ValueError, match=r"has no class 'Sarahti'.*Sarathi"):
        build("slaibench.schedulers.sarathi:Sarahti")
    with pytest.raises(ValueError, match=r"module 'no_such_package\.mine' fails on import"):
        build("no_such_package.mine:Mine")
    with pytest.raises(ValueError, match=r"is not a subclass of .*base\.Scheduler, nor of vLLM's"):
        build("pathlib:Path")


def test_a_name_of_ours_takes_no_class() -> None:
    with pytest.raises(ValueError, match="option 'Sarathi' has no value"):
        build("sarathi:Sarathi")
