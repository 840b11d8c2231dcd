"""What is looked for while a cell takes real time."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from slaibench.machine.watch import Watch
from slaibench.spec import Device, StudySpec

THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})


def watch_of(spec: StudySpec, *, running: bool) -> Watch:
    """A watch over one run of a study.

    Args:
        running: whether what serves is started already.
    """
    host = urlsplit(spec.url or "").hostname
    return Watch(
        gpu=spec.device is Device.CUDA,
        fresh=not running,
        alone=host not in THIS_MACHINE and host != socket.gethostname().lower(),
    )
