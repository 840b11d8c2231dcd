"""Published runs: mean latencies of closed loops, of a model on a GPU under an engine's release."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from slaibench.operators.aiconfigurator import SYSTEMS, check_installed

FILE = "systems/silicon_sample.csv"
"""In the package of the library of operators."""
ENGINES = ("vllm", "sglang")
NODE = 8
"""GPUs that a deployment may have: those of one node."""
SAME_RUN = 5e-3
"""Two rows whose times agree so far are one measurement that was published twice: some of its
sources round to two places, and repetitions of a run differ by more."""
SAME_MODEL = {"deepseek-ai/DeepSeek-R1": "deepseek-ai/DeepSeek-V3"}
"""Two names of one shape, under which the same measurements were published."""
_GPUS = {system: gpu for gpu, system in SYSTEMS.items()}
_CONCURRENCY = re.compile(r"silicon_concurrency=(\d+)")


class Half(StrEnum):
    """What a row is for: no number is fitted to the held-out half."""

    FITTED = "fitted"
    HELD_OUT = "held-out"


class Source(StrEnum):
    """Who ran it, which decides how clients started and how an engine was set up."""

    INFERENCEMAX = "inferencemax"
    """SemiAnalysis's nightly runs, whose scripts are public."""
    GAP_ANALYSIS = "gap-analysis"
    """The library's authors' own runs; how they were set up was not published."""


@dataclass(frozen=True, slots=True, order=True)
class Configuration:
    """What was served, on what, by what.

    Args:
        gpu: name of the catalog.
        version: release; empty: not published.
        model: Hugging Face id.
        precision: as published: fp8, fp4, int4, bf16; empty: the model's own.
        tp: GPUs that share each layer.
        ep: groups that experts are split over.
        attention_dp: replicas of the attention layers.
    """

    gpu: str
    engine: str
    version: str
    model: str
    precision: str
    tp: int
    ep: int
    attention_dp: int

    @property
    def half(self) -> Half:
        """Which half all its rows belong to: a bit of a hash, so that nobody chose it."""
        text = "|".join(
            (
                *(self.gpu, self.engine, self.version, self.model, self.precision),
                *(str(size) for size in (self.tp, self.ep, self.attention_dp)),
            )
        )
        return Half.FITTED if hashlib.sha256(text.encode()).digest()[0] & 1 else Half.HELD_OUT


@dataclass(frozen=True, slots=True)
class Row:
    """One load of a configuration: always so many requests under way, all of one size.

    Args:
        prompt_tokens, output_tokens: of a request, as published.
        ttft_ms, tpot_ms: means of the measurements.
        measurements: that differ.
        ttft_spread, tpot_spread: (largest - least) / mean of them; 0 with one.
    """

    configuration: Configuration
    source: Source
    prompt_tokens: int
    output_tokens: int
    concurrency: int
    ttft_ms: float
    tpot_ms: float
    measurements: int
    ttft_spread: float
    tpot_spread: float

    @property
    def e2e_ms(self) -> float:
        """Mean end-to-end latency."""
        return self.ttft_ms + (self.output_tokens - 1) * self.tpot_ms


@dataclass(frozen=True, slots=True)
class Rows:
    """What a file of published runs has.

    Args:
        rows: merged, by configuration and load.
        read: lines before merging, of those that can be represented.
        left_out: how many lines cannot be, by reason.
    """

    rows: tuple[Row, ...]
    read: int
    left_out: Mapping[str, int]


def published_file() -> Path:
    """The file of published runs that comes with the library of operators.

    Raises:
        CatalogError: the library is not installed.
    """
    check_installed()
    spec = find_spec("aiconfigurator_core")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / FILE


def read_rows(file: Path) -> Rows:
    """All rows that can be represented; the same configuration and load are one."""
    left_out: Counter[str] = Counter()
    loads: dict[tuple[Configuration, Source, int, int, int], list[tuple[float, float]]] = {}
    with file.open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            reason = _why_not(line)
            if reason is not None:
                left_out[reason] += 1
                continue
            key = (
                _configuration(line),
                _source(line),
                int(line["isl"]),
                int(line["osl"]),
                _concurrency(line),
            )
            times = float(line["silicon_ttft_ms"]), float(line["silicon_tpot_ms"])
            loads.setdefault(key, []).append(times)
    rows = tuple(_merged(*key, loads[key]) for key in sorted(loads))
    return Rows(rows, sum(map(len, loads.values())), dict(sorted(left_out.items())))


def _why_not(line: Mapping[str, str]) -> str | None:
    """Why a line cannot be represented; None: it can."""
    split = _configuration(line)
    reasons = {
        f"another engine ({line['backend']})": line["backend"] not in ENGINES,
        "prompts and decodes on GPUs of their own (disaggregated)": line["mode"] != "agg",
        f"a GPU without measured operators ({line['system']})": line["system"] not in _GPUS,
        "layers split over GPUs (pipeline parallel)": line["pp_size"] not in ("", "1"),
        f"more than the {NODE} GPUs of a node": split.tp > NODE,
        "attention replicated (data parallel)": split.attention_dp > 1,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _configuration(line: Mapping[str, str]) -> Configuration:
    """What a line is of, in one reading.

    Experts over groups were published in two readings: ``tp`` GPUs whose experts are in ``ep``
    groups, and the product of both as if it were the number of GPUs, with the same times. The
    first is taken: a product of equal sizes is undone.
    """
    tp, moe_tp, ep = (int(line[key] or 0) for key in ("tp_size", "moe_tp_size", "moe_ep_size"))
    attention_dp = int(line["attention_dp_size"] or 0)
    if ep > 1 and moe_tp == ep and tp == moe_tp * ep:
        tp = ep
    elif attention_dp > 1 and ep == tp * attention_dp:
        ep = tp
    elif attention_dp < 1 and moe_tp * ep > tp > 0:
        attention_dp = moe_tp * ep // tp
    version = line["backend_version"]
    return Configuration(
        gpu=_GPUS.get(line["system"], line["system"]),
        engine=line["backend"],
        # The same run was published under a release's date and without it.
        version="nightly-dev" if version.startswith("nightly-dev") else version,
        model=SAME_MODEL.get(line["model_path"], line["model_path"]),
        precision=line["precision"],
        tp=tp,
        ep=max(ep, 1),
        attention_dp=max(attention_dp, 1),
    )


def _source(line: Mapping[str, str]) -> Source:
    # Who ran what is in the words of where the library's authors have it from.
    ours = "gap-analysis" in line["silicon_data_source"] and "/" in line["silicon_data_source"]
    return Source.GAP_ANALYSIS if ours else Source.INFERENCEMAX


def _concurrency(line: Mapping[str, str]) -> int:
    match = _CONCURRENCY.search(line["silicon_data_source"])
    return int(match[1]) if match else int(line["batch_size"])


def _merged(
    configuration: Configuration,
    source: Source,
    prompt_tokens: int,
    output_tokens: int,
    concurrency: int,
    times: Sequence[tuple[float, float]],
) -> Row:
    different: list[tuple[float, float]] = []
    for ttft, tpot in sorted(times, key=lambda pair: (pair[1], pair[0])):
        same = (
            abs(ttft / other_ttft - 1) < SAME_RUN and abs(tpot / other_tpot - 1) < SAME_RUN
            for other_ttft, other_tpot in different
        )
        if not any(same):
            different.append((ttft, tpot))
    ttfts, tpots = zip(*different, strict=True)
    return Row(
        configuration=configuration,
        source=source,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        concurrency=concurrency,
        ttft_ms=float(np.mean(ttfts)),
        tpot_ms=float(np.mean(tpots)),
        measurements=len(different),
        ttft_spread=_spread(ttfts),
        tpot_spread=_spread(tpots),
    )


def _spread(values: Iterable[float]) -> float:
    numbers = np.array(list(values))
    return float(np.ptp(numbers) / numbers.mean())
