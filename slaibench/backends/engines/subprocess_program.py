"""Program: the other side of ``subprocess_backend``; runs what it is given.

usage: python -m slaibench.backends.engines.subprocess_program ADDRESS
"""

from __future__ import annotations

import sys
from dataclasses import replace
from multiprocessing.connection import Client, Connection
from typing import Any

from slaibench.backends.base import Backend, Progress, RunOutput
from slaibench.backends.engines.subprocess_backend import ERRORS, Failure, Order
from slaibench.schedulers import registry


def serve(connection: Connection, backend: Backend) -> None:
    """Run each order, until the other side is gone."""
    while True:
        try:
            order: Order = connection.recv()
        except EOFError:
            return
        connection.send(_outcome(connection, backend, order))


def _outcome(connection: Connection, backend: Backend, order: Order) -> RunOutput | Failure:
    def stop(progress: Progress) -> str | None:
        connection.send(progress)
        reason: str | None = connection.recv()
        return reason

    settings = replace(order.settings, stop=stop if order.stops else None)
    try:
        return backend.run(order.requests, registry.build(settings.scheduler), settings)
    except tuple(ERRORS.values()) as error:
        kind = next(name for name, cls in ERRORS.items() if isinstance(error, cls))
        return Failure(kind, str(error))


def main(address: str) -> None:
    connection: Any = Client(address, family="AF_UNIX")
    with connection:
        make, args = connection.recv()
        backend = make(*args)
        try:
            serve(connection, backend)
        finally:
            backend.close()


if __name__ == "__main__":
    main(sys.argv[1])
