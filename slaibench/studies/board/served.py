"""How a published run was served: which checkpoint, under which limits, and by which clients.

One rule a source. What InferenceMAX's scripts say is taken from them (SemiAnalysisAI/InferenceX,
``benchmarks/*.sh`` and ``utils/bench_serving``, Apache-2.0); where a source says nothing, an
engine's defaults for the GPU hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from slaibench.catalog.host import is_asynchronous
from slaibench.operators.deployment import Deployment, OperatorSource, Precision
from slaibench.studies.board.rows import Configuration, Row, Source

CHECKPOINTS: dict[tuple[str, str], tuple[str, Precision | None]] = {
    ("Qwen/Qwen3-32B", "fp8"): ("Qwen/Qwen3-32B-FP8", None),
    ("Qwen/Qwen3.5-397B-A17B", "fp4"): ("nvidia/Qwen3.5-397B-A17B-NVFP4", None),
    ("Qwen/Qwen3.5-397B-A17B", "fp8"): ("Qwen/Qwen3.5-397B-A17B", Precision.FP8),
    ("MiniMaxAI/MiniMax-M2.5", "fp4"): ("nvidia/MiniMax-M2.5-NVFP4", None),
    ("deepseek-ai/DeepSeek-V3", "fp4"): ("nvidia/DeepSeek-V3.1-NVFP4", None),
    ("meta-llama/Llama-3.1-70B", "fp4"): ("meta-llama/Meta-Llama-3.1-70B", Precision.FP4),
    ("meta-llama/Llama-3.1-70B", "fp8"): ("nvidia/Llama-3.1-70B-Instruct-FP8", None),
    ("meta-llama/Llama-3.1-8B-Instruct", "fp8"): ("llama-3.1-8b", Precision.FP8),
    ("moonshotai/Kimi-K2.5", "fp4"): ("nvidia/Kimi-K2.5-NVFP4", None),
    ("nvidia/Llama-3.1-8B-Instruct-FP8", "fp8"): ("llama-3.1-8b", Precision.FP8),
    ("zhipuai/GLM-5", "fp4"): ("nvidia/GLM-5-NVFP4", None),
    ("zhipuai/GLM-5", "fp8"): ("zai-org/GLM-5-FP8", None),
}
"""The weights that a published name and precision stand for; else the name's own."""
VLLM_BUDGET = 8192
"""Set by the scripts, and what vLLM's server takes on GPUs of 70 GiB and more by default."""
UNSCRIPTED_BUDGET = 2048
"""Of vLLM in the runs of ``Source.GAP_ANALYSIS``, where nobody says: of 2,048 and 8,192, and of
clients that begin at once or one after another, the pair that comes nearest to TTFT on the fitted
half (median error 10 % against 44, 70 and 72 % on Qwen3-32B)."""
SGLANG_CHUNK = 8192
"""SGLang's default on GPUs of 60 to 90 GiB and, below 160 GiB, of H200."""
MOST_ACTIVE = 512
SHORTEST = 0.8
"""Share of the published length that InferenceMAX's prompts and outputs have at least: lengths are
uniform between that and the whole (``--random-range-ratio``)."""
PROMPTS_A_CLIENT = 10
"""InferenceMAX (``--num-prompts``)."""


@dataclass(frozen=True, slots=True)
class Serving:
    """An engine's limits.

    Args:
        token_budget: of a batch; SGLang: of a batch of prompts.
        max_active: requests that may hold KV blocks.
        asynchronous: a batch is decided while the one before runs.
        poll_steps: batches of decodes between two looks for new requests (SGLang's
            ``--scheduler-recv-interval``); 1: at every batch.
    """

    token_budget: int
    max_active: int
    asynchronous: bool
    poll_steps: int = 1


@dataclass(frozen=True, slots=True)
class Clients:
    """A closed loop.

    Args:
        prompts: that each client sends, one after the other.
        shortest: share of the published lengths from which on lengths are uniform; 1: all equal.
        together: whether all clients begin at once, and their first prompts are scored as the
            others are. Else they begin one after another, over the time that a request takes.
    """

    prompts: int
    shortest: float
    together: bool


CLIENTS = {
    Source.INFERENCEMAX: Clients(PROMPTS_A_CLIENT, SHORTEST, together=True),
    Source.GAP_ANALYSIS: Clients(PROMPTS_A_CLIENT, 1.0, together=True),
}


def deployment_of(configuration: Configuration) -> Deployment:
    """What its profile is compiled from.

    Operators are those of the newest release that was measured: older ones cannot be asked for.
    """
    name, precision = configuration.model, configuration.precision
    checkpoint, ours = CHECKPOINTS.get((name, precision), (name, None))
    return Deployment(
        model=checkpoint,
        gpu=configuration.gpu,
        engine=OperatorSource(configuration.engine),
        tp=configuration.tp,
        ep=configuration.ep,
        precision=ours,
    )


def serving_of(row: Row) -> Serving:
    """The limits it was served under."""
    configuration = row.configuration
    scripted = row.source is Source.INFERENCEMAX
    if configuration.engine == "vllm":
        # The scripts ask for it in earlier releases too.
        ahead = scripted or is_asynchronous("vllm", configuration.version)
        budget = VLLM_BUDGET if scripted else UNSCRIPTED_BUDGET
        return Serving(budget, MOST_ACTIVE, asynchronous=ahead)
    if not scripted:
        return Serving(SGLANG_CHUNK, MOST_ACTIVE, asynchronous=True)
    blackwell = configuration.gpu.startswith("b")
    chunk = 16384 if configuration.precision == "fp4" else 32768
    poll = 30 if row.concurrency >= 16 else 10
    return Serving(chunk, MOST_ACTIVE, asynchronous=True, poll_steps=poll if blackwell else 1)
