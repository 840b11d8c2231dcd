"""RAD: optimally tiled batches; the split of time between prefill and decode follows the load."""

from __future__ import annotations

import math
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, Scheduler, whole_number
from slaibench.schedulers.batching import decode_by_arrival, head_fits, take_decodes


def _parse_cycle(cycle: float | str) -> float:
    try:
        value = float(cycle)
    except ValueError:
        value = math.nan
    if not value >= 1 or (math.isfinite(value) and value != int(value)):
        raise ValueError(f"cycle must be a whole number of at least 1, or inf, not {cycle!r}")
    return value


class _Tiled(Scheduler):
    """What RAD and its batch-prefill variant share: batches that are one decode tile or one chunk.

    Args:
        tile: most tokens of the decodes in a batch (rows of a GeMM tile): as many decodes, or fewer
            where each verifies drafted tokens.
        chunk: tokens of a prefill chunk, alone in its batch.
        cycle: requests prefilled at most before the decodes must have run out; may be ``inf``.
        max_active: as for every scheduler; None takes the least that does not bind.

    Raises:
        ValueError: a size below 1.
    """

    def __init__(
        self,
        *,
        tile: int = 128,
        chunk: int = 256,
        cycle: float | str = math.inf,
        max_active: int | None = None,
        token_budget: int | None = None,
        **limits: Any,
    ) -> None:
        self.tile = whole_number("tile", tile)
        self.chunk = whole_number("chunk", chunk)
        self.cycle = _parse_cycle(cycle)
        super().__init__(
            token_budget=max(tile, chunk) if token_budget is None else token_budget,
            max_active=self._enough_active() if max_active is None else max_active,
            **limits,
        )
        if self.token_budget < max(tile, chunk):
            raise ValueError(
                f"token_budget {self.token_budget} is smaller than a batch of tile={tile} or "
                f"chunk={chunk}; leave it out to have it follow them"
            )
        self._num_in_cycle = 0

    def _enough_active(self) -> int:
        return self.tile

    @property
    def _cycle_is_full(self) -> bool:
        return self._num_in_cycle >= self.cycle

    def _tile_decodes(self, view: EngineView) -> int:
        """Decodes that fill a tile."""
        return max(1, self.tile // view.tokens_per_decode)

    def _prefill_chunk(self, view: EngineView) -> Batch:
        """Prefill mode: the next chunk of the oldest prompt, alone; empty where none can go on."""
        batch = Batch()
        if view.prefilling or head_fits(view, self):
            request = view.prefilling[0] if view.prefilling else view.waiting[0]
            rest = request.prefill_tokens - request.computed_tokens
            batch.prefills.append((request, min(self.chunk, rest)))
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        self._num_in_cycle += len(batch.work.finished_prefills)
        if batch.decodes and not view.decoding:
            self._num_in_cycle = 0


class Rad(_Tiled):
    """A batch is one decode each of up to ``tile`` requests, or one chunk of one prompt.

    The oldest prompt goes on, alone, until ``tile`` requests decode, no prompt is left or
    ``cycle`` requests were prefilled since the decodes last ran out; then everybody decodes. On a
    real card a prompt is admitted only when its blocks can be had; else the decodes go on.

    Source: Bari, Hegde, de Veciana, arXiv 2508.01002, Sec. 4, Algorithm 1: its P is ``waiting``
    and ``prefilling``, its D ``decoding``, its k ``_num_in_cycle``.
    """

    name = "rad"
    description = "throughput-optimal tiling: decode tiles or one prefill chunk, never mixed"

    def schedule(self, view: EngineView) -> Batch:
        if view.prefilling:  # decodes never interrupt a prompt
            return self._prefill_chunk(view)
        if self._cycle_is_full and not view.decoding:
            self._num_in_cycle = 0  # every request of the cycle ended with its prefill
        tile_is_full = len(view.decoding) >= self._tile_decodes(view)
        if view.decoding and (tile_is_full or self._cycle_is_full or not head_fits(view, self)):
            return self._decode_tile(view)
        return self._prefill_chunk(view)

    def _decode_tile(self, view: EngineView) -> Batch:
        """Decode mode: one token for each, up to a tile."""
        batch = Batch()
        decode_by_arrival(view, batch, max(self.tile, view.tokens_per_decode))
        batch.critical_decodes = len(batch.decodes)
        return batch


class RadBatchPrefill(_Tiled):
    """Prefill up to ``cycle`` requests, then decode them all with a rolling set of ``tile``.

    Source: arXiv 2508.01002, Appendix D. On a real card the prefill phase also ends when the next
    prompt's blocks cannot be had.
    """

    name = "rad-batch-prefill"
    description = "RAD of the paper's Appendix D: a phase of prefills, then a phase of decodes"

    def __init__(self, *, cycle: float | str = 512, **options: Any) -> None:
        super().__init__(cycle=cycle, **options)
        self._decode_phase = False

    def _enough_active(self) -> int:
        return int(self.cycle) if math.isfinite(self.cycle) else 1_000_000

    def schedule(self, view: EngineView) -> Batch:
        if view.prefilling:
            return self._prefill_chunk(view)
        if not view.decoding:
            self._decode_phase = False
            self._num_in_cycle = 0
        elif self._cycle_is_full or not head_fits(view, self):
            self._decode_phase = True
        return self._decode_tile(view) if self._decode_phase else self._prefill_chunk(view)

    def _decode_tile(self, view: EngineView) -> Batch:
        """The rolling set is whoever decoded longest; the last in line is preempted first."""
        batch = Batch()
        take_decodes(view, batch, view.decoding, list(view.decoding), self._tile_decodes(view))
        batch.critical_decodes = len(batch.decodes)
        return batch
