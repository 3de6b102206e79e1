"""Rates with exact intervals, and miss rates at matched rates of false alarms.

The one door to SciPy: the limits of a Poisson count (Garwood 1936) and of a share (Clopper and
Pearson 1934), both 95 % and never narrower than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from models.detection.alarms import Counts, Thresholds
from models.tflite.extras import from_extra

_TAIL = 0.025  # of each side


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


class Known(StrEnum):
    """What is known of a miss rate at a rate of false alarms."""

    YES = "yes"
    UNCLEAR = "unclear"  # the highest threshold may still have more: too few hours were heard
    NEVER_SO_FEW = "never so few"  # there are surely more false alarms at the highest threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The miss rate at a rate of false alarms.

    Args:
        per_hour: the rate that was asked for.
        threshold: the lowest at which no more false alarms were heard; ``None`` if there is none.
        hours_needed: hours without an alarm that would exclude a higher rate.
        miss_rate: its interval has both reasons to be unsure: which threshold has this rate of
            false alarms, and how many of all events are missed there. ``None`` unless it is known
            and there were events.
    """

    per_hour: float
    known: Known
    threshold: float | None
    false_alarms: int | None
    hours_needed: float
    miss_rate: Estimate | None


def per_hour(count: int, hours: float) -> Estimate:
    """Returns the rate of a Poisson count; no alarm has an upper limit of 3.69 / hours.

    Args:
        hours: above 0.
    """
    low, high = _poisson(np.array([count]))
    return Estimate(value=count / hours, low=float(low[0]) / hours, high=float(high[0]) / hours)


def share(count: int, of: int) -> Estimate:
    """Returns a share, such as the miss rate, of at least one."""
    special = _special()
    low = special.betaincinv(count, of - count + 1, _TAIL) if count else 0.0
    high = special.betaincinv(count + 1, of - count, 1 - _TAIL) if count < of else 1.0
    return Estimate(value=count / of, low=float(low), high=float(high))


def missed(peaks: Sequence[float], levels: Thresholds) -> Counts:
    """Returns at each threshold how many events are missed: their highest score is below it."""
    ordered = np.sort(np.array(peaks, np.float64))
    return np.searchsorted(ordered, levels, side="left").astype(np.int64)


def matched(
    levels: Thresholds, alarms: Counts, misses: Counts, *, hours: float, events: int, rate: float
) -> Matched:
    """Returns the miss rate at a rate of false alarms.

    Args:
        levels: thresholds, rising.
        alarms, misses: at each of them, int64 [thresholds].
        hours: of audio without events, above 0.
        rate: false alarms an hour, above 0.
    """
    low, high = (side / hours for side in _poisson(alarms))
    needed = float(_poisson(np.array([0]))[1][0]) / rate
    few = np.flatnonzero(alarms <= rate * hours)
    found = int(few[0]) if len(few) else None
    threshold = None if found is None else float(levels[found])
    possible = np.flatnonzero((low <= rate) & (high >= rate))
    if low[-1] > rate:
        known = Known.NEVER_SO_FEW
    elif high[-1] >= rate:
        known = Known.UNCLEAR
    else:
        known = Known.YES
    estimate = None
    if known is Known.YES and events and found is not None:
        first = int(possible[0]) if len(possible) else found
        last = int(possible[-1]) if len(possible) else found
        estimate = Estimate(
            value=int(misses[found]) / events,
            low=share(int(misses[min(first, found)]), events).low,
            high=share(int(misses[max(last, found)]), events).high,
        )
    return Matched(
        per_hour=rate,
        known=known,
        threshold=threshold,
        false_alarms=None if found is None else int(alarms[found]),
        hours_needed=needed,
        miss_rate=estimate,
    )


def _poisson(counts: Counts) -> tuple[Any, Any]:
    """Returns the limits of the means of Poisson counts, float64 of the same shape."""
    special = _special()
    each, places = np.unique(counts, return_inverse=True)  # thresholds share most of their counts
    low = np.where(each > 0, special.gammaincinv(np.maximum(each, 1), _TAIL), 0.0)
    high = special.gammaincinv(each + 1, 1 - _TAIL)
    return low[places], high[places]


def _special() -> Any:
    with from_extra("detect", "SciPy"):
        from scipy import special
    return special
