"""Tables: readable in a narrow terminal, with units, and true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from slaibench.cli.comparison import compare_table
from slaibench.cli.sentences import headline
from slaibench.cli.tables import sweep_tables
from slaibench.measure.steady import Steadiness
from slaibench.report.words import plain_seconds
from slaibench.studies.compare import CompareResult
from slaibench.studies.operating_point import OperatingPoint
from slaibench.studies.sweep import SweepResult
from tests.studies.studies import compare, study, sweep

RATES = tuple(float(rate) for rate in range(3, 61, 3))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    """Twenty rates of two schedulers, from idle to far beyond capacity."""
    results = tmp_path_factory.mktemp("results")
    return sweep(study(rates=RATES, num_requests=700), results, jobs=1)


def lines(what: RenderableType, width: int) -> list[str]:
    console = Console(width=width, no_color=True, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(what)
    text: str = console.export_text()
    console.file.close()
    return [line.rstrip() for line in text.splitlines()]


def test_tiers_stand_by_themselves_where_requests_have_targets(tmp_path: Path) -> None:
    spec = study(tiers="chat:0.5:0.05:0.3,batch:0.5:0.5", num_requests=200, rates=(5.0,))
    swept = lines(sweep_tables(sweep(spec, tmp_path, jobs=1), 80), 80)
    own = swept[swept.index("sarathi, by tier and tenant") :]
    assert "on target" in " ".join(own[:5])
    rows = [line.split() for line in own if line[5:].strip().startswith(("all", "tier"))]
    assert [row[:2] for row in rows[:3]] == [["5", "all"], ["tier", "chat"], ["tier", "batch"]]
    compared = lines(compare_table(compare(spec, tmp_path, jobs=1)), 80)
    assert {f"{name}, by tier and tenant" for name in spec.schedulers} < set(compared)
    plain = sweep(study(num_requests=60), tmp_path, jobs=1)
    assert not any("by tier" in line for line in lines(sweep_tables(plain, 80), 80))


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_sweep_of_20_rates_is_a_line_a_rate(swept: SweepResult, width: int) -> None:
    shown = lines(sweep_tables(swept, width), width)
    rows = [line.split() for line in shown if line[:5].strip().isdigit()]
    assert [float(row[0]) for row in rows] == [*RATES, *RATES]
    assert max(map(len, shown)) <= width
    assert not any("…" in line for line in shown)
    # Two headings, two names, a title and a legend besides: no row takes a second line.
    assert len(shown) <= 40 + 20
    assert shown.index("sarathi") < shown.index("slai")


def test_a_wide_terminal_gets_what_a_narrow_one_has_no_room_for(swept: SweepResult) -> None:
    wide, narrow = ("\n".join(lines(sweep_tables(swept, width), width)) for width in (120, 80))
    assert "on time" in wide
    assert "tok/s" in wide
    assert "on time" not in narrow.partition("not shown in a narrow terminal")[0]
    # What is left out is said, with how to have it.
    assert "tokens on time, output tokens" in " ".join(narrow.split())
    assert "COLUMNS=104 or --json shows them" in " ".join(narrow.split())
    for text in (
        "TTFT, TBT: seconds",
        "interval: TTFT P50, 1 seed;",
        "req/s",
        "95 % interval",
        "n: requests measured",
    ):
        assert text in narrow


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (120, {"saturated": "saturated", "stopped": "stopped", "short": "short"}),
        (80, {"saturated": "*", "stopped": "**", "short": "?"}),
    ],
)
def test_saturated_rows_say_so_and_the_legend_says_what_it_means(
    swept: SweepResult, width: int, words: dict[str, str]
) -> None:
    shown = lines(sweep_tables(swept, width), width)
    rows = [line for line in shown if line[:5].strip().isdigit()]
    seen = set()
    for row, point in zip(rows, swept.points, strict=True):
        state = row.split()[-1]
        seen.add(state)
        if point.stopped_early:
            assert state == words["stopped"]
        elif point.saturated:
            assert state == words["saturated"]
        elif point.undecided:
            assert state == words["short"]
        else:
            assert state == f"{point.ttft_s['p50'].n:,}"
    assert set(words.values()) <= seen
    assert any(line.startswith(f"{words['stopped']}: saturated, and ended") for line in shown)
    calm = sweep_of(swept, (3.0,))
    assert not any("saturated" in line for line in lines(sweep_tables(calm, width), width))


def sweep_of(swept: SweepResult, rates: tuple[float, ...]) -> SweepResult:
    points = tuple(point for point in swept.points if point.rate_rps in rates)
    return replace(swept, points=points)


@pytest.mark.parametrize("width", [80, 120])
def test_a_comparison_fits_and_keeps_long_names_out_of_the_headings(
    compared: CompareResult, width: int
) -> None:
    shown = lines(compare_table(compared), width)
    assert max(map(len, shown)) <= width
    assert "A: sarathi:token_budget=128" in shown
    assert "B: sarathi" in shown
    assert not any("…" in line for line in shown)
    flooded = next(line for line in shown if line.strip().startswith("60 "))
    assert "*" in flooded
    assert "cannot tell" in flooded
    assert any(line.startswith("**: saturated") for line in shown)


def disagreeing(point: OperatingPoint) -> OperatingPoint:
    """One of three replicates grows: a false alarm, or a rate near the limit."""
    states = {Steadiness.STEADY: 2, Steadiness.GROWING: 1}
    return replace(point, num_seeds=3, states=states, stopped_early=0)


def test_replicates_that_disagree_are_counted_and_nothing_is_marked_saturated(
    swept: SweepResult,
) -> None:
    calm = sweep_of(swept, (3.0,))
    calm = replace(calm, points=tuple(disagreeing(point) for point in calm.points))
    for width, words in ((80, "1/3"), (120, "1 of 3 saturated")):
        shown = lines(sweep_tables(calm, width), width)
        rows = [line for line in shown if line[:5].strip().isdigit()]
        assert all(row.endswith(f" {words}") for row in rows)
    assert "1/3: so many of its runs are saturated (1/3: 1 of 3), and most are not" in lines(
        sweep_tables(calm, 80), 80
    )


def test_a_count_of_replicates_is_no_part_of_the_number_beside_it(compared: CompareResult) -> None:
    calm, _ = compared.rates
    rates = (replace(calm, a=disagreeing(calm.a), b=disagreeing(calm.b)),)
    some = replace(compared, pairs=(replace(compared.pairs[0], rates=rates),))
    shown = lines(compare_table(some), 80)
    row = next(line.split() for line in shown if line.strip().startswith("3 "))
    assert row[1:5:2] == [plain_seconds(point.ttft_s["p50"]) for point in (calm.a, calm.b)]
    assert row[2:6:2] == ["1/3", "1/3"]
    assert max(map(len, shown)) <= 80
    # A latency may be shown where most runs are steady; the mark stays beside it.
    assert "Median TTFT at 3 requests/s" in headline(some).plain


def test_a_tier_that_meets_nothing_is_not_passed_over(tmp_path: Path) -> None:
    # No gap between tokens is shorter than a tenth of a millisecond.
    spec = study(tiers="hopeless:0.5:0.0001,free:0.5:0.5", schedulers=("sarathi",))
    shown = lines(sweep_tables(sweep(spec, tmp_path, jobs=1), 120), 120)
    assert any(" 0.0% " in line for line in shown)


def test_a_burst_first_trace_shows_what_it_offered(tmp_path: Path) -> None:
    # A fast beginning, then a slow rest: 4 requests/s on average.
    times = [*(0.05 * n for n in range(100)), *(5 + 0.3 * n for n in range(300))]
    rows = "".join(f"{time},200,20\n" for time in times)
    (tmp_path / "t.csv").write_text("arrival_s,prompt_tokens,output_tokens\n" + rows)
    trace = {"workload": str(tmp_path / "t.csv"), "arrivals": "trace", "rates": (4.0,)}
    names = ("sarathi", "slai")
    compared = compare(study(**trace, schedulers=names, num_requests=100), tmp_path, jobs=1)
    swept = compared.sweep
    point = swept.to_json()["points"][0]
    assert (point["rate_rps"], point["offered_rps"]) == (4.0, pytest.approx(20 * 4 / (399 / 94.7)))
    shown = f"{point['offered_rps']:.3g}"
    for table in (sweep_tables(swept, 80), compare_table(compared)):
        rows = [line.split() for line in lines(table, 80)]
        assert ["4", shown] in [row[:2] for row in rows]
        assert any("offered" in row for row in rows)
    assert any("times the rate that was asked for" in warning for warning in swept.warnings)
    capacity = compared.capacity_a
    assert capacity.capacity.rate_rps is not None
    assert any("in load that was offered: " in note for note in capacity.notes)
    whole = sweep(study(**trace, schedulers=names[:1], num_requests=400), tmp_path, jobs=1)
    assert "offered" not in "\n".join(lines(sweep_tables(whole, 120), 120))


def test_a_burst_has_no_rate(tmp_path: Path) -> None:
    spec = study(schedulers=("slai",), arrivals="burst")
    swept = sweep(spec, tmp_path, jobs=1)
    assert swept.to_json()["points"][0]["offered_rps"] is None
    assert any("at once" in line for line in lines(sweep_tables(swept, 80), 80))
