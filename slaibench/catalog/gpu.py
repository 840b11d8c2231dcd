"""GPUs: memory, bandwidth and peak, from datasheets; and how many KV blocks of a model fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from slaibench.catalog.fields import CatalogError, Fields, read_object, unknown
from slaibench.catalog.model import Model

# What vLLM 0.19 kept back beside weights and cache (activations of its largest batch, CUDA graphs,
# context) when it served Llama-3.1-8B on an RTX 4090 with 2,588 blocks at 0.9 utilization.
RESERVE_BYTES = 1_237_000_000


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator.

    Args:
        driver_names: what a driver calls it, where that is not its full name.
        memory_bytes: as the driver gives it to a process, a little less than on the box.
        bandwidth_gbps: peak memory bandwidth, 1e9 bytes a second.
        fp16_tflops: dense 16-bit tensor peak with 32-bit accumulation.
        multiprocessors: streaming multiprocessors.
        source: where the numbers are from.
    """

    name: str
    full_name: str
    memory_bytes: int
    bandwidth_gbps: float
    fp16_tflops: float
    multiprocessors: int
    source: str
    driver_names: tuple[str, ...] = ()


@cache
def _shipped() -> dict[str, Gpu]:
    values = read_object(files("slaibench.catalog.data") / "gpus.json")
    gpus = {}
    for name, facts in values.items():
        entry = Fields(facts, f"GPU {name!r}")
        gpus[name] = Gpu(
            name=name,
            full_name=entry.text("full_name"),
            memory_bytes=entry.whole("memory_bytes"),
            bandwidth_gbps=entry.number("bandwidth_gbps"),
            fp16_tflops=entry.number("fp16_tflops"),
            multiprocessors=entry.whole("multiprocessors"),
            source=entry.text("source"),
            driver_names=entry.texts("driver_names"),
        )
        entry.done()
    return gpus


def list_gpus() -> tuple[Gpu, ...]:
    """Every GPU the catalog has, by name."""
    return tuple(gpu for _, gpu in sorted(_shipped().items()))


def get_gpu(name: str) -> Gpu:
    """A GPU by its name here.

    Raises:
        CatalogError: no such GPU, with the nearest name.
    """
    gpus = _shipped()
    if name not in gpus:
        raise unknown("GPU", name, gpus)
    return gpus[name]


def find_gpu(device: str) -> Gpu | None:
    """The GPU that a person, a datasheet or a driver calls so; None: none of the catalog's.

    Whole names only: an "NVIDIA GeForce RTX 4090 D" is no RTX 4090.
    """
    name = device.strip().casefold()
    for gpu in _shipped().values():
        if name in map(str.casefold, (gpu.name, gpu.full_name, *gpu.driver_names)):
            return gpu
    return None


def kv_blocks(
    model: Model,
    gpu: Gpu,
    *,
    utilization: float = 0.9,
    reserve_bytes: int = RESERVE_BYTES,
    block_size: int = 16,
) -> int:
    """KV blocks left once the weights and the reserve are in: memory * utilization - both.

    The reserve is one measured constant. Real engines measure theirs at start, and it grows with
    the largest batch they allow: expect some per cent of error.

    Raises:
        CatalogError: the model does not fit.
    """
    if not 0 < utilization <= 1:
        raise CatalogError(f"utilization must be in (0, 1], not {utilization}")
    room = gpu.memory_bytes * utilization - model.weight_bytes - reserve_bytes
    blocks = int(room // (block_size * model.kv_bytes_per_token))
    if blocks < 1:
        raise CatalogError(
            f"{model.name} ({model.weight_bytes / 1e9:.1f} GB of weights) does not fit {gpu.name}: "
            f"{utilization:g} of {gpu.memory_bytes / 1e9:.1f} GB leaves no room for a KV cache; "
            "choose a larger GPU or a smaller model"
        )
    return blocks
