"""The library of measured operators: aiconfigurator-core (NVIDIA, Apache-2.0).

Times of matrix products, attention, communication and experts, measured under releases of vLLM and
SGLang. It is an extra: nothing here is imported before it is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from slaibench.catalog.fields import CatalogError, unknown
from slaibench.operators.deployment import Deployment, OperatorSource
from slaibench.operators.formats import MEASURED_INSTEAD, measured_products, options_of

PACKAGE = "aiconfigurator-core"
SYSTEMS = {
    "a100": "a100_sxm",
    "b200": "b200_sxm",
    "b300": "b300_sxm",
    "gb200": "gb200",
    "gb300": "gb300",
    "h100": "h100_sxm",
    "h200": "h200_sxm",
    "l40s": "l40s",
    "rtx-pro-6000": "rtx_pro_6000_server",
}
"""Its names of the GPUs that operators of these engines were measured on."""

NO_ROOM = "no KV budget"
"""In its words where the weights fill the memory."""


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
        self._engine = str(deployment.engine or OperatorSource.VLLM)
        self._options = options_of(deployment) | measured_products(deployment, config)
        self.version = self._version()
        self._check_node()
        with _quiet(), refused(deployment):
            self._handle = self._compiled()

    def _compiled(self) -> Any:
        from aiconfigurator_core.sdk.engine import EngineHandle  # noqa: PLC0415

        for instead in ({}, *MEASURED_INSTEAD):
            handle = EngineHandle.compile(
                str(self._config),
                SYSTEMS[self.deployment.gpu],
                self._engine,
                backend_version=self.version,
                **self._options,
                **instead,
            )
            try:
                handle.predict_prefill_latency(1, 16, 0)
            except Exception:  # it has exceptions of its own in every module
                if instead is MEASURED_INSTEAD[-1]:
                    raise
            else:
                break
        return handle

    def _version(self) -> str:
        """The engine's release whose operators these are."""
        from aiconfigurator_core.sdk import perf_database  # noqa: PLC0415

        engine, gpu = self._engine, self.deployment.gpu
        with _quiet(), refused(self.deployment):
            slots = perf_database.get_version_slots(SYSTEMS[gpu], engine) or {}
        versions = list(dict.fromkeys(map(str, slots.values())))
        asked = self.deployment.engine_version or "current"
        version = asked if asked in versions else slots.get(asked)
        if version is None:
            raise CatalogError(
                f"operators of {engine} on {gpu} were measured in {' and '.join(versions)}, not in "
                f"{asked}: give one of these as --engine-version, or leave it out"
            )
        return str(version)

    def _check_node(self) -> None:
        most = int(self._system["node"]["num_gpus_per_node"])
        if self.deployment.tp > most:
            raise CatalogError(
                f"--tp {self.deployment.tp}: a node of {self.deployment.gpu} has {most} GPUs, and "
                "a layer is spread over those of one"
            )

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
        with _quiet(), refused(self.deployment):
            from aiconfigurator_core.sdk.memory import estimate_kv_cache  # noqa: PLC0415

            estimate = estimate_kv_cache(
                str(self._config),
                SYSTEMS[self.deployment.gpu],
                self._engine,
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

    @property
    def peak_bytes_per_s(self) -> float:
        """Of the GPU's memory, by its datasheet."""
        return float(self._system["gpu"]["mem_bw"])

    @cached_property
    def _system(self) -> dict[str, Any]:
        import aiconfigurator_core  # noqa: PLC0415
        import yaml  # noqa: PLC0415

        folder = Path(aiconfigurator_core.__file__).parent / "systems"
        text = (folder / f"{SYSTEMS[self.deployment.gpu]}.yaml").read_text()
        system: dict[str, Any] = yaml.safe_load(text)
        return system

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
def refused(deployment: Deployment) -> Iterator[None]:
    """Its refusals, as a sentence of ours."""
    try:
        yield
    except CatalogError:
        raise
    except Exception as error:  # it has exceptions of its own in every module
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if NO_ROOM in first:
            raise does_not_fit(deployment) from error
        raise CatalogError(
            f"no operators of {deployment.words}: {first[:300]}; another --tp, --ep, --precision "
            "or --engine may have them, and --engine roofline needs none"
        ) from error


def does_not_fit(deployment: Deployment) -> CatalogError:
    """The error for weights that leave no room."""
    return CatalogError(
        f"{deployment.words} does not fit: the weights leave no room for a KV cache; give a larger "
        "--tp, --precision fp8, or a larger GPU"
    )
