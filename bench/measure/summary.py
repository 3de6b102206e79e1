"""Statistics of a case's processes. The process is the unit of evidence, not the inference.

The interval of the median is between order statistics: for n values sorted x(1) <= ... <= x(n), the
median is in [x(k), x(n+1-k)] with probability 1 - 2 P(B < k), B ~ Binomial(n, 1/2), for any
distribution of the values (David & Nagaraja, Order Statistics, 3rd ed. 2003, section 7.1; table in
Le Boudec, Performance Evaluation of Computer and Communication Systems, 2010, appendix A).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.core.caveats import Caveat, CaveatKind
from bench.measure.outcome import Measured

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Statistics of one case in one session. A value of a process is the median of its runs.

    Args:
        processes, iterations: numbers of measured ones.
        latency_us_median: median of the processes' values.
        latency_us_low, latency_us_high: interval of that median, at least 95 %; ``None`` below 6
            processes, where it does not exist.
        latency_us_min, latency_us_p5, latency_us_p90, latency_us_p95: over all iterations.
        process_spread_ratio: range of the processes' values over their median.
        cpu_us_median, cpu_us_low, cpu_us_high: as the latency, of CPU time.
        init_us_median, first_us_median: of the processes' values.
        memory_mb_peak: the largest, in MiB.
        nodes_total, nodes_delegated, partitions, runtime: as observed, equal in all processes.
    """

    processes: int
    iterations: int
    latency_us_median: float
    latency_us_low: float | None
    latency_us_high: float | None
    latency_us_min: float
    latency_us_p5: float
    latency_us_p90: float
    latency_us_p95: float
    process_spread_ratio: float
    cpu_us_median: float | None
    init_us_median: float | None
    first_us_median: float | None
    memory_mb_peak: float | None
    nodes_total: int | None
    nodes_delegated: int | None
    partitions: int | None
    runtime: str | None
    caveats: tuple[Caveat, ...]
    cpu_us_low: float | None = None
    cpu_us_high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpread:
    """The medians that one case had in several sessions, which no interval of one session shows.

    Args:
        sessions: number of sessions, at least two.
        range_ratio: largest minus smallest, over their median. If sessions are exchangeable, the
            next one is outside the range of n with probability 2 / (n + 1).
        medians: of each session by its id, in us.
    """

    sessions: int
    range_ratio: float
    medians: Mapping[str, float]


def summarise(measured: Sequence[Measured]) -> Summary:
    """Returns the statistics of a case's processes, at least one."""
    values = [median(each.inference_us) for each in measured]
    iterations = sorted(value for each in measured for value in each.inference_us)
    low, high = median_interval(values) or (None, None)
    cpu_us = [median(each.cpu_us) for each in measured if each.cpu_us]
    cpu_low, cpu_high = median_interval(cpu_us) or (None, None)
    middle = median(values)
    first = measured[0]
    return Summary(
        processes=len(values),
        iterations=len(iterations),
        latency_us_median=middle,
        latency_us_low=low,
        latency_us_high=high,
        latency_us_min=iterations[0],
        latency_us_p5=percentile(iterations, 5),
        latency_us_p90=percentile(iterations, 90),
        latency_us_p95=percentile(iterations, 95),
        process_spread_ratio=(max(values) - min(values)) / middle if middle else 0.0,
        cpu_us_median=_median(cpu_us),
        cpu_us_low=cpu_low,
        cpu_us_high=cpu_high,
        init_us_median=_median([each.init_us for each in measured]),
        first_us_median=_median([each.first_us for each in measured]),
        memory_mb_peak=max(
            (each.memory_mb_peak for each in measured if each.memory_mb_peak is not None),
            default=None,
        ),
        nodes_total=first.nodes_total,
        nodes_delegated=first.nodes_delegated,
        partitions=first.partitions,
        runtime=first.runtime,
        caveats=_caveats(len(values), low is None, first),
    )


def between_sessions(medians: Mapping[str, float]) -> SessionSpread | None:
    """Returns the spread of a case's medians, by session; ``None`` below two."""
    values = medians.values()
    middle = median(values) if len(medians) > 1 else 0
    if not middle:
        return None
    return SessionSpread(
        sessions=len(medians),
        range_ratio=(max(values) - min(values)) / middle,
        medians=dict(medians),
    )


def median_interval(
    values: Sequence[float], *, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Returns the narrowest symmetric interval of the median at ``confidence`` or more, if any."""
    n = len(values)
    limit = (1 - confidence) / 2
    tail = 0
    k = 0  # the largest k with P(B < k) <= limit
    while k < n // 2 and (tail + math.comb(n, k)) / 2**n <= limit:
        tail += math.comb(n, k)
        k += 1
    if k == 0:
        return None
    ordered = sorted(values)
    return ordered[k - 1], ordered[n - k]


def relative_width(interval: tuple[float, float] | None, middle: float) -> float | None:
    """Returns the full width of an interval as a share of its median; ``None`` without one."""
    if interval is None or not middle:
        return None
    return (interval[1] - interval[0]) / middle


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Returns a percentile of sorted values, linear between the two nearest.

    Definition 7 of Hyndman & Fan, Sample quantiles in statistical packages, 1996; NumPy's default.
    """
    position = (len(ordered) - 1) * percent / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _median(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return median(present) if present else None


def _caveats(processes: int, without_interval: bool, first: Measured) -> tuple[Caveat, ...]:
    caveats = []
    if without_interval:
        caveats.append(
            Caveat(kind=CaveatKind.FEW_PROCESSES, evidence=f"{processes} of the 6 that it needs")
        )
    if (
        first.nodes_total is not None
        and first.nodes_delegated
        and first.nodes_delegated < first.nodes_total
    ):
        caveats.append(
            Caveat(
                kind=CaveatKind.PARTLY_DELEGATED,
                evidence=f"{first.nodes_delegated} of {first.nodes_total} nodes "
                f"in {first.partitions} partitions",
            )
        )
    return tuple(caveats)
