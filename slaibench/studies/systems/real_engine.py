"""What only an engine on a real device has: arguments of its own, weights in memory, hardware."""

from __future__ import annotations

from slaibench.backends.engines.base import Engine
from slaibench.catalog.gpu import find_gpu
from slaibench.catalog.model import Model
from slaibench.catalog.profile import Profile
from slaibench.spec import Device, StudySpec, flags_of
from slaibench.studies.systems.base import Demand

MEMORY_SHARE = 0.9
"""Of this machine's memory: what weights may take on a CPU."""

TP_NAMES = ("--tensor-parallel-size", "--tp-size", "--tp", "-tp")
"""Engines' own names of ``--tp``."""
ENGINES_OWN = {
    "ep": "give --engine-args '--enable-expert-parallel' (vLLM) or '--ep-size=...' (SGLang)",
    "precision": "give a checkpoint in that format (--weights), or --engine-args "
    "'--quantization=...'",
    "engine": "say --backend vllm or sglang, and leave it out",
    "engine_version": "it is the installed engine's: leave it out",
}
"""Fields that make a profile, and what to say to a real engine instead."""


def spread(spec: StudySpec) -> StudySpec:
    """The specification of a real engine, which is spread over GPUs by its own argument.

    Raises:
        ValueError: a field that only makes a profile, or the argument is there already.
    """
    for name, instead in ENGINES_OWN.items():
        if getattr(spec, name) is not None:
            raise ValueError(
                f"{flags_of(StudySpec)[name]} says which profile to make, and a real device has "
                f"times of its own: {instead}"
            )
    if spec.tp is None:
        return spec
    given = spec.engine_args or ""
    if any(word.startswith(TP_NAMES) for word in given.split()):
        raise ValueError(f"--tp {spec.tp}: --engine-args says it as well: leave one of them out")
    words = [*filter(None, [given]), f"--tensor-parallel-size={spec.tp}"]
    return spec.model_copy(update={"tp": None, "engine_args": " ".join(words)})


def started_with(weights: str | None, engine_args: str | None) -> str:
    """What a real engine was started with, in words."""
    model = f"weights {weights}" if weights else "random weights"
    return f"{model}, {engine_args}" if engine_args else model


def hardware_name(device: Device) -> str:
    """What computes, in words."""
    from slaibench.machine.hardware import device_name  # noqa: PLC0415

    return device_name("cpu" if device is Device.EMULATED else device.value)


def refuse_too_large(model: Model, weight_bytes: int) -> None:
    """Refuse weights that this machine's memory cannot hold.

    Raises:
        ValueError: with a model that fits.
    """
    from slaibench.machine.hardware import memory_bytes  # noqa: PLC0415

    if weight_bytes <= MEMORY_SHARE * (memory := memory_bytes()):
        return
    raise ValueError(
        f"the weights of {model.name} take {weight_bytes / 1e9:.1f} GB, and this machine has "
        f"{memory / 1e9:.1f} GB of memory: give --model tiny-mistral, or --device emulated, which "
        "holds no weights"
    )


def started_for(
    demand: Demand, engine: Engine, profile: Profile | None
) -> tuple[int | None, int | None]:
    """Tokens of a batch and active requests that an engine is started for; None: its own defaults,
    since no scheduler of the study has limits of its own.

    Args:
        profile: of the GPU that is emulated; None: a real one.
    """
    tokens, active = demand.token_budget, demand.max_active
    gpu = profile and find_gpu(profile.gpu)
    if demand.is_stock and profile and gpu:
        kv_tokens = profile.kv_blocks * profile.block_size
        stock = engine.stock_limits(gpu, kv_tokens, demand.context_tokens)
        if stock is not None:
            tokens, active = max(tokens, stock.token_budget), max(active, stock.max_active)
    if demand.is_stock and (tokens, active) == (1, 1):
        return None, None
    return max(tokens, active), active  # engines want room for a token of every active request
