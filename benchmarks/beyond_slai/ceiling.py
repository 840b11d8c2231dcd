"""The least median TTFT of any scheduler, beside those of ours; and both as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.beyond_slai.places import CENTRAL_RPS, NAMES, OURS, PAPER, Studies, measured
from benchmarks.beyond_slai.ttft_bound import least_ttft_s, prompt_floor
from slaibench.costmodel import CostModel
from slaibench.costmodel.cost_model import LARGEST_BATCH_TOKENS
from slaibench.costmodel.floor import Room, batch_floor
from slaibench.report.figures.style import COLOURS, INK, MARKERS, legend, panel, png, styled
from slaibench.studies.estimate import Estimate, over_seeds
from slaibench.studies.prepared import prepare
from slaibench.studies.sweep import SweepResult
from slaibench.studies.systems.profiled import profile_of


def medians(studies: Studies) -> tuple[SweepResult, list[Estimate]]:
    """The three schedulers, and the least median of any at each rate."""
    swept = studies.sweep(PAPER, NAMES, rates=CENTRAL_RPS)
    return swept, [_least(studies, swept, rate) for rate in CENTRAL_RPS]


def _least(studies: Studies, swept: SweepResult, rate: float) -> Estimate:
    """Of the requests that ours measured, and of no others."""
    values, count = [], 0
    with prepare(studies.spec(PAPER, (OURS,), rates=(rate,))) as study:
        profile = profile_of(study.spec)
        for requests, _ in measured(study, swept, OURS, rate):
            prompts = np.array([request.prompt_tokens for request in requests])
            cache_tokens = profile.kv_blocks * profile.block_size
            room = Room(LARGEST_BATCH_TOKENS, 1, cache_tokens, int(prompts.max()))
            pairs = float((prompts.astype(float) ** 2).sum() / 2 / prompts.sum())
            least = prompt_floor(batch_floor(CostModel(profile), room, pairs), prompts)
            due = np.array([request.due_s for request in requests])
            values.append(least_ttft_s(due, least.work_s, least.alone_s, 0.5))
            count += len(requests)
    return over_seeds(values, count)


def draw(swept: SweepResult, least: Sequence[Estimate], file: Path) -> None:
    """Medians against rate, with intervals over seeds."""
    with styled():
        figure, (ax,) = panel()
        handles = []
        for name, colour, marker in zip(NAMES, COLOURS, MARKERS, strict=False):
            estimates = [point.ttft_s["p50"] for point in swept.of(name)]
            handles += ax.plot(
                CENTRAL_RPS,
                [estimate.value for estimate in estimates],
                colour,
                marker=marker,
                label=name,
            )
            ends = [estimate.ci95 or (estimate.value, estimate.value) for estimate in estimates]
            ax.fill_between(
                CENTRAL_RPS,
                [low for low, _ in ends],
                [high for _, high in ends],
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
        values = [estimate.value for estimate in least]
        handles += ax.plot(CENTRAL_RPS, values, INK, linestyle="--", label="no scheduler is below")
        ax.set(xlabel="requests/s", ylabel="median TTFT, s", ylim=(0, None))
        legend(figure, handles)
        figure.draw_without_rendering()
        file.write_bytes(png(figure))
