"""An engine that a test cannot do without."""

from __future__ import annotations

import pytest

from slaibench.backends.base import BackendError
from slaibench.backends.engines.base import Engine
from slaibench.spec import Device


def needed(engine: Engine, device: Device) -> str:
    """Its version; skips the test, with the reason, where it does not serve on the device."""
    try:
        return engine.check(device)
    except BackendError as error:
        pytest.skip(str(error))
