"""What can be asked of the paper."""

from __future__ import annotations

from typing import Any

import pytest

from slaibench.reproductions.bari2025.figures import FIGURES, SLAI, Mix
from slaibench.reproductions.bari2025.spec import PaperSpec
from slaibench.spec import Convention


def test_nothing_asked_for_is_everything_the_paper_has() -> None:
    spec = PaperSpec()
    assert spec.figures == tuple(FIGURES)
    assert spec.rates == (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
    assert spec.duration_s == 35 * 60


def test_rates_come_ascending_and_once() -> None:
    assert PaperSpec(rates=(1.6, 0.2, 1.6)).rates == (0.2, 1.6)


@pytest.mark.parametrize("convention", Convention)
def test_runs_are_as_long_under_either_convention_and_none_is_cut_short(
    convention: Convention,
) -> None:
    spec = PaperSpec(duration_s=300).load_study(Mix.HALF, convention, (SLAI,), (1.6,))
    assert (spec.duration_s, spec.early_stop, spec.convention) == (300, False, convention)
    assert spec.tiers == "paying:0.5:0.1,free:0.5:0.5"
    assert (spec.model, spec.gpu) == ("mistral-7b", "rtx6000-ada")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"figures": ("13",)}, "no figure '13' with a plot"),
        ({"rates": (0.0,)}, "a rate must be a positive number, not 0.0"),
        ({"rates": (float("nan"),)}, "a rate must be a positive number, not nan"),
        ({"num_seeds": 0}, "greater than or equal to 1"),
        ({"duration_s": float("inf")}, "finite"),
        ({"device": "cpu", "backend": "vllm"}, "figures are of one GPU .rtx6000-ada."),
        ({"backend": "endpoint"}, "a server has a scheduler of its own"),
        ({"backend": "vlm"}, "did you mean 'vllm'"),
        ({"gpu": "h100"}, "Extra inputs are not permitted"),
    ],
)
def test_nonsense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PaperSpec(**fields)
