"""An emulated device behind SGLang's real server, put there by its plug-in hook.

SGLang loads ``register`` in each of its processes (entry-point group ``sglang.srt.plugins``). It
does nothing unless ``SLAIBENCH_SGLANG`` has a ``device``
(``slaibench.backends.engines.device.timer_of``); then no forward pass is computed: batches take
the time that the profile says, on the machine's own clock.
"""

from __future__ import annotations

from typing import Any

from slaibench.catalog.fields import CatalogError
from slaibench.schedulers.engines.sglang_support import RELEASES, own_config
from slaibench.schedulers.engines.support import UnsupportedEngineError

TARGET = "sglang.srt.managers.tp_worker.TpModelWorker.forward_batch_generation"


def register() -> None:
    """Entry point of the plug-in.

    Raises:
        SystemExit: another version of SGLang, or no such profile. SGLang would only log an ordinary
            exception, and compute.
    """
    try:
        device = own_config().get("device")
        if device is None:
            return
        RELEASES.check()
        from sglang.srt.plugins.hook_registry import HookRegistry, HookType  # noqa: PLC0415

        from slaibench.backends.engines.device import RealTime, timer_of  # noqa: PLC0415
        from slaibench.backends.sglang.forward import EmulatedForward  # noqa: PLC0415

        forward = EmulatedForward(timer_of(device), RealTime())
    except (ImportError, CatalogError, UnsupportedEngineError) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error

    def emulate(worker: Any, batch: Any, *args: Any, **kwargs: Any) -> Any:
        return forward(batch)

    HookRegistry.register(TARGET, emulate, HookType.REPLACE)
