"""Any scheduler of ours inside vLLM, by steering vLLM's own.

``vllm serve MODEL --scheduler-cls
slaibench.schedulers.engines.vllm.SlaiScheduler``, or a scheduler and its options by name:
``--scheduler-cls slaibench.schedulers.engines.vllm.SlaibenchScheduler --additional-config
'{"slaibench": {"scheduler": "slai:order=fcfs"}}'``. A request says its service class in
``vllm_xargs`` (``SamplingParams.extra_args``): ``{"tier": "paying", "tbt_slo_s": 0.1}``.

vLLM's ``schedule()`` stays vLLM's. Before it runs, our scheduler's batch is laid out for it: who
takes part is in ``running`` (decodes, then unfinished prefills), everybody else is hidden, only
those to admit can be seen in ``waiting``, and the token budget and the chunks are the batch's.
Afterwards everybody is put back. What vLLM decides beyond that (a shared prefix that keeps its
blocks, a prompt found in the prefix cache, an image that does not fit) stands, and our scheduler
sees it at its next step. Whom vLLM could not admit (a grammar that is not ready, one LoRA adapter
too many) it is not shown.
"""

from __future__ import annotations

from slaibench.schedulers.engines.vllm_scheduler import SlaibenchScheduler
from slaibench.schedulers.registry import PORTABLE

__all__ = ["SlaibenchScheduler"]


def _named(scheduler: str) -> type[SlaibenchScheduler]:
    words = [word.capitalize() for word in scheduler.split("-")]
    doc = f'``{scheduler}`` with its defaults, or ``additional_config["slaibench"]["options"]``.'
    own = {"scheduler_name": scheduler, "__doc__": doc, "__module__": __name__}
    return type(f"{''.join(words)}Scheduler", (SlaibenchScheduler,), own)


# SarathiScheduler, RadBatchPrefillScheduler and so on: every scheduler of ours.
globals().update({cls.__name__: cls for cls in map(_named, PORTABLE)})
