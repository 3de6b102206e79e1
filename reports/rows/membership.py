"""The probability of each point to be on the frontier, by a seeded bootstrap over both axes.

Accuracies are drawn by resampling the test clips within their labels, once for all points with
answers, so that what is hard for one is hard for all (Efron and Tibshirani 1993, chapter 8). Where
the speakers are known, what other voices would change is drawn too, the same voices for all. Scores
without answers are drawn from their interval, independently. Costs are drawn from a lognormal on
each side of the estimate, which has the 95 % interval of the median over processes.

Each point has random numbers of its own, seeded by its identity, and all share those of the clips:
another order or another point changes no draw.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.rows.dominance import Point, front
from reports.rows.paired import NORMAL_95, Answers

DRAWS = 1000
SURE = 0.975  # a probability from here on is as sure as the end of a 95 % interval
_AT_ONCE = 100  # draws whose frontiers are found together: bounds the memory
_UNDECIDED = 0.025  # as much as points without an interval may change


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """What points might be.

    Args:
        scores: float64 [draws, points], in [0, 1].
        costs: float64 [draws, points]; the estimate where a cost has no interval.
    """

    scores: NDArray[np.float64]
    costs: NDArray[np.float64]


def draws(points: Sequence[Point], *, count: int = DRAWS) -> Draws:
    """Returns what ``points`` might be, the same for the same points."""
    return Draws(scores=_scores(points, count), costs=_costs(points, count))


def probabilities(points: Sequence[Point], *, count: int = DRAWS) -> list[float | None]:
    """Returns the probability of each of ``points`` to be on the frontier, in [0, 1].

    It is ``None`` where it is not known: for a point whose cost has no interval, and for those that
    such a point might beat.
    """
    if not points:
        return []
    drawn = draws(points, count=count)
    open_ended = np.array([_has_no_interval(point) for point in points])
    if not open_ended.any():
        return [float(share) for share in _shares(drawn.scores, drawn.costs)]
    bounds = [
        _shares(drawn.scores, np.where(open_ended, cost, drawn.costs)) for cost in (0.0, np.inf)
    ]
    return [
        None if unknown or abs(most - least) > _UNDECIDED else float(least)
        for unknown, least, most in zip(open_ended, *bounds, strict=True)
    ]


def below(value: float, low: float | None, high: float | None, limit: float) -> float | None:
    """Returns the probability that a cost is at most ``limit``; ``None`` without an interval.

    Args:
        value, low, high: the estimate and its 95 % interval, above 0.
    """
    if low is None or high is None:
        return None
    end = high if limit >= value else low
    if limit <= 0 or value <= 0 or end <= 0 or end == value:
        return float(value <= limit)
    spread = abs(math.log(end / value)) / NORMAL_95
    return normal_share(math.log(limit / value) / spread)


def normal_share(deviations: float) -> float:
    """Returns the share of a normal distribution below so many standard deviations."""
    return 0.5 * (1 + math.erf(deviations / math.sqrt(2)))


def _shares(scores: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.float64]:
    on = np.zeros(scores.shape[1])
    for begin in range(0, len(scores), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        on += front(scores[some], costs[some]).sum(axis=0)
    return on / len(scores)


def _has_no_interval(point: Point) -> bool:
    return math.isinf(point.cost_high)


def _costs(points: Sequence[Point], count: int) -> NDArray[np.float64]:
    found = np.empty((count, len(points)))
    for index, point in enumerate(points):
        if _has_no_interval(point) or point.cost_low == point.cost_high or point.cost <= 0:
            found[:, index] = point.cost
            continue
        normal = _random(f"cost of {point.identity}").standard_normal(count)
        below_us = point.cost / point.cost_low if point.cost_low > 0 else math.inf
        ends = np.where(normal < 0, math.log(below_us), math.log(point.cost_high / point.cost))
        found[:, index] = point.cost * np.exp(normal * ends / NORMAL_95)
    return found


def _scores(points: Sequence[Point], count: int) -> NDArray[np.float64]:
    found = np.empty((count, len(points)))
    columns: dict[str, NDArray[np.float64]] = {}
    groups: dict[tuple[int, ...], dict[bytes, list[int]]] = {}
    for index, point in enumerate(points):
        if point.answers is not None:
            alike = groups.setdefault(point.answers.strata, {})
            alike.setdefault(point.answers.right.tobytes(), []).append(index)
        else:
            found[:, index] = _kept(columns, point.scored, lambda: _unpaired(point, count))  # noqa: B023 - called at once
    for by_answers in groups.values():
        members = list(by_answers.values())
        answers = [each for each in (points[same[0]].answers for same in members) if each]
        resampled = _resampled(answers, count)
        for column, same in enumerate(members):
            found[:, same] = resampled[:, [column]]
    return found


def _kept(
    columns: dict[str, NDArray[np.float64]], name: str, make: Callable[[], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Returns the draws of a score that several rows share, such as those of one file."""
    if name not in columns:
        columns[name] = make()
    return columns[name]


def _unpaired(point: Point, count: int) -> NDArray[np.float64]:
    normal = _random(f"score of {point.scored}").standard_normal(count)
    half = np.where(normal < 0, point.score - point.score_low, point.score_high - point.score)
    return point.score + normal * half / NORMAL_95


def _resampled(answers: Sequence[Answers], count: int) -> NDArray[np.float64]:
    """Returns float64 [draws, answers], each one's score on the same resampled clips."""
    first = answers[0]
    sizes = np.repeat(first.strata, first.strata)
    begins = np.repeat(first.starts, first.strata)
    clips = len(first.right)
    random = _random(f"clips of {first.strata}")
    picked = begins + (random.random((count, clips)) * sizes).astype(np.int64)
    picked += clips * np.arange(count)[:, None]
    times = np.bincount(picked.ravel(), minlength=count * clips).reshape(count, clips)
    right = np.array([each.right for each in answers])
    # Rounded, so that equal scores of different clips are equal.
    scores: NDArray[np.float64] = np.round((times * first.weights) @ right.T, 9)
    if first.voices and all(each.voices == first.voices for each in answers):
        voices = len(first.voices)
        normal = _random(f"voices of {first.voices}").standard_normal((count, voices))
        reach = np.array([each.reach_over_voices()[:voices] for each in answers])
        scores += normal @ reach.T / NORMAL_95
    return scores


def _random(seed: str) -> np.random.Generator:
    digest = hashlib.sha256(seed.encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16])))
