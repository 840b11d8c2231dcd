"""Arguments of a GPU session, as a shell hands them over."""

from __future__ import annotations

import pytest

from benchmarks.gpu.arguments import SCHEDULERS, parsed
from slaibench.studies import scheduler_info

GRAPHS = "--compilation-config.max_cudagraph_capture_size=512"


@pytest.mark.parametrize(
    "words",
    [
        ["--engine-args", GRAPHS],
        [f"--engine-args={GRAPHS}"],
        ["--engine-args", f"{GRAPHS} --max-logprobs=7"],
    ],
)
def test_arguments_of_the_engine_are_one_word_or_two(words: list[str]) -> None:
    args = parsed(["--out", "x", *words, "--requests", "20"], "", ("start",))
    assert args.engine_args == words[-1].removeprefix("--engine-args=")
    assert args.requests == 20


def test_without_them_the_engine_gets_none() -> None:
    assert parsed(["--out", "x"], "", ("start",)).engine_args is None


def test_arguments_of_the_engine_that_are_missing_are_refused() -> None:
    with pytest.raises(SystemExit):
        parsed(["--out", "x", "--engine-args"], "", ("start",))


def test_no_default_scheduler_has_larger_batches_than_the_others_are_compared_at() -> None:
    names = parsed(["--out", "x"], "", ("start",)).scheduler
    assert names == list(SCHEDULERS)
    assert max(scheduler_info.build(text).token_budget for text in names) == 512


def test_a_scheduler_for_the_first_rate_alone_is_one_of_them() -> None:
    words = ["--out", "x", "--only-first", "rad"]
    assert parsed(words, "", ("start",)).only_first == ["rad"]
    with pytest.raises(SystemExit):
        parsed([*words, "-s", "sarathi"], "", ("start",))
