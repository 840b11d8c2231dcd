"""However somebody else's scheduler fails, it is reported as its failure, with file and line."""

from __future__ import annotations

import copy
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from slaibench.schedulers import registry
from slaibench.schedulers.base import Scheduler, SchedulerError
from slaibench.schedulers.contained import contained, failure, foreign_code, is_interrupt
from slaibench.schedulers.sarathi import Sarathi
from tests.schedulers.hostile import LINES, PLACES, hostile

ROOT = Path(__file__).parents[2]
RAISES = {
    "sys.exit(0)": "SystemExit: 0",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "raise GeneratorExit": "GeneratorExit",
    "raise asyncio.CancelledError('x')": "CancelledError: x",
    "raise BaseException('mine')": "BaseException: mine",
    "1 / 0": "ZeroDivisionError: division by zero",
    "raise type('Mute', (Exception,), {'__str__': lambda _: 1 / 0})": "Mute",
    "raise type('Mute', (ValueError,), {'__str__': lambda _: sys.exit(0)})": "Mute",
    "raise type('Mute', (TypeError,), {'__str__': lambda _: None})": "Mute",
}
ENDS = {
    "os._exit(0)": "os._exit(0)",
    "posix._exit(0)": "posix._exit(0)",
    "os.abort()": "os.abort()",
    "os.kill(os.getpid(), signal.SIGKILL)": f"os.kill({os.getpid()}, {int(signal.SIGKILL)})",
    "os.killpg(os.getpgrp(), signal.SIGTERM)": "os.killpg(",
    "signal.raise_signal(signal.SIGTERM)": "signal.raise_signal(",
    "os.execvp('true', ['true'])": "os.execv(",
}


def written(folder: Path, harm: str, place: str) -> str:
    (folder / "mine.py").write_text(hostile(harm, place))
    return f"{folder}/mine.py:Mine"


def use(text: str) -> None:
    """Whatever an engine calls."""
    scheduler = registry.build(text)
    scheduler.options()
    for verb in ("queue_key", "schedule", "batch_done"):
        try:
            getattr(scheduler, verb)(*(None,) * {"batch_done": 4}.get(verb, 1))
        except SchedulerError as error:
            if not str(error).startswith("AttributeError: 'NoneType'"):  # Sarathi has no view
                raise


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("harm", [*RAISES, *ENDS])
def test_whatever_it_does_wherever_is_its_failure(tmp_path: Path, harm: str, place: str) -> None:
    text = written(tmp_path, harm, place)
    early = place in ("import", "__init__")
    with pytest.raises(ValueError if early else SchedulerError) as caught:
        use(text)
    said = str(caught.value)
    ended = f"ProcessEndError: {ENDS[harm]}" if harm in ENDS else ""
    assert (ended or RAISES[harm]) in said
    assert f"(mine.py, line {LINES[place]})" in said
    assert text in said or place != "__init__"


def test_a_class_of_ours_is_taken_as_it_is() -> None:
    assert contained(Sarathi) is Sarathi
    assert type(registry.build("sarathi")) is Sarathi


def test_what_is_contained_is_the_same_scheduler(tmp_path: Path) -> None:
    scheduler = registry.build(written(tmp_path, "pass", "import") + ":max_active=3")
    assert isinstance(scheduler, Sarathi)
    assert type(scheduler).__name__ == "Mine"
    again = copy.deepcopy(scheduler)
    again.max_active = 5
    assert (scheduler.max_active, again.options()["max_active"]) == (3, 5)


def test_ctrl_c_is_not_the_schedulers_failure() -> None:
    class Pressed(Scheduler):
        def schedule(self, view: object) -> None:  # type: ignore[override]
            for _ in range(10):
                signal.default_int_handler(signal.SIGINT, None)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            contained(Pressed)().schedule(None)  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt) as caught:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert is_interrupt(caught.value)
    assert not is_interrupt(SystemExit(0))


def test_others_may_end_the_process_and_ask_for_it_as_before() -> None:
    with foreign_code():
        os.kill(os.getpid(), 0)
        os.kill(os.getpid(), signal.SIGCONT)
        child = os.fork()
        if not child:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        seen: list[int] = []
        before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
        os.kill(os.getpid(), signal.SIGUSR1)  # somebody does something about it
        signal.signal(signal.SIGUSR1, before)
        assert seen == [signal.SIGUSR1]
    child = os.fork()
    if not child:
        thread = threading.Thread(target=os._exit, args=(8,))
        with foreign_code():
            thread.start()
            thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 8


HANDLED = """
import os, signal
from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError

signal.signal(signal.SIGTERM, lambda *_: print("handled"))
scheduler = registry.build({text!r})
try:
    scheduler.schedule(None)
except SchedulerError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "harm",
    [
        "os.killpg(os.getpgrp(), signal.SIGTERM)",
        "os.killpg(0, signal.SIGTERM)",
        "os.kill(0, signal.SIGTERM)",
        "os.kill(os.getppid(), signal.SIGTERM)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "signal.raise_signal(signal.SIGTERM)",
    ],
)
def test_nobody_is_ended_because_a_handler_would_survive_that(tmp_path: Path, harm: str) -> None:
    """A handler of SIGTERM, as Ray sets one, may end this process; the others have none."""
    program = HANDLED.format(text=written(tmp_path, harm, "schedule"))
    command = [sys.executable, "-c", program]
    # In a session of its own, so that nobody here is hit where this fails.
    shell = ["sh", "-c", 'trap "exit 99" TERM; "$@"; exit $?', "sh", *command]
    ran = subprocess.run(
        shell, cwd=ROOT, capture_output=True, text=True, start_new_session=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "would end the process" in ran.stdout
    assert "handled" not in ran.stdout


def test_where_it_failed_is_in_its_own_file() -> None:
    with pytest.raises(AttributeError) as caught:
        registry.parse(None)  # type: ignore[arg-type]
    assert re.search(rf"\({Path(__file__).name}, line \d+\)$", failure(caught.value))
