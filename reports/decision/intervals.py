"""The 95 % interval of a difference or a ratio, from the intervals of both sides.

Both sides are independent. Each end is as far from the estimate as both sides' ends together, in
squares (Zou and Donner 2008, "Construction of confidence limits about effect measures", Statistics
in Medicine 27: MOVER); for a ratio in logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core import units
from bench.core.score import t_quantile, t_share
from bench.core.units import counted
from reports.rows.paired import NORMAL_95, SEEDS_APART
from reports.rows.schema import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its 95 % interval, whose ends may be missing."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends; ``None`` if one is missing."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Less:
    """One score less another.

    Args:
        change: in [-1, 1], with its interval.
        paired: whether the interval is over pairs of answers on the same clips.
        clips: number of those clips; ``None`` where not known.
        voices: number of voices that the interval is over, of two students; 0 where it is over the
            clips alone.
        seeds_apart: how far two training seeds of one student are apart, of two students; 0 where
            not known.
    """

    change: Estimate
    paired: bool
    clips: int | None
    voices: int = 0
    seeds_apart: float = 0.0

    @property
    def p_value(self) -> float | None:
        """The probability of a difference of at least that size by chance; ``None`` if not known.

        By the tails that the interval has: Student's over voices, else those of a normal.
        """
        ends = self.change.ends
        if ends is None:
            return None
        half = max(abs(self.change.value - end) for end in ends)
        if half == 0:
            return float(self.change.value == 0)
        deviations = abs(self.change.value) / half
        if self.voices:
            return 1 - t_share(t_quantile(self.voices - 1) * deviations, self.voices - 1)
        return math.erfc(NORMAL_95 * deviations / math.sqrt(2))

    @property
    def not_distinguished(self) -> str:
        """Why both cannot be distinguished; empty where they can."""
        ends = self.change.ends
        if ends is not None and ends[0] <= 0 <= ends[1]:
            over = f"over {counted(self.voices, 'voice')}" if self.voices else "over clips"
            return f"the 95 % interval {over} holds 0"
        if abs(self.change.value) <= self.seeds_apart:
            points = units.points(self.seeds_apart).lstrip("+")
            return f"two training seeds of one student differ by {points} points"
        return ""


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Returns ``one`` less ``other``."""
    value = one.value - other.value
    if one.ends is None or other.ends is None:
        return Estimate(value=value)
    (low, high), (their_low, their_high) = one.ends, other.ends
    return Estimate(
        value=value,
        low=value - math.hypot(one.value - low, their_high - other.value),
        high=value + math.hypot(high - one.value, other.value - their_low),
    )


def ratio(one: Estimate, other: Estimate) -> Estimate | None:
    """Returns ``one`` over ``other``; ``None`` if one of them is not above 0."""
    if one.value <= 0 or other.value <= 0:
        return None
    logs = [_log(each) for each in (one, other)]
    found = difference(*logs)
    return Estimate(
        value=one.value / other.value,
        low=None if found.low is None else math.exp(found.low),
        high=None if found.high is None else math.exp(found.high),
    )


def score_less(one: Row, other: Row) -> Less | None:
    """Returns the score of ``one`` less that of ``other``, in pairs where both have answers.

    The interval for two students is over voices, where these are known; that for two formats of one
    student is over clips.

    It is ``None`` where one is not scored, or both are on different task sets or by different
    rules.
    """
    ours, theirs = (_score(row) for row in (one, other))
    if ours is None or theirs is None:
        return None
    if (one.score_task_set, one.score_rule) != (other.score_task_set, other.score_rule):
        return None
    ends, voices, seeds = None, 0, 0.0
    if one.file.student != other.file.student:
        seeds = SEEDS_APART.get(one.score_task_set or "", 0.0)
    if one.answers is not None and other.answers is not None:
        ends = one.answers.less(other.answers)
        over_voices = one.answers.less_over_voices(other.answers)
        if one.file.student != other.file.student and over_voices is not None:
            ends, voices = over_voices, len(one.answers.voices)
    clips = next((len(each.answers.right) for each in (one, other) if each.answers), None)
    if ends is None:
        change = difference(ours, theirs)
        return Less(change=change, paired=False, clips=clips, seeds_apart=seeds)
    value = ours.value - theirs.value
    low, high = min(ends[0], value), max(ends[1], value)
    change = Estimate(value=value, low=low, high=high)
    return Less(change=change, paired=True, clips=clips, voices=voices, seeds_apart=seeds)


def holm(p_values: Sequence[float], *, among: int | None = None) -> list[float]:
    """Returns the p-values of several comparisons at once, adjusted for their number.

    Of those below .05, the probability that any is due to chance is at most 5 % (Holm 1979, "A
    simple sequentially rejective multiple test procedure").

    Args:
        among: how many comparisons these were chosen from; by default these are all.
    """
    count = len(p_values) if among is None else among
    found = [0.0] * len(p_values)
    highest = 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (count - rank) * p_values[at]))
        found[at] = highest
    return found


def share_above(found: Estimate, limit: float) -> float | None:
    """Returns the probability that a value is at least ``limit``; ``None`` without an interval.

    It is that of a normal distribution on each side of the estimate.
    """
    if found.ends is None:
        return None
    half = found.value - found.ends[0] if limit <= found.value else found.ends[1] - found.value
    if half <= 0:
        return float(found.value >= limit)
    deviations = (found.value - limit) / half * NORMAL_95
    return 0.5 * (1 + math.erf(deviations / math.sqrt(2)))


def _score(row: Row) -> Estimate | None:
    if row.score_mean is None:
        return None
    return Estimate(value=row.score_mean, low=row.score_low, high=row.score_high)


def _log(found: Estimate) -> Estimate:
    def log(value: float | None) -> float | None:
        return None if value is None or value <= 0 else math.log(value)

    return Estimate(value=math.log(found.value), low=log(found.low), high=log(found.high))
