"""Sustained latency: the curve over minutes without a pause, its start, throttling and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_SLOWER_RATIO = 1.10  # over the start's latency: throttled
_STEADY_RATIO = 0.03  # the largest difference of two steady quarters
_GAP_S = 30.0  # a pause between two slices in which a device cools
_START = 3  # slices, so that a single one does not decide
_MIN_SLICES = 8
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One slice of the time.

    Args:
        at_s, until_s: since the first slice began.
        latency_us: the slice's median, or its mean if the tool does not print a median.
        clock_khz, cap_khz: the fastest cores' clock and its cap, after the slice.
        thermal_status: after the slice, 0 (none) to 6.
        temp_c: of the hottest processor sensor, else skin sensor, after the slice.
    """

    at_s: float
    until_s: float
    latency_us: float
    clock_khz: float | None = None
    cap_khz: float | None = None
    thermal_status: float | None = None
    temp_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A sustained run.

    Args:
        start_us: median of the first three slices.
        throttled_after_s: start of the first three slices in a row that were all more than 10 %
            slower than ``start_us``; ``None`` if there are none.
        steady_us: median of the last quarter; ``None`` if it differs from the quarter before by
            more than 3 %, or there are too few slices.
        end_us: median of the last quarter, steady or not; below four slices the last one.
        start_us_low, start_us_high, end_us_low, end_us_high: the range of those slices.
        interrupted_s: the longest pause between two slices, if it was long enough to cool down.
    """

    points: tuple[Point, ...]
    start_us: float
    throttled_after_s: float | None
    steady_us: float | None
    interrupted_s: float | None
    end_us: float
    start_us_low: float
    start_us_high: float
    end_us_low: float
    end_us_high: float


def first_and_last_minute(points: Sequence[Point]) -> tuple[float, float]:
    """Returns the median latencies in the first and in the last minute, in us.

    Of a run below four minutes its first and last quarter, and always of at least three slices.

    Args:
        points: of one run, at least one.
    """
    ordered = sorted(points, key=lambda point: point.at_s)
    begin_s, end_s = ordered[0].at_s, ordered[-1].until_s
    window_s = min(_MINUTE_S, (end_s - begin_s) / 4)
    first = [each for each in ordered if each.until_s <= begin_s + window_s]
    last = [each for each in ordered if each.at_s >= end_s - window_s]
    first = max(first, ordered[:_START], key=len)
    last = max(last, ordered[-_START:], key=len)
    return (
        median(each.latency_us for each in first),
        median(each.latency_us for each in last),
    )


def curve(points: Sequence[Point]) -> Curve:
    """Returns the curve of at least one slice."""
    ordered = sorted(points, key=lambda point: point.at_s)
    values = [point.latency_us for point in ordered]
    start, end = values[:_START], values[-max(1, len(values) // 4) :]
    start_us = median(start)
    pauses_s = [after.at_s - before.until_s for before, after in pairwise(ordered)]
    longest_s = max(pauses_s, default=0.0)
    return Curve(
        points=tuple(ordered),
        start_us=start_us,
        throttled_after_s=_throttled_after_s(ordered, _SLOWER_RATIO * start_us),
        steady_us=_steady_us(values),
        interrupted_s=longest_s if longest_s > _GAP_S else None,
        end_us=median(end),
        start_us_low=min(start),
        start_us_high=max(start),
        end_us_low=min(end),
        end_us_high=max(end),
    )


def _throttled_after_s(points: Sequence[Point], limit_us: float) -> float | None:
    for first in range(len(points) - _START + 1):
        row = points[first : first + _START]
        if all(point.latency_us > limit_us for point in row):
            return row[0].at_s
    return None


def _steady_us(values: Sequence[float]) -> float | None:
    if len(values) < _MIN_SLICES:
        return None
    quarter = len(values) // 4
    last, before = median(values[-quarter:]), median(values[-2 * quarter : -quarter])
    return last if abs(last - before) <= _STEADY_RATIO * before else None
