"""``slaibench`` as the pages run it: a fork of one process that has all imports behind it.

A process of its own would spend two to three seconds on its imports, more than most commands of the
pages take. The command itself is that of the entry point, with its caller's arguments, folder,
environment, streams and cores, and it ends as a process does.

usage: python -m tests.docs.warm SOCKET
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

IMPORTS = ("pandas", "pyarrow.parquet", "scipy.stats", "matplotlib.figure", "seaborn", "jinja2")
"""What commands import only when they need it."""
CLIENT = """\
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    call = [sys.argv, os.getcwd(), dict(os.environ), cores]
    server.sendall(json.dumps(call).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(8)))
"""
"""The program that stands for the command: it is run by the server, and this ends as that did."""


def write_command(path: Path, address: Path) -> None:
    """A command that is run by the server at an address."""
    code = CLIENT.format(address=str(address))
    path.write_text(f"#!{sys.executable} -SE\n{code}", encoding="utf-8")
    path.chmod(0o755)


def serve(listener: socket.socket, main: Callable[[], Any]) -> None:
    """Run a command for everybody who asks, side by side, until a signal ends this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for commands
    while True:
        connection = listener.accept()[0]
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            _, streams, *_ = socket.recv_fds(connection, 1, 3)
            with connection.makefile("rb") as file:
                call = json.load(file)
            if (command := os.fork()) == 0:
                connection.close()
                _become(streams, *call)
                sys.exit(main())
            status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
            connection.sendall(str(status if status >= 0 else 128 - status).encode())
            os._exit(0)
        connection.close()


def _become(
    streams: list[int],
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    cores: list[int] | None,
) -> None:
    """Make this process what the caller would have started."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if cores is not None:
        os.sched_setaffinity(0, cores)
    sys.argv = arguments
    sys.path[:0] = [part for part in environment["PYTHONPATH"].split(os.pathsep) if part]


def main(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        for name in IMPORTS:
            import_module(name)
        (script,) = entry_points(group="console_scripts", name="slaibench")
        command = script.load()
        gc.freeze()  # collections in a fork would copy all that it shares with this process
        serve(listener, command)


if __name__ == "__main__":
    main(sys.argv[1])
