"""A cluster is used if it is there, and never started without being asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.studies.executors import OnRay, cluster
from tests.cli.command import process, refused
from tests.studies.studies import WORKLOAD, contents

SMALL = ("--workload", WORKLOAD, "--requests", "60", "--seeds", "1", "--rates", "2,5")
SWEEP = ("sweep", "--no-report", *SMALL)


def test_without_ray_the_install_command_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    said = refused(*SWEEP, "--results", tmp_path / "r", "--executor", "ray")
    assert "--executor ray needs Ray, which is not installed" in said
    assert 'pip install "slaibench[ray]"' in said


def test_an_address_without_the_executor_is_refused(tmp_path: Path) -> None:
    said = refused(*SWEEP, "--results", tmp_path / "r", "--ray-address", "10.0.0.1:6379")
    assert "--ray-address 10.0.0.1:6379 goes with --executor ray" in said


def test_a_server_of_somebodys_is_not_loaded_from_a_cluster(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    # Nothing needs to listen there: what is asked for is refused first.
    command = ("replay", "--url", "http://127.0.0.1:1", "--model", "m", "--no-report", *SMALL)
    said = refused(*command, "--results", tmp_path / "r", "--executor", "ray")
    assert "which a cluster does not keep for one cell" in said


def test_nobody_at_an_address_is_reported_with_the_way_to_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ValueError, match=r"reached at 127.0.0.1:1 \(.*refused.*ray start --head"):
        cluster.connected(OnRay())
    with pytest.raises(ValueError, match=r"reached at 127.0.0.1:2 .*--ray-address local"):
        cluster.connected(OnRay(address="127.0.0.1:2"))


def test_the_command_runs_on_a_cluster_of_its_own_when_told_to(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    here, there = (tmp_path / name for name in ("here", "there"))
    for results, more in (
        (here, ("--jobs", "2")),
        (there, ("--jobs", "2", "--executor", "ray", "--ray-address", "local")),
    ):
        running = process(*SWEEP, "--json", "--results", results, *more)
        out, err = running.communicate(timeout=300)
        assert running.returncode == 0, err
        assert out.startswith("{")
        assert "6 cells run" in err  # two of them measure saturated throughputs
    assert contents(there) == contents(here)
