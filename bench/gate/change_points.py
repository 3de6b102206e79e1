"""Where a series changed its level, and by how much: for tickets, never to fail a build.

PELT (Killick, Fearnhead and Eckley, Optimal detection of changepoints with a linear computational
cost, 2012) minimises the squares within segments and a penalty for each. It is optimal partitioning
(Jackson et al. 2005) whose pruning saves time and changes no optimum. A year of nights needs no
saving, so nothing is pruned here; with a least length of segments the pruning as published can even
lose the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, floor, log, log1p, sqrt
from statistics import NormalDist

import numpy as np

from bench.gate.decision import block_sd
from bench.gate.signed_rank import FloatArray, estimate
from bench.gate.verdict import CONFIDENCE

LEAST_NIGHTS = 5  # of a segment
LEAST_STEP = 0.01  # a share
_PENALTY = 5.0  # times ln(nights) times the variance of a night
# Where nights agree to the digit, as of clocks that tick coarsely, their spread is not nothing.
_LEAST_SD = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """A step from one level to another.

    Args:
        night: the first after it, an index into the series.
        ratio: of the level after to the one before; above 1 is slower.
        low, high: its 95 % interval where it is; the search for where is not in it.
    """

    night: int
    ratio: float
    low: float
    high: float


def change_points(log_ratios: FloatArray) -> tuple[ChangePoint, ...]:
    """Returns the steps of a series, all of at least 1 % and between levels of 5 nights or more.

    The penalty of a segment is 5 ln(n) times the variance of a night, by the median absolute
    deviation of first differences, which steps do not inflate. A smaller step is taken out and its
    two levels become one, smallest first: so a creep of small steps still adds up to larger ones.

    Args:
        log_ratios: float64 [nights], finite, in order.
    """
    bounds = partition(log_ratios)
    while points := [_step(log_ratios, *around) for around in _triples(bounds)]:
        smallest = min(points, key=lambda point: abs(log(point.ratio)))
        if abs(log(smallest.ratio)) >= log1p(LEAST_STEP):
            break
        bounds.remove(smallest.night)
    return tuple(points)


def partition(log_ratios: FloatArray) -> list[int]:
    """Returns the bounds of the best segments before any is taken out: 0, changes, nights.

    Args:
        log_ratios: as of ``change_points``.
    """
    nights = len(log_ratios)
    if nights < 2 * LEAST_NIGHTS:
        return [0, nights]
    night_sd = max(float(block_sd(np.diff(log_ratios))) / sqrt(2), _LEAST_SD)
    penalty = _PENALTY * log(nights) * night_sd**2
    centred = log_ratios - np.median(log_ratios)
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    best = np.full(nights + 1, np.inf)
    best[0] = 0.0
    begins = np.zeros(nights + 1, np.int64)
    for end in range(LEAST_NIGHTS, nights + 1):
        starts = np.arange(end - LEAST_NIGHTS + 1)
        within = squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / (end - starts)
        costs = best[starts] + within + penalty
        begins[end] = np.argmin(costs)
        best[end] = costs[begins[end]]
    bounds = [nights]
    while bounds[0] > 0:
        bounds.insert(0, int(begins[bounds[0]]))
    return bounds


def settled(log_ratios: FloatArray) -> tuple[ChangePoint, ...]:
    """Returns the steps to tell of: those that each of the last five nights showed.

    A series is looked at again every night, and so many looks see what is not there. Of unchanged
    series of 120 nights 0.3 % show a slower step in the end, but 9 % have shown one on some night;
    2.4 % have shown one that settled (docs/evidence/gate-history.md).

    Args:
        log_ratios: as of ``change_points``.
    """
    nights = len(log_ratios)
    first = max(nights - LEAST_NIGHTS + 1, 0)
    return standing([change_points(log_ratios[:end]) for end in range(first, nights + 1)])


def standing(looks: Sequence[tuple[ChangePoint, ...]]) -> tuple[ChangePoint, ...]:
    """Returns what the last look shows and all before it show within five nights of there.

    Args:
        looks: at a series that grew by a night each time, at least one.
    """
    return tuple(
        point
        for point in looks[-1]
        if all(any(is_near(point, other) for other in look) for look in looks)
    )


def is_near(point: ChangePoint, other: ChangePoint) -> bool:
    """Returns whether two looks may mean the same step."""
    return abs(point.night - other.night) < LEAST_NIGHTS


def levels(log_ratios: FloatArray, points: Sequence[ChangePoint]) -> FloatArray:
    """Returns each night's level, the Hodges-Lehmann estimate of its segment: float64 [nights].

    Args:
        log_ratios: float64 [nights].
        points: of these nights.
    """
    found = np.empty_like(log_ratios)
    bounds = [0, *(point.night for point in points), len(log_ratios)]
    for start, end in pairwise(bounds if len(log_ratios) else []):
        found[start:end] = estimate(log_ratios[start:end])
    return found


def _triples(bounds: Sequence[int]) -> zip[tuple[int, int, int]]:
    return zip(bounds, bounds[1:], bounds[2:], strict=False)


def _step(log_ratios: FloatArray, start: int, change: int, end: int) -> ChangePoint:
    """Returns the median of all differences across a change, and order statistics around it.

    Hodges and Lehmann 1963, and Moses' interval in its normal approximation, which from 5 nights a
    side is the exact one or a neighbour of it (Hollander, Wolfe and Chicken, Nonparametric
    Statistical Methods, 3rd ed. 2014, section 4.3).
    """
    after, before = log_ratios[change:end], log_ratios[start:change]
    differences = np.sort(np.subtract.outer(after, before), axis=None)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    slack = z * sqrt(differences.size * (end - start + 1) / 12)
    outside = max(floor(differences.size / 2 - slack), 1)
    return ChangePoint(
        night=change,
        ratio=exp(np.median(differences)),
        low=exp(differences[outside - 1]),
        high=exp(differences[-outside]),
    )
