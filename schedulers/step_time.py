"""How long an engine's batches take, and how fast it admits: learned while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

ENOUGH = 30
"""Batches from which predictions are used."""
REMEMBERS = 0.999
"""Weight of a batch against the next one: some thousand batches count."""
KEEPS = 1e-3
"""Weight of what was known, in batches: decides only where batches are too much alike to tell."""
SOLVE_EVERY = 8
"""Batches between two solutions, once it is known."""
STAIR = 64
"""Tokens of a step of the staircase. A matrix product's time has wider ones."""
ALMOST_SURELY = 3.0
"""Standard deviations of the predictions' errors by which a batch is to end before a deadline."""
STAIR_LEARNS, ERROR_LEARNS = 0.1, 0.02
_Four = tuple[float, float, float, float]


@dataclass(slots=True)
class StepTime:
    """Least squares, exponentially weighted, of a batch's time over its tokens, the KV that its
    decodes read and the query-key pairs of its chunks; on top, what batches of about so many tokens
    took more or less than that (time goes in tiles, not in tokens).

    The sums of the normal equations are kept and solved. The recursive form, which keeps their
    inverse, is cheaper and blows up: after some ten thousand batches rounding has made the inverse
    indefinite.

    Attributes:
        error_s: standard deviation of recent predictions' errors.
    """

    error_s: float = 0.0
    _weights: list[float] = field(default_factory=lambda: [0.0] * 4)
    _products: list[float] = field(default_factory=lambda: [0.0] * 10)
    """Sums of features times each other; ``_targets``: of features times times."""
    _targets: list[float] = field(default_factory=lambda: [0.0] * 4)
    _stairs: dict[int, float] = field(default_factory=dict)
    _count: int = 0

    @property
    def is_known(self) -> bool:
        return self._count >= ENOUGH

    def predict_s(self, tokens: int, context: int, pairs: float) -> float:
        """Seconds for a batch.

        Args:
            tokens: of the whole batch, decodes among them.
            context: KV tokens that its decodes read.
            pairs: of chunks, tokens times tokens before each.
        """
        constant, by_token, by_context, by_pair = self._weights
        straight = constant + by_token * tokens * 1e-3 + by_context * context * 1e-5
        return straight + by_pair * pairs * 1e-6 + self._stairs.get(-(-tokens // STAIR), 0.0)

    def largest_chunk(
        self,
        decode_tokens: int,
        context: int,
        computed: int,
        within_s: float,
        least: int,
        most: int,
    ) -> int:
        """Prompt tokens beside decodes in a batch that almost surely ends within a time.

        Args:
            decode_tokens, context: of the decodes, as ``predict_s``.
            computed: tokens before the chunk.
            least, most: bounds of the answer, whatever the time.
        """
        allowed_s = within_s - ALMOST_SURELY * self.error_s
        low, high = min(most, least), most
        while low < high:
            chunk = (low + high + 1) // 2
            pairs = chunk * (computed + chunk / 2)
            fits = self.predict_s(decode_tokens + chunk, context, pairs) <= allowed_s
            low, high = (chunk, high) if fits else (low, chunk - 1)
        return low

    def learn(self, tokens: int, context: int, pairs: float, took_s: float) -> None:
        """A batch took so long."""
        if self._count > ENOUGH // 2:
            error = took_s - self.predict_s(tokens, context, pairs)
            variance = self.error_s**2
            self.error_s = sqrt(variance + ERROR_LEARNS * (error * error - variance))
        self._count += 1
        features = (1.0, tokens * 1e-3, context * 1e-5, pairs * 1e-6)
        self._fit(features, took_s)
        stair = -(-tokens // STAIR)
        before = self._stairs.get(stair, 0.0)
        rest = took_s - (self.predict_s(tokens, context, pairs) - before)
        self._stairs[stair] = before + STAIR_LEARNS * (rest - before)

    def _fit(self, features: _Four, took_s: float) -> None:
        a, b, c, d = features
        keeps = REMEMBERS
        # The lower triangle, row by row. Written out, since it is done at every step.
        p = self._products
        self._products = [
            keeps * p[0] + a * a,
            keeps * p[1] + b * a,
            keeps * p[2] + b * b,
            keeps * p[3] + c * a,
            keeps * p[4] + c * b,
            keeps * p[5] + c * c,
            keeps * p[6] + d * a,
            keeps * p[7] + d * b,
            keeps * p[8] + d * c,
            keeps * p[9] + d * d,
        ]
        t = self._targets
        self._targets = [
            keeps * old + feature * took_s for old, feature in zip(t, features, strict=True)
        ]
        if self._count < ENOUGH or self._count % SOLVE_EVERY == 0:
            self._weights = self._solved()

    def _solved(self) -> list[float]:
        """Weights of the least squares, drawn to those before; Cholesky's factors."""
        low = [[0.0] * 4 for _ in range(4)]
        solution = [t + KEEPS * w for t, w in zip(self._targets, self._weights, strict=True)]
        for i in range(4):
            for j in range(i + 1):
                product = self._products[i * (i + 1) // 2 + j]
                rest = product - sum(low[i][k] * low[j][k] for k in range(j))
                low[i][j] = sqrt(rest + KEEPS) if i == j else rest / low[j][j]
            solution[i] = (solution[i] - sum(low[i][k] * solution[k] for k in range(i))) / low[i][i]
        for i in reversed(range(4)):
            later = sum(low[k][i] * solution[k] for k in range(i + 1, 4))
            solution[i] = (solution[i] - later) / low[i][i]
        return solution


PACE_LEARNS = 0.02
"""Weight of the last interval: some fifty admissions count."""


@dataclass(slots=True)
class Pace:
    """Mean time between two admissions while others wait.

    Attributes:
        interval_s: 0 until there have been two.
    """

    interval_s: float = 0.0
    _last_s: float | None = None

    def admitted(self, number: int, now_s: float, waiting: int) -> None:
        """So many were admitted now, of so many that waited.

        Time in which nobody waits is no interval: it says nothing of what the engine can do.
        """
        for _ in range(number):
            if self._last_s is not None:
                passed_s = now_s - self._last_s
                mean = self.interval_s
                self.interval_s = mean + PACE_LEARNS * (passed_s - mean) if mean else passed_s
            self._last_s = now_s
        if number >= waiting:
            self._last_s = None
