"""From scores to alarms: the average of some in a row, thresholds, the refractory time."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.tflite.arrays import Floats

Counts: TypeAlias = NDArray[np.int64]
Thresholds: TypeAlias = NDArray[np.float64]

_STEPS = 2_001
_LOWEST = 1e-4  # the highest is as near to 1


def thresholds(*own: float) -> Thresholds:
    """Returns the thresholds of a curve, rising: equal steps of log-odds, and ``own`` ones.

    Between .9 and .99 there are about 260 of them, more than scores of 8 bits can distinguish.
    """
    end = np.log((1 - _LOWEST) / _LOWEST)
    steps = 1 / (1 + np.exp(-np.linspace(-end, end, _STEPS)))
    return np.unique(np.concatenate([steps, np.array(own, np.float64)]))


class Averaged:
    """The mean of the last scores; 0 until there are as many, as detectors are deployed."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._last: Floats = np.empty(0, np.float32)
        self._seen = 0

    def __call__(self, scores: Floats) -> Floats:
        """Returns the averages after each new score, float32 of the same length."""
        if self._count == 1 or not len(scores):
            return scores
        before = np.zeros(self._count - 1, np.float32)
        before[len(before) - len(self._last) :] = self._last
        row = np.concatenate([before, scores])
        means = np.lib.stride_tricks.sliding_window_view(row, self._count).mean(
            axis=1, dtype=np.float64
        )
        means[: max(0, self._count - 1 - self._seen)] = 0
        self._seen += len(scores)
        self._last = row[-(self._count - 1) :]
        averaged: Floats = means.astype(np.float32)
        return averaged


class AlarmCounter:
    """Counts alarms at all thresholds at once, in memory that does not grow.

    A score at or above a threshold is an alarm, unless the last alarm at this threshold was less
    than the refractory time ago. So peaks within that time are one alarm, and a score that stays
    above gives one alarm in each. No other choice of alarms so far apart has more of them, hence
    their number never rises with the threshold.

    Args:
        levels: thresholds, rising.
        refractory: in samples.
        own: index of the threshold whose alarms are named.
    """

    def __init__(self, levels: Thresholds, refractory: int, own: int) -> None:
        self._levels, self._refractory, self._own = levels, refractory, own
        self.counts: Counts = np.zeros(len(levels), np.int64)
        self._ready: Counts = np.full(len(levels), np.iinfo(np.int64).min, np.int64)

    def add(self, scores: Floats, ends: NDArray[np.int64]) -> list[int]:
        """Counts the alarms of scores in a row, and returns the rows with one at its own threshold.

        Args:
            scores: float32 [rows].
            ends: int64 [rows], in samples, rising.
        """
        reached = np.searchsorted(self._levels, scores.astype(np.float64), side="right")
        alarms = []
        for row in np.flatnonzero(reached):
            below = slice(0, int(reached[row]))
            now = self._ready[below] <= ends[row]
            if now.any():
                self.counts[below] += now
                self._ready[below][now] = ends[row] + self._refractory
                if self._own < len(now) and now[self._own]:
                    alarms.append(int(row))
        return alarms
