"""Results in a notebook: a line, tables, figures, progress."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import slaibench
from slaibench.report.progress import line
from slaibench.studies.progress import Tracker
from tests.studies.studies import H100, WORKLOAD

SMALL: dict[str, Any] = {"num_seeds": 2, "num_requests": 300, "workload": WORKLOAD, "jobs": 1}
SMALL |= {"profile": str(H100)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def compared(results: Path) -> slaibench.CompareResult:
    return slaibench.compare(
        "sarathi", "slai", [5, 10], slo="ttft_p50<0.06", results=results, **SMALL
    )


def test_a_result_is_a_line(compared: slaibench.CompareResult) -> None:
    for result in (compared, compared.sweep, compared.capacity_a):
        text = repr(result)
        assert text.startswith(f"<{type(result).__name__}: ")
        assert "\n" not in text
        assert len(text) < 250
    rate = compared.capacity_a.capacity.rate_rps
    assert f"sarathi {rate:.3g} requests/s" in repr(compared.capacity_a)
    assert "ratio" in repr(compared)


def test_a_notebook_shows_the_answer_and_the_pages_tables(
    compared: slaibench.CompareResult,
) -> None:
    for result in (compared, compared.sweep, compared.capacity_b):
        html = result._repr_html_()
        assert html is not None
        assert 'id="table-ttft"' in html
        assert "<script" not in html
        assert "<body" not in html
    html = compared._repr_html_() or ""
    assert "within the latency targets</b>" in html  # the page's headline
    assert "slai against sarathi" in html


def test_a_figure_is_the_pages_own(compared: slaibench.CompareResult) -> None:
    assert compared.plot().axes[0].get_ylabel().startswith("Median TTFT")
    (ax,) = compared.plot("capacity").axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["sarathi", "slai"]
    assert compared.capacity_a.plot("capacity").axes
    with pytest.raises(ValueError, match="no figure 'capcity': did you mean 'capacity'"):
        compared.plot("capcity")


def test_pages_are_written_and_recordings_loaded(
    compared: slaibench.CompareResult, results: Path, tmp_path: Path
) -> None:
    assert compared.report(tmp_path).suffix == ".html"
    (loaded,) = slaibench.load(results, slo="ttft_p50<0.06")
    assert set(loaded.spec.rates) >= {5, 10}
    assert loaded.of("slai")[0].to_json() is not None
    with pytest.raises(ValueError, match="no recordings in"):
        slaibench.load(tmp_path)
    empty = slaibench.RegressResult("x", compared.spec, "", "y", 0.05, (), 0, 0, (), ())
    with pytest.raises(ValueError, match="no page of a RegressResult"):
        empty.report(tmp_path)


def test_progress_is_shown_where_it_is_wanted(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("slaibench.report.progress.LOG_EVERY_S", 0.0)
    slaibench.sweep("slai", [5], results=tmp_path, **SMALL)
    assert capsys.readouterr().err == ""  # a script says nothing unless it is wanted
    slaibench.sweep("slai", [5], results=tmp_path, progress=True, **SMALL)
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("sweep: 3 of 3 cells, 0 s left")
    assert line(Tracker().snapshot()) == "no cell done yet, time left not known"


def test_a_regression_run_shows_every_row() -> None:
    from tests.report.regress.test_files import ALL  # noqa: PLC0415

    html = ALL._repr_html_() or ""
    assert html.count("<tr><th>") == len(ALL.rows)
    assert "90 % interval" in html
    with pytest.raises(ValueError, match="no figure of a RegressResult"):
        ALL.plot()
