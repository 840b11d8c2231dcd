"""Process trees end with whoever started them, whatever ends that, and strangers live on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slaibench.machine.guardian import GuardedProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="guarded processes need Linux")

LIMIT_S = 20.0
"""How long a test waits for what must happen; it happens within a second or three."""
ROOT = Path(__file__).parents[2]

# A server as engines are: a child of its own, and a grandchild, which leaves the session. Each
# writes its number to a file once it runs.
TREE = """
import os, signal, sys, time
from pathlib import Path
here, polite = Path(sys.argv[1]), sys.argv[2] == "polite"
def say(name):
    if not polite:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (here / f"{name}.new").write_text(str(os.getpid()))
    (here / f"{name}.new").rename(here / name)
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        say("grandchild")
    else:
        say("child")
    time.sleep(600)
say("command")
time.sleep(600)
"""
NAMES = ("command", "child", "grandchild")

# Whoever starts the tree, as a process that a test may kill.
STARTER = """
import sys, time
from pathlib import Path
from slaibench.machine.guardian import GuardedProcess
here = Path(sys.argv[1])
tree = GuardedProcess([sys.executable, str(here / "tree.py"), str(here), sys.argv[2]],
                      log=here / "log", grace_s=1.0)
(here / "guardian.new").write_text(str(tree.pid))
(here / "guardian.new").rename(here / "guardian")
{then}
time.sleep(600)
"""


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline, f"not within {LIMIT_S:g} s: {what}"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether there is such a process, and not only its exit status."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


class Tree:
    """The numbers of a tree's processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tree.py").write_text(TREE, encoding="utf-8")

    def wait(self, *more: str) -> dict[str, int]:
        names = (*NAMES, *more)
        until(lambda: all((self.folder / name).exists() for name in names), "the tree is up")
        return {name: int((self.folder / name).read_text()) for name in names}


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path)
    yield made
    for name in (*NAMES, "guardian"):  # a test that failed may leave something
        file = tmp_path / name
        if file.exists() and runs(int(file.read_text())):
            os.kill(int(file.read_text()), signal.SIGKILL)


def guard(tree: Tree, manners: str = "polite") -> GuardedProcess:
    command = [sys.executable, str(tree.folder / "tree.py"), str(tree.folder), manners]
    return GuardedProcess(command, log=tree.folder / "log", grace_s=1.0)


def start(tree: Tree, then: str = "", manners: str = "polite") -> subprocess.Popen[bytes]:
    """A process that guards a tree."""
    code = STARTER.replace("{then}", then)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(tree.folder), manners],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def gone(pids: dict[str, int]) -> None:
    for name, pid in pids.items():
        until(lambda pid=pid: not runs(pid), f"{name} is gone")  # type: ignore[misc]


@pytest.mark.parametrize("manners", ["polite", "deaf"])
def test_stop_leaves_nothing_of_the_tree_even_if_it_ignores_requests(
    tree: Tree, manners: str
) -> None:
    process = guard(tree, manners)
    pids = tree.wait()
    assert process.poll() is None
    process.stop()
    assert [name for name, pid in pids.items() if runs(pid)] == []
    assert process.poll() == (128 + (signal.SIGTERM if manners == "polite" else signal.SIGKILL))
    process.stop()  # once more is nothing


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_tree_ends_with_whoever_started_it(tree: Tree, number: signal.Signals) -> None:
    starter = start(tree)
    pids = tree.wait("guardian")
    starter.send_signal(number)
    starter.wait()
    gone(pids)


@pytest.mark.parametrize(
    "then", ["raise ValueError('no')", "sys.exit(3)", "import os; os._exit(4)"]
)
def test_the_tree_ends_when_its_starter_ends_by_itself(tree: Tree, then: str) -> None:
    wait = "[time.sleep(0.02) for _ in range(500) if not (here / 'grandchild').exists()]"
    starter = start(tree, f"{wait}; {then}")
    pids = tree.wait("guardian")
    assert starter.wait() != 0
    gone(pids)


def test_a_copy_of_the_starter_does_not_keep_the_tree_alive(tree: Tree) -> None:
    """As worker processes are: forked, they hold the same open files."""
    copy = "import os; pid = os.fork(); (here / 'copy').write_text(str(pid)) if pid else None"
    starter = start(tree, copy)
    pids = tree.wait("guardian", "copy")
    copied = pids.pop("copy")
    starter.kill()
    starter.wait()
    try:
        gone(pids)
        assert runs(copied)
    finally:
        os.kill(copied, signal.SIGKILL)


def test_a_killed_guardian_takes_the_command_along_and_stop_the_rest(tree: Tree) -> None:
    process = guard(tree)
    pids = tree.wait()
    os.kill(process.pid, signal.SIGKILL)
    # The grandchild left the session: nobody can tell any more that it was part of the tree.
    stranger = pids.pop("grandchild")
    until(lambda: not runs(pids["command"]), "the command is gone")
    process.stop()
    gone(pids)
    assert process.poll() == 128 + signal.SIGKILL
    os.kill(stranger, signal.SIGKILL)


def test_strangers_are_left_alone(tree: Tree) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        process = guard(tree)
        tree.wait()
        process.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_the_end_of_the_command_is_the_end_of_its_tree(tree: Tree) -> None:
    process = guard(tree)
    pids = tree.wait()
    os.kill(pids["command"], signal.SIGKILL)
    until(lambda: process.poll() is not None, "the guardian notices")
    assert process.poll() == 128 + signal.SIGKILL
    assert [name for name, pid in pids.items() if runs(pid)] == []


@pytest.mark.parametrize(
    ("code", "status"),
    [("raise SystemExit(0)", 0), ("raise SystemExit(7)", 7), ("import os; os.abort()", 134)],
)
def test_the_status_is_the_commands(tmp_path: Path, code: str, status: int) -> None:
    process = GuardedProcess([sys.executable, "-c", code], log=tmp_path / "log")
    until(lambda: process.poll() is not None, "it has ended")
    assert process.poll() == status
    process.stop()


def test_a_command_that_does_not_exist_says_so_in_the_log(tmp_path: Path) -> None:
    process = GuardedProcess(["/no/such/engine"], log=tmp_path / "log")
    until(lambda: process.poll() is not None, "it has ended")
    assert process.poll() == 127
    assert "/no/such/engine: No such file" in (tmp_path / "log").read_text(encoding="utf-8")
    process.stop()


def test_the_log_keeps_what_was_there_and_gets_both_streams(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n", encoding="utf-8")
    code = "import os, sys; print(os.environ['WORD'], flush=True); sys.exit('bad')"
    process = GuardedProcess(
        [sys.executable, "-c", code], log=log, env={**os.environ, "WORD": "hello"}
    )
    until(lambda: process.poll() is not None, "it has ended")
    assert log.read_text(encoding="utf-8") == "before\nhello\nbad\n"
    process.stop()
