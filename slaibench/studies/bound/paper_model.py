"""RAD's own ground: the paper's batch-time model and lengths, as a study on the simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from slaibench.catalog import FormulaAttention, Profile, Regime, SequenceTable, Status, TokenTable
from slaibench.costmodel import StaircaseCostModel
from slaibench.spec import StudySpec
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.systems.base import Service
from slaibench.studies.systems.simulator import SimulatorSystem
from slaibench.workloads.lengths import Description, IntArray, Lengths, summarize_sample

TILE_COLUMN = 128
T_LIN_S = 0.004
PER_TOKEN_S = 5e-6
KV_BLOCKS = 10_000_000
"""So many that memory is never short: the theorem's Assumption 4."""
LARGEST_TOKENS = 1024
NEXT_TO_NOTHING = 1e-9
"""Milliseconds: what a profile cannot have as 0, here a millionth of a millionth of a batch."""


def paper_model(step_s: float) -> StaircaseCostModel:
    """Eq. 7 of arXiv 2508.01002 without attention: 4 ms a tile column of 128 tokens, 5 us a token.

    Args:
        step_s: a cost of each batch, which the paper's model lacks.
    """
    return StaircaseCostModel(
        t_lin_s=T_LIN_S,
        t_col_tokens=TILE_COLUMN,
        per_token_s=PER_TOKEN_S,
        step_overhead_s=step_s,
    )


def paper_profile(step_s: float) -> Profile:
    """The same as a profile, which recordings name and systems take."""
    model = paper_model(step_s)
    sizes = tuple(range(1, LARGEST_TOKENS + 1))
    return Profile(
        gpu="paper",
        model="eq7",
        status=Status.FITTED,
        engine="none: a formula",
        source="eq. 7 of Bari, Hegde, de Veciana, arXiv 2508.01002",
        licence="",
        notes=(),
        regime=Regime(LARGEST_TOKENS, 1_000_000, LARGEST_TOKENS, LARGEST_TOKENS),
        errors={},
        kv_blocks=KV_BLOCKS,
        block_size=16,
        kv_source="none: memory is never short",
        step_overhead_ms=1e3 * step_s,
        constant_ms=0.0,
        linear=TokenTable(sizes, tuple(1e3 * model.batch_time_s(n, 0, []) for n in sizes)),
        per_sequence=SequenceTable((1, 2), (NEXT_TO_NOTHING, NEXT_TO_NOTHING)),
        attention=FormulaAttention(
            layers=1,
            hidden=1,
            kv_bytes_per_token=1,
            kv_bandwidth_gbps=1e12,
            prefill_tflops=1e12,
            decode_launch_us=0.0,
            prefill_launch_us=0.0,
            own_share=0.5,
            mixed_decode_factor=1.0,
            row_tile=1,
            wave_tokens=1,
        ),
    )


@dataclass(frozen=True, slots=True)
class PaperLengths:
    """Prompts of 1 to 8 whole tile columns; outputs exponential of mean 200, cut at 512 decodes.

    The theory counts decodes, and the prefill's own token comes on top of them.
    """

    name = "paper-tiles"
    note = (
        "prompts of 128 times 1 to 8 tokens; min(floor(exponential of mean 200) + 1, 512) decodes"
    )
    identity = "paper-tiles"

    def sample(self, num_requests: int, rng: np.random.Generator) -> Lengths:
        """See `slaibench.workloads.lengths.LengthSource.sample`. Takes two numbers a request."""
        prompt, output = rng.random((num_requests, 2)).T
        tiles = 1 + np.floor(8 * prompt).astype(np.int64)
        decodes = np.minimum(np.floor(-200 * np.log1p(-output)).astype(np.int64) + 1, 512)
        return Lengths(TILE_COLUMN * tiles, decodes + 1)

    def describe(self) -> Description:
        return summarize_sample(self)


def paper_lengths() -> tuple[IntArray, IntArray]:
    """The distribution itself: prompt tokens and decodes, each of a million requests at the
    quantiles of its law."""
    ranks = (np.arange(1_000_000) + 0.5) / 1_000_000
    decodes = np.minimum(np.floor(-200 * np.log1p(-ranks)).astype(np.int64) + 1, 512)
    # Independent of each other, and only sums that are linear in each are taken.
    return TILE_COLUMN * (1 + np.arange(1_000_000) % 8), decodes


def paper_study(
    study: StudySpec, schedulers: tuple[str, ...], step_s: float, num: int
) -> PreparedStudy:
    """A backlog of the paper's requests under its batch-time model, in the simulator.

    Args:
        study: of which only seeds count.
        num: requests.
    """
    spec = StudySpec(
        schedulers=schedulers,
        workload="fixed:prompt=1024,output=513",
        arrivals="burst",
        rates=(1.0,),
        num_seeds=study.num_seeds,
        first_seed=study.first_seed,
        num_requests=num,
        early_stop=False,
    )
    prepared = prepare(spec)
    assert isinstance(prepared.system, SimulatorSystem)
    system = replace(
        prepared.system,
        model="eq7",
        gpu=f"paper-{1e3 * step_s:g}ms",
        profile=paper_profile(step_s),
        asynchronous=False,
        kv_blocks=KV_BLOCKS,
    )
    return replace(prepared, system=system, service=Service(system), source=PaperLengths())
