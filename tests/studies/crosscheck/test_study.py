"""The same cells on several backends, end to end; the simulator stands on both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from slaibench.recording import store
from slaibench.studies.crosscheck.agreement import AgreementVerdict
from slaibench.studies.crosscheck.study import CrosscheckResult, plan
from slaibench.studies.systems import table
from slaibench.studies.systems.base import Facts
from slaibench.studies.systems.simulator import SimulatorSystem
from tests.studies.studies import loaded, study, validate


class Twin(SimulatorSystem):
    """The simulator under another name."""

    def identity(self) -> Facts:
        return {**super().identity(), "backend": "twin"}


class Small(SimulatorSystem):
    """The simulator with so few KV blocks that requests are preempted."""

    blocks: ClassVar[int] = 220

    def identity(self) -> Facts:
        return {**super().identity(), "backend": "small", "kv_blocks": self.blocks}

    def open(self, logs: Path) -> Any:
        return SimulatorSystem(
            self.model, self.gpu, self.profile, self.blocks, self.max_context_tokens
        ).open(logs)


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.SYSTEMS, "twin", Twin)
    monkeypatch.setitem(table.SYSTEMS, "small", Small)


def run(results: Path, between: tuple[str, ...], **fields: Any) -> CrosscheckResult:
    spec = study(**{"rates": (5.0, 15.0), "num_requests": 300, "num_seeds": 2, **fields})
    return validate(spec, between, results, jobs=1)


def test_two_backends_that_do_the_same_are_identical(tmp_path: Path) -> None:
    result = run(tmp_path, ("sim", "twin"))
    assert result.ok
    assert [(m.other, m.scheduler, m.rate_rps) for m in result.matches] == [
        ("twin", name, rate) for name in ("sarathi", "slai") for rate in (5.0, 15.0)
    ]
    assert {match.agreement.verdict for match in result.matches} == {AgreementVerdict.IDENTICAL}
    assert len({cell.folder for cell in loaded(result.cells)}) == 16


def test_what_does_otherwise_is_found_and_said(tmp_path: Path) -> None:
    result = run(tmp_path, ("sim", "twin", "small"), schedulers=("sarathi",), rates=(15.0,))
    twin, small = result.matches
    assert twin.agreement.verdict is AgreementVerdict.IDENTICAL
    assert small.agreement.verdict is AgreementVerdict.BEYOND
    assert small.agreement.differences["preemptions"].reference == 0
    assert (small.agreement.differences["preemptions"].other or 0) > 0
    assert small.agreement.differences["preemptions"].within is None
    assert small.agreement.differences["ttft_p50_s"].within is False
    assert not result.ok
    assert result.beyond == (small,)
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert document["between"] == ["sim", "twin", "small"]
    assert [match["verdict"] for match in document["matches"]] == ["identical", "beyond"]
    assert document["ok"] is False


@pytest.mark.parametrize(
    ("engine", "other", "way_out"),
    [
        (None, "sglang", r"as vllm does.*--engine sglang"),
        ("sglang", "vllm", r"as sglang does.*--engine vllm"),
    ],
)
def test_caches_of_different_rules_are_not_compared(
    tmp_path: Path, engine: str | None, other: str, way_out: str
) -> None:
    spec = study(rates=(5.0,), prefix_caching=True, engine=engine)
    with pytest.raises(ValueError, match=way_out):
        plan(spec, ("sim", other), tmp_path)


def test_saturated_runs_go_on_to_their_last_request(tmp_path: Path) -> None:
    result = run(
        tmp_path, ("sim", "twin"), schedulers=("sarathi",), rates=(60.0,), num_requests=1500
    )
    runs = [store.read(cell.folder) for cell in result.cells]
    assert all(recording.run["stopped_early"] is None for recording in runs)
    assert all(recording.requests.finished.all() for recording in runs)


def test_what_is_on_disk_is_not_run_again(tmp_path: Path) -> None:
    first = run(tmp_path, ("sim", "twin"))
    again = run(tmp_path, ("sim", "twin"))
    assert not any(cell.reused for cell in first.cells)
    assert all(cell.reused for cell in again.cells)
    assert again.to_json() == first.to_json()


@pytest.mark.parametrize(
    ("between", "fields", "message"),
    [
        (("sim",), {}, "between two backends or more, each once, not 'sim'; write sim,vllm"),
        (("sim", "sim"), {}, "each once, not 'sim, sim'"),
        (("sim", "vlm"), {}, "unknown backend 'vlm'"),
        (("sim", "endpoint"), {}, "has a scheduler of its own"),
        (("sim", "twin"), {"rates": ()}, "at least one rate"),
        (("sim", "twin"), {"schedulers": ("engine",)}, "serving engine's own"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(
    tmp_path: Path, between: tuple[str, ...], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plan(study(**fields), between, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_every_backend_is_given_the_same_requests(tmp_path: Path) -> None:
    planned = plan(study(), ("sim", "twin"), tmp_path)
    reference, other = (swept.prepared for swept in planned.sweeps)
    assert [reference.requests(cell) for cell in reference.cells()] == [
        other.requests(cell) for cell in other.cells()
    ]
