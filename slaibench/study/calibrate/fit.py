"""From measured batches to a cost model's numbers: non-negative, robust least squares.

The time of a batch is taken as a sum, each term linear in what is sought:

- linear layers and all else that goes with tokens: straight between measured token counts;
- what goes with the number of sequences (head, sampler, the engine's own work for each), which
  never falls;
- attention: a constant and the KV tokens read, of batches of decodes; a constant, the pairs of a
  chunk's tokens with those before and among them, and the KV tokens read, of batches with chunks.

No term may be negative. Errors count relative to the time, so that small batches weigh as much as
large ones; steps far off (another process woke up) weigh less (Huber's weights, iterated).

Two things are not linear and are chosen by cross-validation: how many tokens of a chunk a kernel
works off at a time against a long history (``wave``), and whether time may fall with more tokens
(it does on GPUs, where another kernel takes over; where it does not, noise must not say so).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from slaibench.backends.base import BackendError
from slaibench.recording.record import FloatArray
from slaibench.study.calibrate.plan import Step

HUBER = 1.345
"""In standard deviations; 95 % as good as least squares where errors are normal (Huber 1981)."""
NORMAL_MAD = 1.4826
"""Standard deviations in a median absolute deviation of normal errors."""
ITERATIONS = 8
TRIAL_ITERATIONS = 3
"""Where forms are compared."""
LEAST_SCALE = 1e-4
"""Relative: without a floor, a fit that is exact would take every rounding error for an outlier."""
ATTENTION = 6
FOLDS = 5
WAVES = (1, 32, 64, 128, 256, 384, 512, 768, 1024)
FINER = (0.8, 0.9, 1.1, 1.2)
"""Around the best of these."""
BETTER = 0.95
"""Times the error of the simpler choice: from here on the other one is taken."""


class FitError(BackendError):
    """Too little was measured; the message says of what."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found. Seconds.

    Args:
        tokens, linear_s: time at measured token counts; straight between.
        sequences, sequence_s: likewise.
        decode_launch_s, decode_token_s: of a batch of decodes: once, and for each KV token read.
        prefill_launch_s: of a batch with chunks, once.
        across_s, own_s: for each pair of a chunk's token with one before the chunk; for each
            chunk's squared length.
        mixed_token_s: for each KV token that decodes read beside chunks.
        wave: tokens of a chunk that are worked off at a time (``catalog.FormulaAttention``).
    """

    tokens: tuple[int, ...]
    linear_s: tuple[float, ...]
    sequences: tuple[int, ...]
    sequence_s: tuple[float, ...]
    decode_launch_s: float
    decode_token_s: float
    prefill_launch_s: float
    across_s: float
    own_s: float
    mixed_token_s: float
    wave: int


@dataclass(frozen=True, slots=True)
class _Form:
    """What is chosen, not fitted."""

    wave: int
    may_fall: bool


class _Data:
    """Batches as arrays."""

    def __init__(self, steps: Sequence[Step], times_s: FloatArray, weights: FloatArray) -> None:
        self.steps, self.times_s, self.weights = steps, times_s, weights
        self.num_tokens = np.array([tokens_of(step) for step in steps])
        self.num_sequences = np.array([step.decodes + len(step.chunks) for step in steps])
        self.tokens, self.sequences = _knots(self.num_tokens), _knots(self.num_sequences)

    def columns(self, form: _Form) -> FloatArray:
        ramps = _hats if form.may_fall else _ramps
        return np.hstack(
            [
                np.array([_attention(step, form.wave) for step in self.steps]),
                ramps(self.num_tokens, self.tokens),
                _ramps(self.num_sequences, self.sequences),
            ]
        )

    def off(self, form: _Form) -> float:
        """Median relative error on batches that were left out of the fit, fold by fold."""
        columns = self.columns(form)
        fold = np.arange(len(self.steps)) % FOLDS
        found = np.empty(len(self.steps))
        for each in range(FOLDS):
            left_out = fold == each
            kept = ~left_out
            numbers = _robust(
                columns[kept], self.times_s[kept], self.weights[kept], TRIAL_ITERATIONS
            )
            found[left_out] = columns[left_out] @ numbers / self.times_s[left_out] - 1.0
        order = np.argsort(np.abs(found))
        share = np.cumsum(self.weights[order])
        return float(np.abs(found)[order][np.searchsorted(share, share[-1] / 2)])


def fit(steps: Sequence[Step], times_s: FloatArray, weights: FloatArray | None = None) -> Fit:
    """Find the terms.

    Args:
        steps: compositions.
        times_s: their times; positive.
        weights: how much each counts; None: all the same.

    Raises:
        FitError: a kind of batch is missing.
    """
    for kind, there in (
        ("decodes only", any(not step.chunks for step in steps)),
        ("chunks only", any(step.chunks and not step.decodes for step in steps)),
        ("chunks beside decodes", any(step.chunks and step.decodes for step in steps)),
    ):
        if not there:
            raise FitError(f"no batch of {kind} was measured: give it more --minutes")
    data = _Data(steps, times_s, np.ones(len(steps)) if weights is None else weights)
    form = _chosen(data)
    found = _robust(data.columns(form), times_s, data.weights)
    attention, rest = found[:ATTENTION], found[ATTENTION:]
    tokens, sequences = data.tokens, data.sequences
    linear = rest[: len(tokens)] if form.may_fall else np.cumsum(rest[: len(tokens)])
    per_sequence = np.cumsum(rest[len(tokens) :])
    decode_launch, decode_token, prefill_launch, across, own, mixed = map(float, attention)
    return Fit(
        tokens=tuple(tokens),
        linear_s=tuple(map(float, linear)),
        sequences=tuple(sequences),
        sequence_s=tuple(map(float, per_sequence)),
        decode_launch_s=decode_launch,
        decode_token_s=decode_token,
        prefill_launch_s=prefill_launch,
        across_s=across,
        own_s=own,
        mixed_token_s=mixed,
        wave=form.wave,
    )


def _chosen(data: _Data) -> _Form:
    """The form with the least error; the simpler one where the other is hardly better."""
    best, least = _Form(1, may_fall=False), data.off(_Form(1, may_fall=False))

    def look(form: _Form) -> None:
        nonlocal best, least
        off = data.off(form)
        if off < BETTER * least:
            best, least = form, off

    for may_fall in (False, True):
        for wave in WAVES:
            look(_Form(wave, may_fall))
    for share in FINER if best.wave > 1 else ():
        look(_Form(max(1, round(best.wave * share)), best.may_fall))
    return best


def tokens_of(step: Step) -> int:
    """Tokens of a batch."""
    return step.decodes + sum(tokens for tokens, _ in step.chunks)


def _attention(step: Step, wave: int) -> list[float]:
    across = _across(step.chunks, wave)
    own = float(sum(tokens * tokens for tokens, _ in step.chunks))
    context = float(step.context_tokens)
    if step.chunks:
        return [0.0, 0.0, 1.0, across, own, context]
    return [1.0, context, 0.0, 0.0, 0.0, 0.0]


def _across(chunks: Sequence[tuple[int, int]], wave: int) -> float:
    """Pairs of the chunks' tokens with those before them, as ``FormulaAttentionTimer`` counts."""
    pairs = sum(tokens * history for tokens, history in chunks)
    if not pairs:
        return 0.0
    tokens = sum(tokens for tokens, _ in chunks)
    whole = -(-tokens // wave) * wave
    return float(max(pairs * whole / tokens, max(history for _, history in chunks) * wave))


def _knots(values: FloatArray) -> list[int]:
    """Sizes between which time is straight: those that were measured, thinned where they are
    denser than anything that goes in steps of tiles could need."""
    found: list[int] = []
    for value in sorted({int(each) for each in values}):
        near_edge = value % 8 in (0, 1)
        if not found or near_edge or value - found[-1] >= max(4, value // 8):
            found.append(value)
    largest = int(values.max())
    if found[-1] != largest:
        found.append(largest)
    return found


def _ramps(values: FloatArray, knots: Sequence[int]) -> FloatArray:
    """A column for each knot: how far a value has come from the knot before it, 0 to 1."""
    lower = np.array([0, *knots[:-1]], dtype=np.float64)
    upper = np.array(knots, dtype=np.float64)
    share: FloatArray = np.clip((values[:, None] - lower) / (upper - lower), 0.0, 1.0)
    return share


def _hats(values: FloatArray, knots: Sequence[int]) -> FloatArray:
    """A column for each knot: its share of a value that lies between it and a neighbour."""
    ramps = _ramps(values, knots)
    shares: FloatArray = ramps.copy()
    shares[:, :-1] -= ramps[:, 1:]
    return shares


def _robust(
    columns: FloatArray, times_s: FloatArray, given: FloatArray, iterations: int = ITERATIONS
) -> FloatArray:
    relative = columns / times_s[:, None]
    # Columns of like size: NNLS stops by an absolute tolerance.
    size = np.maximum(np.abs(relative).max(axis=0), 1e-300)
    relative = relative / size
    weights = given
    found = np.zeros(columns.shape[1])
    for _ in range(iterations):
        root = np.sqrt(weights)
        found, _ = nnls(relative * root[:, None], root, maxiter=50 * columns.shape[1])
        off = np.abs(relative @ found - 1.0)
        scale = max(LEAST_SCALE, NORMAL_MAD * float(np.median(off)))
        weights = given * np.minimum(1.0, HUBER * scale / np.maximum(off, 1e-12))
    numbers: FloatArray = found / size
    return numbers
