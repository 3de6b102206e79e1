"""Finds the steps in the level of a series: for tickets, never to fail a build.

PELT (Killick, Fearnhead and Eckley, Optimal detection of changepoints with a linear computational
cost, 2012) minimises the sum of squares within segments plus a penalty for each segment. It is
optimal partitioning (Jackson et al. 2005) with pruning, which saves time and keeps the optimum.
Here nothing is pruned: a year of runs is fast enough, and with a minimum length of segments the
published pruning can even lose the optimum.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from math import exp, floor, log, log1p, sqrt
from statistics import NormalDist

import numpy as np

from bench.gate.decision import block_sd
from bench.gate.signed_rank import FloatArray, estimate
from bench.gate.verdict import CONFIDENCE, Interval

LEAST_RUNS = 5  # in a segment
LEAST_STEP = 0.01  # a share
_PENALTY = 5.0  # times ln(runs) times the variance of a run
# Also where runs agree to the digit, as with a coarse clock.
_LEAST_SD = 0.001

# Index of the first run after each step, to the ratio of the level after to the level before. Its
# 95 % interval is for this place of the step, without the uncertainty of the place.
ChangePoints = Mapping[int, Interval]


def change_points(log_ratios: FloatArray) -> ChangePoints:
    """Returns the steps of a series of at least 1 %, between levels of at least 5 runs.

    The penalty of a segment is 5 ln(n) times the variance of a run, by the median absolute
    deviation of first differences, which steps do not inflate. Smaller steps are removed,
    the smallest first, and their two levels become one; so many small steps still add up to larger
    ones.

    Args:
        log_ratios: float64 [runs], finite, in order.
    """
    bounds = partition(log_ratios)
    while points := {
        change: _ratio(log_ratios, start, change, end)
        for start, change, end in zip(bounds, bounds[1:], bounds[2:], strict=False)
    }:
        smallest = min(points, key=lambda index: abs(log(points[index].value)))
        if abs(log(points[smallest].value)) >= log1p(LEAST_STEP):
            break
        bounds.remove(smallest)
    return points


def partition(log_ratios: FloatArray) -> list[int]:
    """Returns the bounds of the best segments, before small steps are removed: 0, changes, runs.

    Args:
        log_ratios: as for ``change_points``.
    """
    runs = len(log_ratios)
    if runs < 2 * LEAST_RUNS:
        return [0, runs]
    run_sd = max(float(block_sd(np.diff(log_ratios))) / sqrt(2), _LEAST_SD)
    penalty = _PENALTY * log(runs) * run_sd**2
    centred = log_ratios - np.median(log_ratios)
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    best = np.full(runs + 1, np.inf)
    best[0] = 0.0
    begins = np.zeros(runs + 1, np.int64)
    for end in range(LEAST_RUNS, runs + 1):
        starts = np.arange(end - LEAST_RUNS + 1)
        within = squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / (end - starts)
        costs = best[starts] + within + penalty
        begins[end] = np.argmin(costs)
        best[end] = costs[begins[end]]
    bounds = [runs]
    while bounds[0] > 0:
        bounds.insert(0, int(begins[bounds[0]]))
    return bounds


def settled_steps(log_ratios: FloatArray) -> ChangePoints:
    """Returns the steps to report: those that were detected after each of the last five runs.

    A series is searched again after every run, so many searches detect steps that do not exist. Of
    unchanged series of 120 runs 0.3 % show a slower step at the end, but 9 % showed one after some
    run, and 2.4 % one that settled (docs/evidence/gate-history.md).

    Args:
        log_ratios: as for ``change_points``.
    """
    runs = len(log_ratios)
    first = max(runs - LEAST_RUNS + 1, 0)
    return confirm([change_points(log_ratios[:end]) for end in range(first, runs + 1)])


def confirm(searches: Sequence[ChangePoints]) -> ChangePoints:
    """Returns the steps of the last search that all others detected too, within five runs.

    Args:
        searches: at least one; after each of the last runs of a series.
    """
    return {
        index: ratio
        for index, ratio in searches[-1].items()
        if all(any(is_near(index, other) for other in search) for search in searches)
    }


def is_near(index: int, other: int) -> bool:
    """Returns whether the steps of two searches may be the same step."""
    return abs(index - other) < LEAST_RUNS


def levels(log_ratios: FloatArray, changes: Collection[int]) -> FloatArray:
    """Returns each run's level, the Hodges-Lehmann estimate of its segment: float64 [runs].

    Args:
        log_ratios: float64 [runs].
        changes: index of the first run after each step, increasing.
    """
    level_of = np.empty_like(log_ratios)
    bounds = [0, *changes, len(log_ratios)]
    for start, end in pairwise(bounds if len(log_ratios) else []):
        level_of[start:end] = estimate(log_ratios[start:end])
    return level_of


def _ratio(log_ratios: FloatArray, start: int, change: int, end: int) -> Interval:
    """Returns the median of all differences across a change, and order statistics around it.

    Hodges and Lehmann 1963, and Moses' interval in its normal approximation, which for at least 5
    runs before and after is the exact one or a neighbour of it (Hollander, Wolfe and Chicken,
    Nonparametric Statistical Methods, 3rd ed. 2014, section 4.3).
    """
    after, before = log_ratios[change:end], log_ratios[start:change]
    differences = np.sort(np.subtract.outer(after, before), axis=None)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    slack = z * sqrt(differences.size * (end - start + 1) / 12)
    outside = max(floor(differences.size / 2 - slack), 1)
    return Interval(
        value=exp(np.median(differences)),
        low=exp(differences[outside - 1]),
        high=exp(differences[-outside]),
    )
