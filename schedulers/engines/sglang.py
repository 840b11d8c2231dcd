"""Any scheduler of ours inside SGLang, by the engine's own plug-in hook.

SGLang loads plug-ins (entry-point group ``sglang.srt.plugins``) before its scheduler is built;
``register`` replaces the scheduler class by a subclass. Which scheduler decides is said in the
environment, since SGLang's options have no place for it::

    SLAIBENCH_SGLANG='{"scheduler": "slai:order=fcfs"}' python -m sglang.launch_server
        --enable-mixed-chunk ...

A request says its service class in ``custom_params``: ``{"tier": "paying", "tbt_slo_s": 0.1}``.

SGLang's frame of a step stays SGLang's (``get_next_batch_to_run``): it puts the last batch back,
and asks two methods for the next one. Ours return our scheduler's batch, built by SGLang's own
means: chunks by ``ScheduleBatch.init_new`` and ``prepare_for_extend``, decodes mixed in by
``mix_with_running``, withheld decodes left in ``running_batch``, preemption by the same release
that its retraction uses. In its overlap loop, a batch is decided and launched before the tokens
of the one before are processed: what a batch does is counted when it is launched
(``sglang_flight``), and it is decided for when the one before will be done (``DecidingAhead``).
SGLang keeps track of one unfinished prompt at a time; a scheduler
that wants two is refused.
"""

from __future__ import annotations

import os

from slaibench.schedulers.engines.sglang_plugins import PluginError, load
from slaibench.schedulers.engines.sglang_support import RELEASES, VARIABLE, own_config
from slaibench.schedulers.engines.support import UnsupportedEngineError

TARGET = "sglang.srt.managers.scheduler.Scheduler"


def register() -> None:
    """Entry point of the plug-in: have SGLang build our scheduler in place of its own.

    Only where ``SLAIBENCH_SGLANG`` is set: an SGLang that merely lives beside us stays as it is.
    Plug-ins that are named there (``plugins``) are loaded first.

    Raises:
        SystemExit: another version of SGLang, or none of the shape that we know, or a plug-in that
            cannot be loaded. SGLang would only log an ordinary exception, and go on with its own
            scheduler.
    """
    if VARIABLE not in os.environ:
        return
    try:
        RELEASES.check()
        if plugins := own_config().get("plugins"):
            load(plugins)
        from sglang.srt.plugins.hook_registry import HookRegistry, HookType  # noqa: PLC0415

        from slaibench.schedulers.engines.sglang_scheduler import SlaibenchScheduler  # noqa: PLC0415
    except (ImportError, PluginError, UnsupportedEngineError) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    HookRegistry.register(TARGET, SlaibenchScheduler, HookType.REPLACE)
