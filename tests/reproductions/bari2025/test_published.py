"""What papers print: the numbers are the printed ones, each with its source."""

from __future__ import annotations

import pytest

from slaibench.catalog import CatalogError
from slaibench.catalog.fields import Fields
from slaibench.reproductions.bari2025.published import bari2025

TABLE = {
    "5": (1.15, 1.45, 1.5, 0.7),
    "50": (1.15, 1.40, 1.5, 0.73),
    "95": (1.15, 1.25, 2.0, 0.75),
}
"""Capacity of Sarathi-Serve and SLAI, their median TTFT at high load, by share of paying."""


@pytest.mark.parametrize("mix", TABLE)
def test_the_printed_numbers_of_the_paper(mix: str) -> None:
    names = ("capacity-sarathi", "capacity-slai", "ttft-sarathi", "ttft-slai")
    assert tuple(bari2025().value(f"{name}-{mix}").value for name in names) == TABLE[mix]


def test_the_abstract_prints_both_changes_at_five_per_cent() -> None:
    capacity, ttft = (bari2025().value(f"{name}-change-5") for name in ("capacity", "ttft"))
    assert (capacity.value, ttft.value) == (0.26, -0.53)
    assert not capacity.derived
    assert not ttft.derived


@pytest.mark.parametrize("mix", ["50", "95"])
def test_other_changes_are_quotients_and_say_so(mix: str) -> None:
    sarathi, slai, _, _ = TABLE[mix]
    change = bari2025().value(f"capacity-change-{mix}")
    assert change.derived
    assert change.value == pytest.approx(slai / sarathi - 1)
    assert change.rounding == pytest.approx(slai / sarathi * (0.005 / slai + 0.005 / sarathi))


def test_what_the_profile_was_fitted_to_is_marked_and_nothing_of_slai_is() -> None:
    fitted = {name for name, value in bari2025().values.items() if value.fitted}
    assert {"capacity-sarathi-5", "ttft-sarathi-5"} <= fitted
    assert all("sarathi" in name for name in fitted)


def test_every_number_names_its_source() -> None:
    paper = bari2025()
    assert all(value.source for value in paper.values.values())
    assert "agrimUT/SLAI" in paper.token_budgets.source


def test_token_budgets_are_those_of_figure_6a() -> None:
    budgets = bari2025().token_budgets
    assert budgets.budgets == (64, 128, 256, 384, 512, 768, 1024)
    assert budgets.ttft_ms[4] == 212.2
    assert budgets.batch_ms[4] == 46.5


def test_token_budgets_equal_the_published_file(data_dir: object) -> None:
    import csv  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    path = Path(str(data_dir)) / "profiles" / "rtx6000ada_mistral-7b_token_budget.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    budgets = bari2025().token_budgets
    assert tuple(int(row["token_budget"]) for row in rows) == budgets.budgets
    for column, values in (
        ("median_ttft_ms", budgets.ttft_ms),
        ("mean_batch_ms", budgets.batch_ms),
    ):
        assert [float(row[column]) for row in rows] == pytest.approx(values, abs=0.05)


def test_an_unknown_value_names_the_nearest() -> None:
    with pytest.raises(CatalogError, match="capacity-slai-5"):
        bari2025().value("capacity-slay-5")


@pytest.mark.parametrize(
    ("read", "values", "message"),
    [
        ("signed", {"x": "1"}, "x must be a number, not '1'"),
        ("signed", {"x": float("nan")}, "x must be a number, not nan"),
        ("flag", {"x": 1}, "x must be true or false, not 1"),
        ("objects", {"x": {}}, "x must be a list of objects"),
        ("objects", {"x": [1]}, r"x number 1 must be an object, not 1"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(
    read: str, values: dict[str, object], message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        getattr(Fields(values, "file"), read)("x")


def test_what_is_printed_for_high_load_has_a_rate_that_is_ours() -> None:
    """The text names no rate for it."""
    inferred = {name for name, value in bari2025().values.items() if value.inferred}
    assert inferred == {
        f"ttft-{what}-{mix}" for what in ("sarathi", "slai", "change") for mix in (5, 50, 95)
    }
    for name in inferred:
        value = bari2025().value(name)
        assert value.derived or "1.6 requests/s is our inference" in value.source
