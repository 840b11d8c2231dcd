"""A Ray cluster: reached, and what it has room for. None is started unless that is wanted."""

from __future__ import annotations

import logging
import os
import socket
from importlib.util import find_spec
from typing import Any

from slaibench.studies.executors.jobs import OnRay, Share, default_jobs

INSTALL = 'pip install "slaibench[ray]"'
START = "ray start --head"
ADDRESS = "RAY_ADDRESS"
RUNNING, STARTED = "auto", "local"
"""Ray's words for the cluster that runs on this machine, and for one that is started for us."""
ANSWER_LIMIT_S = 5.0
"""For a connection to an address that was named; Ray itself would try for half a minute."""


def connected(on: OnRay) -> Any:
    """The module ``ray``, connected; a connection that is there already is taken as it is.

    Raises:
        ValueError: Ray is not installed, or no cluster can be reached, with what to do.
    """
    if find_spec("ray") is None:
        raise ValueError(f"--executor ray needs Ray, which is not installed: {INSTALL}")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # of a cluster that is started here
    import ray  # noqa: PLC0415

    if ray.is_initialized():
        return ray
    address = on.address or os.environ.get(ADDRESS) or RUNNING
    own = {"num_cpus": on.jobs or default_jobs(), "include_dashboard": False}
    try:
        _knock(address)
        ray.init(
            address=address,
            log_to_driver=False,  # Ray prints what workers say on stdout, which is for results
            logging_level=logging.ERROR,
            **(own if address == STARTED else {}),
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = "on this machine" if address == RUNNING else f"at {address}"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ValueError(
            f"--executor ray: no Ray cluster is reached {where} ({reason}): start one with "
            f"{START!r}, name one that runs with --ray-address HOST:PORT, or have one started for "
            f"this command with --ray-address {STARTED}; one that wants a token is reached by its "
            "address with RAY_AUTH_MODE=token"
        ) from error
    return ray


def check(on: OnRay, share: Share) -> None:
    """Refuse a cluster that is not there, or can never run a cell.

    Raises:
        ValueError: with what it has.
    """
    room(connected(on), share)


def room(ray: Any, share: Share) -> int:
    """Cells that the cluster has room for at a time, were it idle.

    Raises:
        ValueError: not for one.
    """
    has = ray.cluster_resources()
    takes_of = {"CPU": share.cpus, "GPU": share.gpus}
    needed = {name: amount for name, amount in takes_of.items() if amount}
    most = min(int(has.get(name, 0.0) / amount) for name, amount in needed.items())
    if most < 1:
        takes = ", ".join(f"{amount:g} {name}" for name, amount in needed.items())
        there = ", ".join(f"{has.get(name, 0.0):g} {name}" for name in needed)
        raise ValueError(
            f"--executor ray: a cell takes {takes}, and the whole cluster has {there}: add nodes, "
            "or start them with --num-gpus and --num-cpus as they are"
        )
    return most


def _knock(address: str) -> None:
    """Find out in seconds that nothing listens at an address.

    Raises:
        OSError: nothing does.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), ANSWER_LIMIT_S).close()
