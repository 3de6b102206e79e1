"""Detectors of slowdowns in a history: those of common tools, as shipped, and ours.

Each takes float64 [rows, runs] of logarithms and returns the runs at which it reports "slower".
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from support.lazy import Lazy

from bench.gate.history.change_points import LEAST_RUNS, change_points, confirm, is_near
from lab.noise import Floats

stats = Lazy("scipy.stats")
Alarms = NDArray[np.bool_]

_BENCHER_NIGHTS = 64
_RUSTC_NIGHTS = 30
_PERFHERDER_NIGHTS = 12
_CUSUM_NIGHTS = 15


def ours(series: Floats) -> Alarms:
    """Returns the steps to a slower level, placed with all runs known."""
    found = np.zeros(series.shape, np.bool_)
    for row, alarms in zip(series, found, strict=True):
        steps = change_points(row)
        alarms[[index for index, ratio in steps.items() if ratio.value > 1]] = True
    return found


def run_by_run(series: Floats) -> tuple[Alarms, Alarms]:
    """Returns the runs after which a search finds a new slower step: at once, and settled."""
    at_once, settled = np.zeros((2, *series.shape), np.bool_)
    for row, *alarms in zip(series, at_once, settled, strict=True):
        searches = [change_points(row[: run + 1]) for run in range(len(row))]
        stable = [
            confirm(searches[run + 1 - LEAST_RUNS : run + 1]) if run >= LEAST_RUNS else {}
            for run in range(len(row))
        ]
        for shown, found in zip((searches, stable), alarms, strict=True):
            known: list[int] = []
            for run, points in enumerate(shown):
                new = [
                    index
                    for index, ratio in points.items()
                    if ratio.value > 1 and not any(is_near(index, old) for old in known)
                ]
                found[run] = bool(new)
                known += new
    return at_once, settled


def previous_night(series: Floats) -> Alarms:
    """Returns what github-action-benchmark at 105 % alerts on."""
    return _from_first(series, np.diff(series) > np.log(1.05))


def bencher(series: Floats) -> Alarms:
    """Returns what Bencher's t_test threshold flags: the upper 0.99 limit of up to 64 nights."""
    found = np.zeros(series.shape, np.bool_)
    for night in range(2, series.shape[1]):
        window = series[:, max(0, night - _BENCHER_NIGHTS) : night]
        n = window.shape[1]
        t = float(stats.t.ppf(0.99, n - 1)) * np.sqrt(1 + 1 / n)
        limit = window.mean(axis=1) + t * window.std(axis=1, ddof=1)
        found[:, night] = series[:, night] > limit
    return found


def rustc_perf(series: Floats) -> Alarms:
    """Returns where a change from one night to the next is beyond Q3 + 3 IQR of the last 30."""
    found = np.zeros(series.shape, np.bool_)
    changes = np.diff(series)
    for night in range(_RUSTC_NIGHTS + 1, series.shape[1]):
        window = np.abs(changes[:, night - _RUSTC_NIGHTS : night - 1])
        lower, upper = np.quantile(window, [0.25, 0.75], axis=1)
        found[:, night] = changes[:, night - 1] >= upper + 3 * (upper - lower)
    return found


def perfherder(series: Floats) -> Alarms:
    """Returns peaks of its weighted t above 7, twelve nights a side, of steps above 2 %."""
    n = _PERFHERDER_NIGHTS
    windows = np.lib.stride_tricks.sliding_window_view(series, n, axis=1)
    towards = np.arange(1, n + 1) / np.arange(1, n + 1).sum()  # the nearest night weighs most
    before, after = windows[:, :-n], windows[:, n:]
    means = before @ towards, after @ towards[::-1]
    spreads = [
        ((window - mean[..., None]) ** 2).sum(axis=-1) / (n - 1)
        for window, mean in zip((before, after), means, strict=True)
    ]
    t = np.zeros(series.shape)
    inner = slice(n, n + before.shape[1])
    t[:, inner] = (means[1] - means[0]) / np.sqrt((spreads[0] + spreads[1]) / n)
    tall = np.zeros(series.shape, np.bool_)
    tall[:, inner] = after.mean(axis=-1) - before.mean(axis=-1) > np.log(1.02)
    around = np.pad(np.abs(t), ((0, 0), (1, 1)))
    peak = (t >= around[:, :-2]) & (t >= around[:, 2:])
    return np.asarray((t > 7) & peak & tall)


def cusum(series: Floats) -> Alarms:
    """Returns the alarms of a robust one-sided CUSUM, k 0.5 and h 6, anew after each of them."""
    found = np.zeros(series.shape, np.bool_)
    for row, alarms in zip(series, found, strict=True):
        alarms[list(_cusum(row))] = True
    return found


def _cusum(row: Floats) -> Iterator[int]:
    start = 0
    while start + _CUSUM_NIGHTS < len(row):
        window = row[start : start + _CUSUM_NIGHTS]
        sd = 1.4826 * np.median(np.abs(window - np.median(window)))
        total, alarm = 0.0, len(row)
        for night in range(start + _CUSUM_NIGHTS, len(row)):
            surprise = float(np.clip((row[night] - np.median(window)) / sd, -4, 4))
            total = max(0.0, total + surprise - 0.5)
            if total > 6:
                alarm = night
                yield alarm
                break
        start = alarm


def _from_first(series: Floats, later: Alarms) -> Alarms:
    return np.concatenate([np.zeros((len(series), 1), np.bool_), later], axis=1)


DETECTORS: Mapping[str, Callable[[Floats], Alarms]] = {
    "frill-bench, all runs known": ours,
    "previous night +5 % (github-action-benchmark, 105 %)": previous_night,
    "Bencher, t .99 of 64 nights": bencher,
    "rustc-perf, IQR fence of 30 nights": rustc_perf,
    "Perfherder, t 7, 12 nights a side, 2 %": perfherder,
    "robust CUSUM, k .5, h 6": cusum,
}
