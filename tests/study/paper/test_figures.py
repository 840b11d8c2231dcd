"""Figures by name, and what each takes."""

from __future__ import annotations

import pytest

from slaibench.study.paper.figures import FIGURES, LABELS, Mix, select
from workloads.tiers import DEFAULT_TIERS, parse_tiers


def test_a_number_is_all_its_parts() -> None:
    assert select(["7"]) == ("7a", "7b", "7c")
    assert select(["10"]) == ("10",)


def test_figures_come_once_and_in_the_papers_order() -> None:
    assert select(["11", "7", "7a", "6C"]) == ("6c", "7a", "7b", "7c", "11")
    assert select([]) == ()


@pytest.mark.parametrize("name", ["7d", "1", "13", "", "seven"])
def test_an_unknown_figure_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ValueError, match="6a, 6b, 6c, 7a, 7b, 7c, 8, 9a, 9b, 9c, 10, 11, 12"):
        select([name])


def test_the_main_mix_is_a_studys_default() -> None:
    tiers = Mix.FEW.tiers({"paying": 0.1, "free": 0.5})
    assert parse_tiers(tiers) == DEFAULT_TIERS


@pytest.mark.parametrize("mix", Mix)
def test_shares_of_a_mix_add_up(mix: Mix) -> None:
    paying, free = parse_tiers(mix.tiers({"paying": 0.1, "free": 0.5}))
    assert paying.share == mix.share
    assert paying.share + free.share == pytest.approx(1)


def test_every_scheduler_has_the_papers_name() -> None:
    assert {name for figure in FIGURES.values() for name in figure.schedulers} == set(LABELS)
