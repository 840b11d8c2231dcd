"""A backend in another Python gives what it gives here, and its failures are reported."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.base import Backend, BackendError, Progress, RunOutput, RunSettings
from slaibench.backends.engines.subprocess_backend import SubprocessBackend
from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError
from slaibench.workloads.request import Request
from tests.backends.agreement import assert_same, requests, simulate
from tests.backends.engines import far, own_schedulers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="engines run on Linux only")

Make = Callable[..., SubprocessBackend]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Make]:
    made: list[SubprocessBackend] = []

    def make(
        what: Callable[[], Backend] = far.simulator, python: str = sys.executable
    ) -> SubprocessBackend:
        made.append(SubprocessBackend("Engine", python, what, (), tmp_path / "logs"))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


def run(backend: Backend, wanted: list[Request], text: str, **settings: Any) -> RunOutput:
    return backend.run(wanted, registry.build(text), RunSettings(scheduler=text, **settings))


def test_every_run_gives_what_it_gives_here(elsewhere: Make, tmp_path: Path) -> None:
    backend, wanted = elsewhere(), requests()
    for text in ("slai", "rad", "slai"):
        assert_same(
            simulate(registry.build(text), wanted, RunSettings()), run(backend, wanted, text)
        )
    assert len(list((tmp_path / "logs").iterdir())) == 1  # one process for all of them


def test_a_stop_rule_is_asked_here(elsewhere: Make) -> None:
    calls = []

    def enough(progress: Progress) -> str | None:
        calls.append((os.getpid(), progress.now_s))
        return "enough" if progress.now_s > 20 else None

    rule = {"stop": enough, "stop_every_s": 3.0}
    output = run(elsewhere(), requests(), "sarathi", **rule)
    assert output.stopped_early == "enough"
    assert {pid for pid, _ in calls} == {os.getpid()}
    assert len(calls) > 3
    here = simulate(
        registry.build("sarathi"), requests(), RunSettings(stop=enough, stop_every_s=3.0)
    )
    assert_same(here, output)


def test_what_is_raised_there_is_raised_here(elsewhere: Make) -> None:
    backend = elsewhere()
    with pytest.raises(SchedulerError, match=r"invariant 8.*names no time"):
        run(backend, [Request(0, 0.0, 10, 2)], f"{own_schedulers.__file__}:Never")
    with pytest.raises(ValueError, match="sort the requests by due time"):
        run(backend, [Request(0, 1.0, 10, 2), Request(1, 0.0, 10, 2)], "slai")
    assert run(backend, requests(5), "slai").requests.finished.all()


def test_a_run_without_the_schedulers_text_is_refused(elsewhere: Make) -> None:
    with pytest.raises(ValueError, match=r"settings\.scheduler is empty: slai is built in the"):
        elsewhere().run(requests(1), registry.build("slai"), RunSettings())


def test_a_process_that_dies_is_reported_with_its_last_words_and_replaced(
    elsewhere: Make, tmp_path: Path
) -> None:
    backend = elsewhere(far.Mortal)
    assert run(backend, requests(5), "slai").requests.finished.all()
    with pytest.raises(BackendError, match=r"Engine ended in the middle.*MemoryError: all of it"):
        run(backend, requests(5), "slai", seed=13)
    assert run(backend, requests(5), "slai").requests.finished.all()
    assert len(list((tmp_path / "logs").iterdir())) == 2


def test_a_backend_that_cannot_be_made_is_reported(elsewhere: Make) -> None:
    with pytest.raises(BackendError, match="ValueError: there is no such engine"):
        run(elsewhere(far.unwilling), requests(1), "slai")


def test_a_python_that_is_none_is_reported_with_what_it_said(
    elsewhere: Make, tmp_path: Path
) -> None:
    with pytest.raises(BackendError, match=r"Engine does not start: .*No such file"):
        run(elsewhere(python=str(tmp_path / "python")), requests(1), "slai")
    empty = tmp_path / "empty"
    empty.write_text(
        "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'slaibench'\"\nexit 1\n"
    )
    empty.chmod(0o755)
    with pytest.raises(BackendError, match=r"does not start: .*No module named 'slaibench'"):
        run(elsewhere(python=str(empty)), requests(1), "slai")


def test_closing_twice_is_closing_once(elsewhere: Make) -> None:
    backend = elsewhere()
    run(backend, requests(2), "slai")
    process = backend._process
    assert process is not None
    backend.close()
    assert process.poll() is not None
    backend.close()
