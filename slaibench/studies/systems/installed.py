"""Which release of an engine is here, and whether it serves what a study asks for."""

from __future__ import annotations

from slaibench.backends.base import BackendError
from slaibench.backends.engines.base import Engine, MissingEngineError
from slaibench.backends.engines.model_folder import as_scheduled
from slaibench.catalog.model import Model
from slaibench.spec import Device


def installed_version(engine: Engine, device: Device, model: Model) -> str:
    """The version of an engine that can serve a model on a device here.

    Raises:
        ValueError: there is none, with what to install, or to use instead.
    """
    try:
        if device is Device.EMULATED:
            as_scheduled(model)  # or says why it cannot
        return engine.check(device)
    except MissingEngineError as error:
        raise ValueError(f"{error}; or use --backend sim, which needs no engine") from error
    except BackendError as error:
        raise ValueError(str(error)) from error
