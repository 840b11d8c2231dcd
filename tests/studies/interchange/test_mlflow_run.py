"""A study's result in MLflow: what is logged of which document, and a real store that holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from slaibench.studies.interchange.mlflow_run import parameters, tags, tracker, values
from slaibench.studies.sweep import SweepResult
from slaibench.version import __version__
from tests.cli.command import SMALL, refused, slaibench
from tests.studies.studies import compare, study, sweep

BOTH = ("sarathi", "slai:order=fcfs")
HAS_MLFLOW = find_spec("mlflow") is not None


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    folder = tmp_path_factory.mktemp("mlflow")
    return sweep(study(schedulers=BOTH, rates=(2.0, 0.5)), folder, jobs=1)


def by_name(document: Any) -> dict[tuple[str, int], float]:
    return {(it.name, it.step): it.value for it in values([document])}


def test_every_point_is_a_step_of_its_schedulers_metrics(swept: SweepResult) -> None:
    logged = by_name(swept.to_json())
    for scheduler, name in zip(BOTH, ("sarathi", "slai:order_fcfs"), strict=True):
        for step, point in enumerate(swept.of(scheduler)):
            assert logged[f"{name}/rate_rps", step] == (0.5, 2.0)[step] == point.rate_rps
            median = point.ttft_s["p50"]
            assert logged[f"{name}/ttft_p50_s", step] == median.value
            assert logged.get((f"{name}/ttft_p50_s/low", step)) == median.low
            on_time = point.tiers["free"].tokens_on_time.value
            assert logged[f"{name}/deadlines/free/tokens_on_time", step] == on_time
            assert logged[f"{name}/outcomes/finished", step] == 60
            assert logged[f"{name}/preemptions", step] == 0


def test_capacities_and_ratios_are_logged_once(tmp_path: Path) -> None:
    result = compare(study(schedulers=("sarathi", "orca"), rates=(4.0, 30.0)), tmp_path, jobs=1)
    logged = by_name(result.to_json())
    for own in result.capacities:
        assert logged.get((f"{own.scheduler}/capacity_rps", 0)) == own.capacity.rate_rps
    ratio = result.pairs[0].capacity_ratio
    assert logged.get(("orca/capacity_ratio", 0)) == ratio.value
    alone = by_name(result.capacities[0].to_json())
    assert alone["sarathi/capacity_rps", 0] == logged["sarathi/capacity_rps", 0]


def test_a_regressions_rows_have_their_change_and_its_interval() -> None:
    row = {
        **{"scheduler": "slai", "rate_rps": 4.0, "metric": "tbt_p99_s@paying", "verdict": "worse"},
        **{"before": 0.1, "after": 0.2, "change": 1.0, "ci90": [0.5, 1.5], "replicates": [3, 3]},
    }
    assert by_name({"rows": [row]}) == {
        ("slai/rate_rps", 0): 4.0,
        ("slai/tbt_p99_s_paying/before", 0): 0.1,
        ("slai/tbt_p99_s_paying/after", 0): 0.2,
        ("slai/tbt_p99_s_paying/change", 0): 1.0,
        ("slai/tbt_p99_s_paying/change/low", 0): 0.5,
        ("slai/tbt_p99_s_paying/change/high", 0): 1.5,
    }


def test_a_servers_capacity_is_logged_as_the_endpoints() -> None:
    document = {"rate_rps": 12.5, "ci95": [10.0, None], "minutes": 5.0, "light": {"rate_rps": 1.0}}
    assert by_name(document) == {
        ("endpoint/capacity_rps", 0): 12.5,
        ("endpoint/capacity_rps/low", 0): 10.0,
        ("endpoint/minutes", 0): 5.0,
        ("endpoint/light/rate_rps", 0): 1.0,
    }


def test_parameters_and_tags_say_what_ran(swept: SweepResult) -> None:
    said = parameters(swept.spec)
    assert said["schedulers"] == json.dumps(list(BOTH))
    assert said["rates"] == "[0.5, 2.0]"
    assert "url" not in said  # what was left open is no parameter
    named = tags("sweep", swept.cells)
    assert named["slaibench.model"] == "mistral-7b"
    assert named["slaibench.place"] == "h100"
    assert named["slaibench.backend"] == "sim"
    assert named["slaibench.code"] == swept.cells[0].cell.code_fingerprint
    assert tags("regress", ()) == {"slaibench.command": "regress", "slaibench.version": __version__}


@pytest.mark.skipif(HAS_MLFLOW, reason="MLflow is installed here")
@pytest.mark.parametrize("command", ["sweep", "compare", "capacity", "regress", "replay"])
def test_without_mlflow_the_extra_is_named_before_any_work(command: str, tmp_path: Path) -> None:
    arguments: tuple[str | Path, ...] = ("--results", tmp_path / "results")
    if command == "replay":
        arguments = (*arguments, "--url", "http://127.0.0.1:9", "--model", "m")
    elif command == "regress":
        arguments = ("--baseline", tmp_path / "base", "--update", "--rates", "4")
    else:
        arguments = (*arguments, *{"compare": BOTH, "capacity": BOTH[:1]}.get(command, ()))
    said = refused(command, *arguments, "--mlflow", "try")
    assert "pip install 'slaibench[mlflow]'" in said


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store in files, which MLflow's client alone can write."""
    pytest.importorskip("mlflow", reason="MLflow (slaibench[mlflow]) is not installed here")
    import mlflow  # noqa: PLC0415

    uri = f"file:{tmp_path / 'mlruns'}"
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    yield uri
    mlflow.set_tracking_uri(before)


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_sweep_is_a_run_with_its_page_and_document(store: str, tmp_path: Path) -> None:
    import mlflow  # noqa: PLC0415

    ran = slaibench(
        *("sweep", *SMALL, "--scheduler", BOTH[1], "--rates", "2,5", "--json"),
        *("--results", tmp_path / "results", "--reports", tmp_path / "pages", "--mlflow", "try"),
    )
    assert ran.status == 0, ran.err
    assert "mlflow: run " in ran.err
    document = json.loads(ran.out)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("try")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["schedulers"] == json.dumps([BOTH[1]])
    assert run.data.tags["slaibench.command"] == "sweep"
    history = client.get_metric_history(run.info.run_id, "slai:order_fcfs/ttft_p50_s")
    values = {it.step: it.value for it in history}
    assert values == {step: p["ttft_p50_s"] for step, p in enumerate(document["points"])}
    files = {it.path for it in client.list_artifacts(run.info.run_id)}
    (page,) = (tmp_path / "pages").glob("*-*.html")
    assert files == {"result.json", page.name}
    assert tracker("try").experiment_id == experiment.experiment_id  # there is one of a name


@pytest.mark.filterwarnings("ignore")
def test_a_store_that_does_not_answer_is_refused_before_any_work(
    store: str, tmp_path: Path
) -> None:
    import mlflow  # noqa: PLC0415

    mlflow.set_tracking_uri("http://me:secret@127.0.0.1:9")
    said = refused("sweep", *SMALL, "--results", tmp_path / "results", "--mlflow", "try")
    assert "MLFLOW_TRACKING_URI" in said
    assert "secret" not in said
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())
