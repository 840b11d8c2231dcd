"""The library of measured operators: aiconfigurator-core (NVIDIA, Apache-2.0).

Times of matrix products, attention, communication and experts, measured under releases of vLLM and
SGLang. It is an extra: nothing here is imported before it is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from slaibench.catalog.fields import CatalogError, read_object, unknown
from slaibench.operators.deployment import Deployment, Precision

PACKAGE = "aiconfigurator-core"
SYSTEMS = {
    "a100": "a100_sxm",
    "a100-pcie": "a100_pcie",
    "a30": "a30",
    "b200": "b200_sxm",
    "b300": "b300_sxm",
    "gb200": "gb200",
    "gb300": "gb300",
    "h100": "h100_sxm",
    "h100-pcie": "h100_pcie",
    "h200": "h200_sxm",
    "l4": "l4",
    "l40s": "l40s",
    "rtx-pro-6000": "rtx_pro_6000_server",
}
"""Its name of each GPU."""
SAME_AS = {"MistralForCausalLM": "LlamaForCausalLM"}
"""Architectures that it refuses by name, and one of the same layers."""

_MODES: Mapping[Precision, Mapping[str, str]] = {
    Precision.BF16: {"gemm_quant_mode": "bfloat16", "moe_quant_mode": "bfloat16"},
    Precision.FP8: {"gemm_quant_mode": "fp8", "moe_quant_mode": "fp8"},
    Precision.FP4: {"gemm_quant_mode": "nvfp4", "moe_quant_mode": "nvfp4"},
}
_MEASURED_INSTEAD: Sequence[Mapping[str, str]] = ({"fmha_quant_mode": "bfloat16"},)
"""Formats to take where the one that the library chooses was not measured: it sets FP8 for the
attention of DeepSeek's prompts under SGLang, and has only 16-bit times of it."""


@dataclass(frozen=True, slots=True)
class Value:
    """Time of one operator in all layers of a step, on one GPU.

    Args:
        name: the library's.
        ms: milliseconds.
        source: ``silicon`` (measured there, or between measured places), ``empirical`` (a formula
            fitted to measurements), ``mixed``.
    """

    name: str
    ms: float
    source: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What one GPU holds.

    Args:
        weight_bytes: its share of the weights.
        kv_bytes_per_token: keys and values of a token, its share.
        kv_tokens: tokens that its cache has room for.
    """

    weight_bytes: int
    kv_bytes_per_token: float
    kv_tokens: int


def installed_version() -> str | None:
    """Of the library; None: it is not installed."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return None


def check_installed() -> None:
    """Raises CatalogError: it is not there; with how to get it."""
    if installed_version() is None:
        raise CatalogError(
            f"times of operators come with {PACKAGE}, which is not installed: pip install "
            "'slaibench[profiles]'"
        )


class Operators:
    """One deployment's operators.

    Args:
        config: folder of the model's ``config.json``.

    Raises:
        CatalogError: the library is absent, or does not have what is asked for.
    """

    def __init__(self, deployment: Deployment, config: Path) -> None:
        check_installed()
        if deployment.gpu not in SYSTEMS:
            raise unknown("GPU whose operators were measured:", deployment.gpu, SYSTEMS)
        self.deployment = deployment
        self._config = config
        self._options = _options(deployment) | _measured_products(deployment, config)
        with _quiet(), _refused(deployment):
            from aiconfigurator_core.sdk.engine import EngineHandle  # noqa: PLC0415

            self._handle: Any = None
            for own in ({}, *_MEASURED_INSTEAD):
                self._handle = EngineHandle.compile(
                    str(config),
                    SYSTEMS[deployment.gpu],
                    deployment.engine,
                    backend_version=deployment.engine_version,
                    **self._options,
                    **own,
                )
                try:
                    self._handle.predict_prefill_latency(1, 16, 0)
                    break
                except Exception:  # it has exceptions of its own in every module
                    if own is _MEASURED_INSTEAD[-1]:
                        raise

    @cached_property
    def version(self) -> str:
        """The engine's release whose operators these are."""
        from aiconfigurator_core.sdk import perf_database  # noqa: PLC0415

        system, asked = SYSTEMS[self.deployment.gpu], self.deployment.engine_version or "current"
        with _quiet(), _refused(self.deployment):
            return str(perf_database.resolve_query_version(system, self.deployment.engine, asked))

    def context(self, indices: Sequence[int], chunk: int, history: int = 0) -> tuple[Value, ...]:
        """Operators of one prompt chunk after ``history`` tokens of the same prompt."""
        values = self._handle.evaluate_context_ops(
            list(indices), batch_size=1, s=chunk, prefix=history
        )
        return _values(values)

    def generation(self, indices: Sequence[int], sequences: int, context: int) -> tuple[Value, ...]:
        """Operators of so many decodes with ``context`` KV tokens each."""
        values = self._handle.evaluate_generation_ops(
            list(indices), batch_size=sequences, s=context
        )
        return _values(values)

    @cached_property
    def num_context(self) -> int:
        """Number of operators of a prompt chunk."""
        return self._count(lambda index: self.context([index], 16))

    @cached_property
    def num_generation(self) -> int:
        """Number of operators of a decode."""
        return self._count(lambda index: self.generation([index], 1, 16))

    def decode_step_ms(self, sequences: int, context: int) -> float:
        """The library's own step of decodes, to be compared with."""
        return float(self._handle.decode_step_latency(sequences, context, 2))

    def prefill_step_ms(self, chunk: int, history: int = 0) -> float:
        """The library's own step of one chunk, to be compared with."""
        return float(self._handle.predict_prefill_latency(1, chunk, history))

    def memory(self, *, batch_tokens: int, sequences: int, utilization: float) -> Memory:
        """One GPU's memory, by the library's model of an engine.

        Args:
            batch_tokens, sequences: the largest batch, for which an engine keeps room.
            utilization: share of the memory that the engine may take.

        Raises:
            CatalogError: the model does not fit.
        """
        with _quiet(), _refused(self.deployment):
            from aiconfigurator_core.sdk.memory import estimate_kv_cache  # noqa: PLC0415

            estimate = estimate_kv_cache(
                str(self._config),
                SYSTEMS[self.deployment.gpu],
                self.deployment.engine,
                backend_version=self.version,
                max_num_tokens=batch_tokens,
                max_batch_size=sequences,
                memory_fraction_kind="of_total",
                memory_fraction_value=utilization,
                **self._options,
            )
        return Memory(
            weight_bytes=int(estimate["memory_breakdown"]["weights_bytes"]),
            kv_bytes_per_token=float(estimate["kv_size_per_token_bytes"]),
            kv_tokens=int(estimate["total_kv_size_tokens"]),
        )

    @cached_property
    def peak_bytes_per_s(self) -> float:
        """Of the GPU's memory, by its datasheet."""
        import aiconfigurator_core  # noqa: PLC0415
        import yaml  # noqa: PLC0415

        folder = Path(aiconfigurator_core.__file__).parent / "systems"
        text = (folder / f"{SYSTEMS[self.deployment.gpu]}.yaml").read_text()
        return float(yaml.safe_load(text)["gpu"]["mem_bw"])

    @staticmethod
    def _count(evaluate: Any) -> int:
        index = 0
        while True:
            try:
                evaluate(index)
            except ValueError:
                return index
            index += 1


def _values(values: Sequence[tuple[str, float, float, str]]) -> tuple[Value, ...]:
    return tuple(Value(name, float(ms), source) for name, ms, _, source in values)


def _options(deployment: Deployment) -> dict[str, Any]:
    options: dict[str, Any] = {
        "tp_size": deployment.tp,
        "moe_tp_size": deployment.tp // deployment.ep,
        "moe_ep_size": deployment.ep,
    }
    if deployment.precision is not None:
        options |= _MODES[deployment.precision]
    return options


def _measured_products(deployment: Deployment, config: Path) -> dict[str, str]:
    """Which measurements stand for products of FP8 weights that are scaled by blocks.

    Those of vLLM (0.24) hold a launch each: 0.18 ms flat from 1 to 8,192 tokens on B200, 6 to 24
    times the same products scaled by tensor at 16 tokens, and above those of 16 bits. SGLang's of
    the same kernels do not. Products scaled by tensor stand for them.
    """
    if deployment.engine != "vllm" or deployment.precision is not None:
        return {}
    values = read_object(config / "config.json")
    inner = values.get("text_config") or {}
    weights = values.get("quantization_config") or inner.get("quantization_config") or {}
    return {"gemm_quant_mode": "fp8"} if weights.get("weight_block_size") else {}


@contextmanager
def _quiet() -> Iterator[None]:
    """The library says much on its loggers; what matters is raised."""
    logger = logging.getLogger("aiconfigurator_core")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _refused(deployment: Deployment) -> Iterator[None]:
    """Its refusals, as a sentence of ours."""
    try:
        yield
    except CatalogError:
        raise
    except Exception as error:  # it has exceptions of its own in every module
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise CatalogError(f"no operators of {deployment.words}: {first[0][:300]}") from error
