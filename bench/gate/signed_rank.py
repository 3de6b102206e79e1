"""Wilcoxon's signed-rank test, exact, and the estimate and interval that follow from it.

Under the null hypothesis a difference is as likely above the shift as below it by as much; in the
gate the coin that orders a block ensures that. The sum W of the ranks of the positive differences
is then a sum over fair coins. Its distribution is counted and not approximated (Wilcoxon 1945;
Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd ed. 2014, section 3.1).

Ties and zeros are treated conservatively: among equal sizes the positive differences get the lowest
ranks, and a difference equal to the shift counts as not positive. W is then never above its value
with random ranks, for which the distribution is exact; so no P-value is too small.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Sizes nearer than this are equal: rounding errors of logarithms are far smaller, and ratios of
# whole microseconds below a second differ by more.
_TIED = 1e-12


@cache
def upper_tail(n: int) -> FloatArray:
    """Returns P(W >= w) of n differences: float64 [n (n + 1) / 2 + 1] over w from 0, read-only.

    W's generating function is the product of (1 + z^rank) / 2.
    """
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    tail = np.asarray(np.cumsum(ways[::-1])[::-1] / 2.0**n)
    tail.setflags(write=False)
    return tail


def p_at_most(differences: FloatArray, shift: float = 0.0) -> FloatArray:
    """Returns the P-value of "the median is at most ``shift``"; a small one shows that it is above.

    Args:
        differences: float64 [..., n], n at least 1.

    Returns:
        float64 [...], in [2^-n, 1].
    """
    return upper_tail(differences.shape[-1])[_rank_sum(differences - shift)]


def p_at_least(differences: FloatArray, shift: float = 0.0) -> FloatArray:
    """Returns the P-value of "the median is at least ``shift``"; as ``p_at_most``, mirrored."""
    return upper_tail(differences.shape[-1])[_rank_sum(shift - differences)]


def estimate(differences: FloatArray) -> FloatArray:
    """Returns the median of the Walsh averages (Hodges and Lehmann 1963): float64 [...].

    Args:
        differences: float64 [..., n], n at least 1.
    """
    return np.asarray(np.median(_walsh_averages(differences), axis=-1))


def interval(differences: FloatArray, *, confidence: float) -> tuple[FloatArray, FloatArray] | None:
    """Returns both ends of all shifts that neither one-sided test rejects at (1 - confidence) / 2.

    They are order statistics of the Walsh averages (Tukey 1949): as many of these exceed a shift as
    W counts there. Coverage is at least ``confidence`` for an n that was fixed beforehand.

    Args:
        differences: float64 [..., n], n at least 1.
        confidence: in (0, 1).

    Returns:
        float64 [...] each; ``None`` where n is too small to reject any shift.
    """
    rejecting = np.flatnonzero(upper_tail(differences.shape[-1]) <= (1 - confidence) / 2)
    if not rejecting.size:
        return None
    critical = int(rejecting[0])
    averages = np.sort(_walsh_averages(differences), axis=-1)
    return averages[..., -critical], averages[..., critical - 1]


def _rank_sum(differences: FloatArray) -> NDArray[np.int64]:
    """Returns W: int64 [...]."""
    size = np.abs(differences)
    by_size = np.argsort(size, axis=-1)
    ordered = np.take_along_axis(size, by_size, axis=-1)
    positive = np.take_along_axis(differences > _TIED, by_size, axis=-1)
    steps = ordered[..., 1:] - ordered[..., :-1] > _TIED
    if not steps.all():
        first = np.zeros((*steps.shape[:-1], 1), np.int64)
        group = np.concatenate([first, np.cumsum(steps, axis=-1)], axis=-1)
        lowest_first = np.argsort(2 * group + ~positive, axis=-1)
        positive = np.take_along_axis(positive, lowest_first, axis=-1)
    return np.asarray(positive @ np.arange(1, differences.shape[-1] + 1))


def _walsh_averages(differences: FloatArray) -> FloatArray:
    """Returns the mean of each pair, each with itself too: float64 [..., n (n + 1) / 2]."""
    first, second = _pairs(differences.shape[-1])
    return np.asarray((differences[..., first] + differences[..., second]) / 2)


@cache
def _pairs(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the indices of all pairs of n, each with itself too."""
    return np.triu_indices(n)
