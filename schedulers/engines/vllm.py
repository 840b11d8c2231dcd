"""Any scheduler of ours inside vLLM, by steering vLLM's own.

``vllm serve MODEL --no-async-scheduling --scheduler-cls
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

__all__ = [
    "DecodeFirstScheduler",
    "HrrnScheduler",
    "OrcaScheduler",
    "PrefillFirstScheduler",
    "RadBatchPrefillScheduler",
    "RadScheduler",
    "SarathiScheduler",
    "SlaiScheduler",
    "SlaibenchScheduler",
]


class SarathiScheduler(SlaibenchScheduler):
    """``sarathi`` with its defaults, or ``additional_config["slaibench"]["options"]``."""

    scheduler_name = "sarathi"


class SlaiScheduler(SlaibenchScheduler):
    """``slai``; options as for ``SarathiScheduler``."""

    scheduler_name = "slai"


class HrrnScheduler(SlaibenchScheduler):
    """``hrrn``; options as for ``SarathiScheduler``."""

    scheduler_name = "hrrn"


class RadScheduler(SlaibenchScheduler):
    """``rad``; options as for ``SarathiScheduler``."""

    scheduler_name = "rad"


class RadBatchPrefillScheduler(SlaibenchScheduler):
    """``rad-batch-prefill``; options as for ``SarathiScheduler``."""

    scheduler_name = "rad-batch-prefill"


class OrcaScheduler(SlaibenchScheduler):
    """``orca``; options as for ``SarathiScheduler``."""

    scheduler_name = "orca"


class PrefillFirstScheduler(SlaibenchScheduler):
    """``prefill-first``; options as for ``SarathiScheduler``."""

    scheduler_name = "prefill-first"


class DecodeFirstScheduler(SlaibenchScheduler):
    """``decode-first``; options as for ``SarathiScheduler``."""

    scheduler_name = "decode-first"
