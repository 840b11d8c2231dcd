"""A model as an engine serves it: on which GPUs, split how, in which number format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Precision(StrEnum):
    """Number format of the weights' matrix products."""

    BF16 = "bf16"
    FP8 = "fp8"
    FP4 = "fp4"
    """NVFP4: 4 bits and a scale for 16 of them."""


class OperatorSource(StrEnum):
    """Where the times of operators are from."""

    VLLM = "vllm"
    """Measured under releases of vLLM."""
    SGLANG = "sglang"
    ROOFLINE = "roofline"
    """Not measured: the model's shape and the GPU's datasheet."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a profile is of.

    Args:
        model: name of the catalog, Hugging Face id, or a folder or file of a ``config.json``.
        gpu: name of the catalog.
        engine: whose operators; None: those of the profile that ships, if one does, else vLLM's.
        engine_version: a release whose operators were measured; None: the newest.
        tp: GPUs that share each layer (tensor parallel), all of one node.
        ep: groups that a mixture's experts are split over, a divisor of ``tp``; each expert is
            shared by the ``tp / ep`` GPUs of a group.
        precision: None: the model's own.

    Raises:
        ValueError: a number that does not fit, with the way out.
    """

    model: str
    gpu: str
    engine: OperatorSource | None = None
    engine_version: str | None = None
    tp: int = 1
    ep: int = 1
    precision: Precision | None = None

    def __post_init__(self) -> None:
        if self.tp < 1 or self.tp & (self.tp - 1):
            raise ValueError(f"--tp {self.tp}: give a power of two: 1, 2, 4, 8")
        if self.ep < 1 or self.tp % self.ep:
            raise ValueError(f"--ep {self.ep} does not divide --tp {self.tp}")
        if self.engine_version and self.engine in (None, OperatorSource.ROOFLINE):
            raise ValueError(
                f"--engine-version {self.engine_version}: say of which engine: --engine vllm or "
                "sglang"
            )

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said but model and GPU: a profile that ships is of this."""
        return self == Deployment(self.model, self.gpu)

    @property
    def words(self) -> str:
        """As a reader would say it: ``qwen3-32b on 2 x h100, fp8, vllm 0.24.0``."""
        gpus = self.gpu if self.tp == 1 else f"{self.tp} x {self.gpu}"
        split = f", experts over {self.ep}" if self.ep > 1 else ""
        precision = f", {self.precision}" if self.precision else ""
        engine = f", {self.engine}" if self.engine else ""
        version = f" {self.engine_version}" if self.engine_version else ""
        return f"{self.model} on {gpus}{split}{precision}{engine}{version}"
