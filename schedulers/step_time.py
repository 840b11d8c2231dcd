"""How long an engine's batches take, learned while it runs."""

from __future__ import annotations

from math import sqrt

KNOWN = 30
"""Batches from which predictions are used."""
UNSURE = 100.0
REMEMBERS = 0.999
"""Weight of a batch against the next one: some thousand batches count."""
STAIR = 64
"""Tokens of a step of the staircase. A matrix product's time has wider ones."""
STAIR_LEARNS, ERROR_LEARNS = 0.1, 0.02
_Four = tuple[float, float, float, float]


class StepTime:
    """Recursive least squares of a batch's time over its tokens, the KV that its decodes read and
    the query-key pairs of its chunks; on top, what batches of about so many tokens took more or
    less than that (time goes in tiles, not in tokens).

    Source: any textbook on adaptive filters (exponentially weighted recursive least squares).

    Attributes:
        error_s: standard deviation of recent predictions' errors.
    """

    def __init__(self) -> None:
        self.error_s = 0.0
        self._weights = [0.0, 0.0, 0.0, 0.0]
        self._covariance = [[UNSURE if i == j else 0.0 for j in range(4)] for i in range(4)]
        self._stairs: dict[int, float] = {}
        self._count = 0

    @property
    def is_known(self) -> bool:
        return self._count >= KNOWN

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

    def learn(self, tokens: int, context: int, pairs: float, took_s: float) -> None:
        """A batch took so long."""
        if self._count > KNOWN // 2:
            error = took_s - self.predict_s(tokens, context, pairs)
            variance = self.error_s**2
            self.error_s = sqrt(variance + ERROR_LEARNS * (error * error - variance))
        self._count += 1
        features = (1.0, tokens * 1e-3, context * 1e-5, pairs * 1e-6)
        self._fit(features, took_s)
        stair = -(-tokens // STAIR)
        known = self._stairs.get(stair, 0.0)
        rest = took_s - sum(w * x for w, x in zip(self._weights, features, strict=True))
        self._stairs[stair] = known + STAIR_LEARNS * (rest - known)

    def _fit(self, features: _Four, took_s: float) -> None:
        weights, covariance = self._weights, self._covariance
        a, b, c, d = features
        gains = [row[0] * a + row[1] * b + row[2] * c + row[3] * d for row in covariance]
        scale = REMEMBERS + gains[0] * a + gains[1] * b + gains[2] * c + gains[3] * d
        error = took_s - (weights[0] * a + weights[1] * b + weights[2] * c + weights[3] * d)
        # Where batches are all alike nothing is learned, and what is known must not be forgotten.
        unsure = covariance[0][0] + covariance[1][1] + covariance[2][2] + covariance[3][3]
        keeps = REMEMBERS if unsure < 4 * UNSURE else 1.0
        for i, gain in enumerate(gains):
            weights[i] += gain / scale * error
            covariance[i] = [
                (value - gain / scale * other) / keeps
                for value, other in zip(covariance[i], gains, strict=True)
            ]
