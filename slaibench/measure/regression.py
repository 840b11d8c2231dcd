"""Whether a metric got worse: replicates before and after, a margin, many metrics at once.

Everything is on the scale of logarithms: a change is log(after / before), a margin of 5 % is
log(1.05) on either side. ``harm`` is +1 where more is worse (a latency), -1 where less is. For
each metric three one-sided t tests are made:

- *worse*: against "harm * change <= margin". Over all metrics of a job the verdicts are corrected
  by Holm, so that with probability 1 - ``FAMILY_ERROR`` at least none of them is a false alarm.
- *better*: the mirror image, a family of its own.
- *no difference shown*: two one-sided tests (Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987),
  uncorrected: the 90 % interval lies within the margin on both sides.

What none of them settles stays unknown, and comes with the change that would have been found, and
with the replicates that it would take. docs/regress.md has the formulas.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FAMILY_ERROR = 0.05
"""Largest probability of any false alarm in a job, and of a wrong "no difference" of one metric."""
POWER = 0.8
"""With which the minimum detectable effect would be called worse."""
MOST_REPLICATES = 10_000
MIN_FLIP = 3
"""Replicates on either side from which on "all of them" settles it. Were half of all runs
of a place saturated, 3 of one kind before and 3 of the other now had probability 1/64."""


class ChangeVerdict(StrEnum):
    """What is said of a metric at a rate."""

    IDENTICAL = "identical"
    """Every token came at the same time (virtual clocks)."""
    WORSE = "worse"
    BETTER = "better"
    SAME = "no difference shown"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class Change:
    """How far a metric moved, from replicates.

    Args:
        log_ratio: mean of log(after / before).
        sd: spread that one more replicate (or pair) averages over.
        n: replicates (pairs, or those of the smaller side).
        error: standard error of ``log_ratio``.
        degrees: of freedom of ``error``.
        paired: by seed.
    """

    log_ratio: float
    sd: float
    n: int
    error: float
    degrees: float
    paired: bool

    def degrees_at(self, n: int) -> float:
        """Degrees of freedom with ``n`` replicates (on each side)."""
        return n - 1 if self.paired else 2 * (n - 1)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a change.

    Args:
        low, high: ends of the 90 % interval of log(after / before), uncorrected.
        p_worse, p_better: of the one-sided tests, before the correction.
        mde: least log(after / before) in the harmful direction that would be called worse with
            probability ``POWER`` where no other metric is.
        needed: replicates (on each side) with which twice the margin would be; None: more than
            ``MOST_REPLICATES``.
    """

    verdict: ChangeVerdict
    low: float
    high: float
    p_worse: float
    p_better: float
    mde: float
    needed: int | None


def paired_change(
    before: Sequence[float], after: Sequence[float], *, least_sd: float = 0.0
) -> Change:
    """The change over pairs with the same requests.

    Args:
        before, after: positive, finite values, pair by pair.
        least_sd: spread of a pair that is known from elsewhere (A/A runs): a smaller one, seen by
            luck, is not believed.

    Raises:
        ValueError: lengths differ, fewer than two pairs, or a value is not positive and finite.
    """
    if len(before) != len(after):
        raise ValueError(f"pairs need as many values before as after: {len(before)}, {len(after)}")
    moved = _logs(after) - _logs(before)
    n = len(moved)
    sd = max(float(moved.std(ddof=1)), least_sd)
    return Change(float(moved.mean()), sd, n, sd / math.sqrt(n), n - 1, paired=True)


def unpaired_change(before: Sequence[float], after: Sequence[float]) -> Change:
    """The change between two independent sets of replicates (Welch's degrees of freedom).

    Raises:
        ValueError: fewer than two values on a side, or one that is not positive and finite.
    """
    old, new = _logs(before), _logs(after)
    parts = [float(side.var(ddof=1)) / len(side) for side in (old, new)]
    error = math.sqrt(sum(parts))
    degrees = float(len(old) + len(new) - 2)
    if error > 0:
        shares = (part**2 / (len(side) - 1) for part, side in zip(parts, (old, new), strict=True))
        degrees = sum(parts) ** 2 / sum(shares)
    return Change(
        log_ratio=float(new.mean() - old.mean()),
        sd=math.sqrt(float(old.var(ddof=1)) + float(new.var(ddof=1))),
        n=min(len(old), len(new)),
        error=error,
        degrees=degrees,
        paired=False,
    )


def judge(
    changes: Sequence[tuple[Change, int]], margin: float, family_error: float = FAMILY_ERROR
) -> list[Judgement]:
    """Verdicts on all metrics of a job.

    Args:
        changes: each with its harm, +1 or -1.
        margin: largest relative change that does not matter, e.g. 0.05.

    Raises:
        ValueError: the margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"the margin must be positive, not {margin}: say what does not matter")
    room = math.log1p(margin)
    p_worse = [p_beyond(change, harm, room) for change, harm in changes]
    p_better = [p_beyond(change, -harm, room) for change, harm in changes]
    worse, better = holm(p_worse, family_error), holm(p_better, family_error)
    strictest = family_error / max(len(changes), 1)
    judgements = []
    for number, (change, harm) in enumerate(changes):
        half = _t_point(change.degrees, 1 - family_error) * change.error
        low, high = change.log_ratio - half, change.log_ratio + half
        if worse[number]:
            verdict = ChangeVerdict.WORSE
        elif better[number]:
            verdict = ChangeVerdict.BETTER
        else:
            verdict = ChangeVerdict.SAME if -room < low and high < room else ChangeVerdict.UNKNOWN
        beyond = detectable(change.degrees, strictest) * change.error
        judgements.append(
            Judgement(
                verdict,
                low,
                high,
                p_worse[number],
                p_better[number],
                mde=harm * (room + beyond),
                needed=replicates_needed(change, room, strictest),
            )
        )
    return judgements


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Which hypotheses are rejected, with probability at most ``level`` of any error.

    Holm, "A simple sequentially rejective multiple test procedure" (Scand. J. Statist. 6, 1979);
    whatever the dependence between the tests. SciPy has only false discovery rates.
    """
    rejected = [False] * len(p_values)
    for rank, number in enumerate(sorted(range(len(p_values)), key=lambda i: (p_values[i], i))):
        if p_values[number] > level / (len(p_values) - rank):
            break
        rejected[number] = True
    return rejected


@lru_cache(maxsize=4096)  # it is solved anew for each metric of a job, of which most have the same
def detectable(degrees: float, level: float, power: float = POWER) -> float:
    """Effect, in standard errors, that a one-sided t test at ``level`` finds with ``power``.

    Solved from the non-central t distribution.
    """
    from scipy.optimize import brentq  # noqa: PLC0415
    from scipy.special import nctdtr  # noqa: PLC0415

    threshold = _t_point(degrees, 1 - level)
    # With few degrees of freedom the spread seen may be several times too small or too large.
    highest = 4 * threshold + 10
    return float(brentq(lambda at: nctdtr(degrees, at, threshold) - (1 - power), 0.0, highest))


def replicates_needed(change: Change, beyond: float, level: float) -> int | None:
    """Replicates at which an effect ``beyond`` the margin is found, given the spread seen.

    None: more than ``MOST_REPLICATES``.
    """

    def enough(n: int) -> bool:
        error = change.sd / math.sqrt(n)
        return detectable(change.degrees_at(n), level) * error <= beyond

    n = bisect.bisect_left(range(2, MOST_REPLICATES + 1), True, key=enough) + 2
    return n if n <= MOST_REPLICATES else None


def flip(before: Sequence[bool], after: Sequence[bool]) -> ChangeVerdict:
    """What became of something bad that a replicate has or has not, such as saturation."""
    if not any(before) and not any(after):
        return ChangeVerdict.SAME
    if all(before) and all(after):
        return ChangeVerdict.SAME
    if min(len(before), len(after)) >= MIN_FLIP:
        if not any(before) and all(after):
            return ChangeVerdict.WORSE
        if all(before) and not any(after):
            return ChangeVerdict.BETTER
    return ChangeVerdict.UNKNOWN


def _logs(values: Sequence[float]) -> npt.NDArray[np.float64]:
    data = np.asarray(values, dtype=np.float64)
    if len(data) < 2:
        raise ValueError(f"a change needs two replicates at least, not {len(data)}")
    if not (np.isfinite(data).all() and (data > 0).all()):
        raise ValueError(f"a ratio needs positive, finite values, not {data.tolist()}")
    return np.log(data)


def p_beyond(change: Change, harm: int, room: float) -> float:
    """P of "harm * change <= room" against "it is more"."""
    from scipy.special import stdtr  # noqa: PLC0415

    beyond = harm * change.log_ratio - room
    if change.error == 0:
        return 0.0 if beyond > 0 else 1.0
    return float(stdtr(change.degrees, -beyond / change.error))


def _t_point(degrees: float, level: float) -> float:
    """One-sided quantile of Student's t, e.g. 2.132 for 4 degrees of freedom at 0.95."""
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(degrees, level))
