"""From measured batches to a cost model's numbers: non-negative, robust least squares.

The time of a batch is taken as a sum, each term linear in what is sought:

- linear layers and all else that goes with tokens: straight between measured token counts;
- what goes with the number of sequences (head, sampler, the engine's own work for each), which
  never falls;
- attention: a constant and the KV tokens read, of batches of decodes; a constant, the pairs of a
  chunk's tokens with those before and among them, and the KV tokens read, of batches with chunks.
  What a KV token costs may go with the number of decodes and their mean context, straight between a
  few places.

No term may be negative. Errors count relative to the time, so that small batches weigh as much as
large ones; steps far off (another process woke up) weigh less (Huber's weights, iterated).

Three things are chosen by cross-validation: how many tokens of a chunk a kernel works off at a time
against a long history (``wave``), whether time may fall with more tokens (it does on GPUs, where
another kernel takes over; where it does not, noise must not say so), and whether a KV token's cost
goes with the number of decodes and their mean context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from slaibench.backends.base import BackendError
from slaibench.recording.record import FloatArray
from slaibench.studies.calibration.probe_plan import ProbeStep

HUBER = 1.345
"""In standard deviations; 95 % as good as least squares where errors are normal (Huber 1981)."""
NORMAL_MAD = 1.4826
"""Standard deviations in a median absolute deviation of normal errors."""
ITERATIONS = 8
TRIAL_ITERATIONS = 3
"""Where forms are compared."""
LEAST_SCALE = 1e-4
"""Relative: without a floor, a fit that is exact would take every rounding error for an outlier."""
DECODES = (1, 4, 16, 32, 64, 128, 256)
"""Numbers of decodes between which what a KV token costs is straight."""
LEVELS = (1 / 6, 1 / 2, 5 / 6)
"""Quantiles of the mean contexts between which it is: the middles of the three pools."""
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
    """The terms of a cost model. Seconds.

    Args:
        tokens, linear_s: time at measured token counts; straight between.
        sequences, sequence_s: likewise.
        decodes, contexts: numbers of decodes, and mean contexts, at which ``decode_token_s`` and
            ``mixed_token_s`` were fitted (row by row); one of each: they are the same for all.
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
    decodes: tuple[int, ...]
    contexts: tuple[int, ...]
    decode_launch_s: float
    decode_token_s: tuple[float, ...]
    prefill_launch_s: float
    across_s: float
    own_s: float
    mixed_token_s: tuple[float, ...]
    wave: int


@dataclass(frozen=True, slots=True)
class _Form:
    """What is chosen, not fitted."""

    wave: int = 1
    may_fall: bool = False
    by_decodes: bool = False


class _Data:
    """Batches as arrays."""

    def __init__(
        self, steps: Sequence[ProbeStep], times_s: FloatArray, weights: FloatArray
    ) -> None:
        self.steps, self.times_s, self.weights = steps, times_s, weights
        self.num_tokens = np.array([tokens_of(step) for step in steps])
        self.num_sequences = np.array([step.decodes + len(step.chunks) for step in steps])
        self.tokens, self.sequences = _knots(self.num_tokens), _knots(self.num_sequences)
        self.most = max(1, *(step.decodes for step in steps))

    def places(self, form: _Form) -> tuple[list[int], list[int]]:
        """Numbers of decodes, and mean contexts, where what a KV token costs is fitted."""
        means = [step.context_tokens / step.decodes for step in self.steps if step.decodes]
        contexts = sorted({int(context) for context in np.quantile(means, LEVELS)})
        if not form.by_decodes or len(contexts) == 1 or self.most == 1:
            return [1], [1]
        return [*(count for count in DECODES if 1.5 * count < self.most), self.most], contexts

    def columns(self, form: _Form) -> FloatArray:
        ramps = _hats if form.may_fall else _ramps
        return np.hstack(
            [
                np.array([_chunks(step, form.wave) for step in self.steps]),
                self._contexts(form),
                ramps(self.num_tokens, self.tokens),
                _ramps(self.num_sequences, self.sequences),
            ]
        )

    def _contexts(self, form: _Form) -> FloatArray:
        """KV tokens that decodes read: shares of the places, without chunks, with."""
        decodes = np.array([step.decodes for step in self.steps])
        context = np.array([float(step.context_tokens) for step in self.steps])
        mixed = np.array([bool(step.chunks) for step in self.steps])[:, None]
        numbers, levels = self.places(form)
        mean = np.clip(context / np.maximum(decodes, 1), levels[0], levels[-1])
        by_decodes = _hats(decodes, numbers) * context[:, None]
        by_both = by_decodes[:, :, None] * _hats(mean, levels)[:, None, :]
        shares = by_both.reshape(len(self.steps), -1)
        return np.hstack([shares * ~mixed, shares * mixed])

    def off(self, form: _Form) -> float:
        """Median relative error on batches that were left out of the fit, fold by fold."""
        columns = self.columns(form)
        fold = np.arange(len(self.steps)) % FOLDS
        errors = np.empty(len(self.steps))
        for number in range(FOLDS):
            left_out = fold == number
            kept = ~left_out
            terms = _robust(columns[kept], self.times_s[kept], self.weights[kept], TRIAL_ITERATIONS)
            errors[left_out] = np.abs(columns[left_out] @ terms / self.times_s[left_out] - 1.0)
        order = np.argsort(errors)
        share = np.cumsum(self.weights[order])
        return float(errors[order][np.searchsorted(share, share[-1] / 2)])


def fit(steps: Sequence[ProbeStep], times_s: FloatArray, weights: FloatArray | None = None) -> Fit:
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
    terms = _robust(data.columns(form), times_s, data.weights)
    (decodes, contexts), tokens, sequences = data.places(form), data.tokens, data.sequences
    places = len(decodes) * len(contexts)
    sizes = (len(CHUNKS), places, places, len(tokens))
    chunks, decode, mixed, ramps, rest = np.split(terms, np.cumsum(sizes))
    linear = ramps if form.may_fall else np.cumsum(ramps)
    return Fit(
        tokens=tuple(tokens),
        linear_s=tuple(map(float, linear)),
        sequences=tuple(sequences),
        sequence_s=tuple(map(float, np.cumsum(rest))),
        decodes=tuple(decodes),
        contexts=tuple(contexts),
        decode_token_s=tuple(map(float, decode)),
        mixed_token_s=tuple(map(float, mixed)),
        wave=form.wave,
        **dict(zip(CHUNKS, map(float, chunks), strict=True)),
    )


def _chosen(data: _Data) -> _Form:
    """The form with the least error; the simpler one where the other is hardly better."""
    best = _Form()
    least = data.off(best)

    def look(form: _Form) -> None:
        nonlocal best, least
        off = data.off(form)
        if off < BETTER * least:
            best, least = form, off

    for wave in WAVES[1:]:
        look(replace(best, wave=wave))
    look(replace(best, by_decodes=True))
    look(replace(best, may_fall=True))
    for wave in WAVES:
        look(replace(best, wave=wave))
    look(replace(best, by_decodes=True))
    for share in FINER if best.wave > 1 else ():
        look(replace(best, wave=max(1, round(best.wave * share))))
    return best


def tokens_of(step: ProbeStep) -> int:
    """Tokens of a batch."""
    return step.decodes + sum(tokens for tokens, _ in step.chunks)


CHUNKS = ("decode_launch_s", "prefill_launch_s", "across_s", "own_s")
"""Terms of which a batch has one number each."""


def _chunks(step: ProbeStep, wave: int) -> list[float]:
    if not step.chunks:
        return [1.0, 0.0, 0.0, 0.0]
    own = float(sum(tokens * tokens for tokens, _ in step.chunks))
    return [0.0, 1.0, _across(step.chunks, wave), own]


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
    knots: list[int] = []
    for value in sorted(set(values.astype(int).tolist())):
        near_edge = value % 8 in (0, 1)
        if not knots or near_edge or value - knots[-1] >= max(4, value // 8):
            knots.append(value)
    largest = int(values.max())
    if knots[-1] != largest:
        knots.append(largest)
    return knots


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
    from scipy.optimize import nnls  # noqa: PLC0415  (half a second, and only a fit needs it)

    relative = columns / times_s[:, None]
    # Columns of like size: NNLS stops by an absolute tolerance.
    size = np.maximum(np.abs(relative).max(axis=0), 1e-300)
    relative = relative / size
    weights = given
    terms = np.zeros(columns.shape[1])
    for _ in range(iterations):
        root = np.sqrt(weights)
        terms, _ = nnls(relative * root[:, None], root, maxiter=50 * columns.shape[1])
        off = np.abs(relative @ terms - 1.0)
        scale = max(LEAST_SCALE, NORMAL_MAD * float(np.median(off)))
        weights = given * np.minimum(1.0, HUBER * scale / np.maximum(off, 1e-12))
    rescaled: FloatArray = terms / size
    return rescaled
