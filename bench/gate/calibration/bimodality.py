"""Whether the processes of a device have two modes, such as those on fast and on slow cores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.gate.decision import block_sd
from bench.gate.signed_rank import FloatArray

_LEAST_SHARE = 0.20  # of each mode; fewer are outliers, which signed ranks tolerate
_LEAST_SLOWDOWN = 0.04
# Halves of one normal distribution are 2.9 of their own SDs apart, those of a ramp 2.7.
_LEAST_SEPARATION = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Two modes of processes.

    Args:
        slowdown: of the slow mode against the fast one, a share.
        share: of processes that are slow.
    """

    slowdown: float
    share: float


def modes(runs: Sequence[FloatArray]) -> Modes | None:
    """Returns both modes of processes, ``None`` if there is only one.

    The split is the one with the largest variance between both parts (Otsu 1979). There are two
    modes if each part has at least a fifth of the processes, their medians are at least 4 % apart,
    and at least 4 times their spread (Ashman, Bird and Zepf 1994, with median absolute deviations).

    Args:
        runs: for each model float64 [processes], the logarithms of its values.
    """
    centred = np.sort(np.concatenate([run - np.quantile(run, 0.2) for run in runs]))
    n = centred.size
    clipped = np.clip(centred, *np.quantile(centred, (_LEAST_SHARE / 2, 1 - _LEAST_SHARE / 2)))
    below = np.arange(1, n)
    sums = np.cumsum(clipped)
    between = below * (n - below) * ((sums[-1] - sums[:-1]) / (n - below) - sums[:-1] / below) ** 2
    split = int(np.argmax(between)) + 1
    fast, slow = centred[:split], centred[split:]
    distance = float(np.median(slow) - np.median(fast))
    spread = math.sqrt((float(block_sd(fast)) ** 2 + float(block_sd(slow)) ** 2) / 2)
    if (
        min(fast.size, slow.size) < _LEAST_SHARE * n
        or distance < math.log1p(_LEAST_SLOWDOWN)
        or distance < _LEAST_SEPARATION * spread
    ):
        return None
    return Modes(slowdown=math.expm1(distance), share=slow.size / n)
