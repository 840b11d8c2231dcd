"""Figures by name, and what each takes."""

from __future__ import annotations

import pytest

from slaibench.reproductions.bari2025.figures import FIGURES, LABELS, Kind, Mix, select
from slaibench.workloads.tiers import DEFAULT_TIERS, parse_tiers


def test_a_number_is_all_its_parts() -> None:
    assert select(["7"]) == ("7a", "7b", "7c")
    assert select(["10"]) == ("10",)


def test_figures_come_once_and_in_the_papers_order() -> None:
    assert select(["11", "7", "7a", "6C"]) == ("6c", "7a", "7b", "7c", "11a", "11b", "11c")
    assert select([]) == ()


@pytest.mark.parametrize("name", ["7d", "1", "13", "", "seven"])
def test_an_unknown_figure_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(
        ValueError, match="6a, 6b, 6c, 7a, 7b, 7c, 8, 9a, 9b, 9c, 10, 11a, 11b, 11c, 12a, 12b, 12c"
    ):
        select([name])


def test_the_main_mix_is_a_studys_default() -> None:
    tiers = Mix.FEW.tiers({"paying": 0.1, "free": 0.5})
    assert parse_tiers(tiers) == DEFAULT_TIERS


@pytest.mark.parametrize("mix", Mix)
def test_shares_of_a_mix_add_up(mix: Mix) -> None:
    paying, free = parse_tiers(mix.tiers({"paying": 0.1, "free": 0.5}))
    assert paying.share == mix.share
    assert paying.share + free.share == pytest.approx(1)


PANELS = {"a": Kind.TBT_PAYING, "b": Kind.TBT_FREE, "c": Kind.TTFT}
"""By the captions: P99 TBT of paying requests, of free ones, median TTFT."""
IN_7 = {
    "sarathi",
    "sarathi:order=spf",
    "slai:order=fcfs,offset=fixed:10",
    "slai:offset=fixed:10",
    "slai",
    "prefill-first",
}


@pytest.mark.parametrize(("number", "mix"), [("7", Mix.FEW), ("11", Mix.HALF), ("12", Mix.MOST)])
def test_panels_are_those_of_the_captions(number: str, mix: Mix) -> None:
    for letter, kind in PANELS.items():
        figure = FIGURES[number + letter]
        assert (figure.kind, figure.mix) == (kind, mix)
        assert set(figure.schedulers) == IN_7
        assert figure.rates is None
        assert figure.title.endswith(f"{mix.value} % paying")


def test_figure_9_has_prefill_first_and_10_is_of_paying_requests_first() -> None:
    parts = [FIGURES[name] for name in ("9a", "9b", "9c")]
    assert [part.kind for part in parts] == [Kind.TTFT_LOG, Kind.SERVED, Kind.MEAN_TTFT]
    assert all("prefill-first" in part.schedulers for part in parts)
    assert [part.rates for part in parts] == [None, (1.6,), (1.6,)]
    assert (FIGURES["10"].kind, FIGURES["10"].rates) == (Kind.BY_TIER, (1.6,))
    assert FIGURES["10"].schedulers == ("slai:order=spf-priority",)


def test_every_scheduler_has_the_papers_name() -> None:
    assert {name for figure in FIGURES.values() for name in figure.schedulers} == set(LABELS)
