"""The course of a server on a page, from a real load on a server that has metrics."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

import slaibench
from slaibench.client import scrape
from slaibench.recording import store
from slaibench.report.figures import server as module
from slaibench.report.figures.server import server
from slaibench.report.figures.style import looks, styled
from slaibench.report.pages.study import write_report
from slaibench.report.subject import make_subject
from slaibench.report.verify import verify
from slaibench.studies.sweep import SweepResult
from tests.client.serving import Answer, Received, serve, tokens

RATES = [60.0, 66.0, 72.0]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    """Three rates on a server whose queue and preemptions grow at every reading."""
    number = itertools.count()

    async def growing(received: Received, answer: Answer) -> None:
        so_far = next(number)
        answer.whole(
            200,
            f"vllm:num_requests_waiting {so_far}\nvllm:num_requests_running 2\n"
            f"vllm:kv_cache_usage_perc 0.25\nvllm:num_preemptions_total {100 + so_far}\n",
            "text/plain",
        )

    folder = tmp_path_factory.mktemp("server")
    with (
        pytest.MonkeyPatch.context() as patch,
        serve({"/metrics": growing, "/v1/completions": tokens}) as listening,
    ):
        patch.setattr(scrape, "EVERY_S", 0.02)
        return slaibench.replay(
            listening.url,
            RATES,
            model="m",
            workload="uniform:prompt=4-9,output=2-3",
            num_requests=20,
            results=folder / "results",
        )


def test_points_have_peaks_and_what_the_server_preempted(replayed: SweepResult) -> None:
    for point, cell in zip(replayed.points, replayed.cells, strict=True):
        table = store.read(cell.folder).server
        assert table is not None
        assert point.server is not None
        assert point.preemptions == table.preemptions[-1] - table.preemptions[0] > 0
        assert point.kv_peak == point.kv_mean == 0.25
        document = point.to_json()
        assert document["server"]["running_peak"] == 2
        assert document["server"]["readings"] == point.server.readings > 0
        assert document["kv_use"] == {"mean": 0.25, "peak": 0.25}


def test_a_panel_has_a_line_a_rate_as_many_as_can_be_told_apart(
    replayed: SweepResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_RATES", 2)
    subject = make_subject(replayed)
    with styled():
        (panel,) = server(subject, looks(["endpoint"], {"endpoint": "endpoint"}))
    waiting, _, _, preempted = panel.figure.axes
    lines = waiting.get_lines()
    assert len(lines) == 2 < len(RATES)
    for line, rate in zip((lines[0], lines[-1]), (RATES[0], RATES[-1]), strict=True):
        (cell,) = subject.cells_at("endpoint", rate)
        table = store.read(cell.folder).server
        assert table is not None
        np.testing.assert_array_equal(line.get_ydata(), table.waiting)
        np.testing.assert_array_equal(line.get_xdata(), table.answered_s)
    assert preempted.get_lines()[0].get_ydata()[0] == 0  # of the run, not since the server's start


def test_the_page_shows_it_and_verifies(replayed: SweepResult, tmp_path: Path) -> None:
    files = write_report(replayed, tmp_path)
    text = files.html.read_text("utf-8")
    assert "The server over time, by its own metrics" in text
    assert "waiting peak" in text
    assert (files.html.with_suffix("") / "11-server-endpoint.png").exists()
    assert not verify(files.html).mismatches
    wrong = re.sub('("running_peak": ?)2', r"\g<1>3", text, count=1)
    assert wrong != text
    files.html.write_text(wrong, "utf-8")
    assert any("running_peak" in it.where for it in verify(files.html).mismatches)


def test_documents_of_other_runs_say_nothing_of_a_server(tmp_path: Path) -> None:
    swept = slaibench.sweep(
        "sarathi", 5, results=tmp_path, jobs=1, num_requests=60, num_seeds=1
    )  # fmt: skip
    assert "server" not in json.dumps(swept.to_json()["points"][0])
