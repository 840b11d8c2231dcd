"""SGLang's flags that concern a scheduler are honoured or refused, and the page says which."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slaibench.backends.engines.flags import Flag, FlagVerdict, markdown, unlisted
from slaibench.backends.sglang.flags import ACT_ONLY_WITH, FLAGS, GROUPS, OTHERS, STEMS
from slaibench.schedulers.engines.sglang_flags import REFUSALS, Refusal
from slaibench.schedulers.engines.sglang_support import check_flags
from slaibench.schedulers.engines.support import UnsupportedEngineError
from tests.schedulers.engines.program import python_with

PAGE = Path(__file__).parents[3] / "docs" / "engine-flags.md"
REFUSED = {refusal.flag: refusal for refusal in REFUSALS}
INSTALLED = """
import argparse, importlib, json, sys
import slaibench.backends.sglang.start
from sglang.srt.server_args import ServerArgs
parser = argparse.ArgumentParser()
ServerArgs.add_cli_args(parser)
actions = [action for action in parser._actions if action.option_strings]
names = {action.dest: action.option_strings[0].lstrip("-") for action in actions}
grouped = []
for group in json.loads(sys.argv[1]):
    try:
        module = importlib.import_module(f"sglang.srt.arg_groups.fields.{group}")
    except ImportError:
        continue
    for kind in vars(module).values():
        if isinstance(kind, type) and kind.__module__ == module.__name__:
            grouped += [name for name in kind.__annotations__ if name in names]
defaults = {action.dest: action.default for action in actions}
print("FOUND", json.dumps([names, grouped, defaults], default=str))
"""


@pytest.fixture(scope="module")
def installed() -> tuple[dict[str, str], list[str], dict[str, Any]]:
    """Flags by their name in Python, those of the groups that concern us, and all defaults."""
    command = [python_with("sglang"), "-W", "ignore", "-c", INSTALLED, json.dumps(GROUPS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    names, grouped, defaults = json.loads(line.removeprefix("FOUND "))
    return names, grouped, defaults


def python_name(flag: str) -> str:
    return flag.replace("-", "_")


def another_value(refusal: Refusal) -> Any:
    """One that is not taken."""
    accepted = refusal.fine[0] if refusal.fine else None
    return "another" if isinstance(accepted, str) else 7


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_each_flag_is_taken_or_refused_with_a_sentence_as_the_table_says(flag: Flag) -> None:
    if flag.name in REFUSED:
        refusal = REFUSED[flag.name]
        assert flag.verdict is FlagVerdict.REFUSED
        value = another_value(refusal)
        args = SimpleNamespace(**{python_name(flag.name): value})
        with pytest.raises(UnsupportedEngineError, match=rf"--{flag.name} {value}: .*leave it out"):
            check_flags(args, own_rule=False)
        if refusal.own_rule:
            check_flags(args, own_rule=True)
        else:
            with pytest.raises(UnsupportedEngineError):
                check_flags(args, own_rule=True)
        for fine in (None, False, *refusal.fine):
            check_flags(SimpleNamespace(**{python_name(flag.name): fine}), own_rule=False)
    elif flag.name in ACT_ONLY_WITH:
        assert flag.verdict is FlagVerdict.REFUSED
        assert ACT_ONLY_WITH[flag.name] in REFUSED
    else:
        check_flags(SimpleNamespace(**{python_name(flag.name): "given"}), own_rule=False)
        several_pools = "several pools" in flag.why
        assert (flag.verdict is FlagVerdict.REFUSED) == several_pools


def test_no_flag_is_in_the_table_twice() -> None:
    names = [flag.name for flag in FLAGS]
    assert sorted(set(names)) == sorted(names)


def test_what_sglang_is_started_with_by_default_is_taken(
    installed: tuple[dict[str, str], list[str], dict[str, Any]],
) -> None:
    check_flags(SimpleNamespace(**installed[2]), own_rule=False)


def test_no_flag_of_the_installed_sglang_that_concerns_us_is_missing(
    installed: tuple[dict[str, str], list[str], dict[str, Any]],
) -> None:
    names, grouped, _ = installed
    listed = {python_name(flag.name) for flag in FLAGS}
    assert sorted(set(grouped) - listed) == []
    assert unlisted(names.values(), FLAGS, STEMS, OTHERS) == []
    assert grouped, "this SGLang has other groups"
    assert sorted(listed - set(names)) == []


def test_resolved_values_count_where_sglang_has_them() -> None:
    args = SimpleNamespace(
        enable_dp_attention=False, resolved_dict=lambda: {"enable_dp_attention": True}
    )
    with pytest.raises(UnsupportedEngineError, match="--enable-dp-attention True"):
        check_flags(args, own_rule=True)


def test_the_page_shows_the_table() -> None:
    section = PAGE.read_text(encoding="utf-8").split("\n## SGLang\n")[1].split("\n## ")[0]
    assert markdown(FLAGS) in section
