"""Statistics of imported processes, of which only what a tool printed is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from bench.core.caveats import Caveat, CaveatKind
from bench.measure.outcome import Measured, Statistics
from bench.measure.summary import median_interval

_ENOUGH = 6  # processes for an interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """Statistics of one imported case; the fields are those of a ``Summary``.

    Args:
        latency_us_median: median of the processes' medians; ``None`` where one has none. It is
            never a mean.
        latency_us_mean: mean over all inferences.
        latency_us_p5, latency_us_p95: as printed, of a single process only.
    """

    processes: int
    latency_us_median: float | None
    latency_us_low: float | None
    latency_us_high: float | None
    latency_us_mean: float
    latency_us_min: float | None
    latency_us_p5: float | None
    latency_us_p95: float | None
    init_us_median: float | None
    first_us_median: float | None
    memory_mb_peak: float | None
    nodes_total: int | None
    nodes_delegated: int | None
    partitions: int | None
    caveats: tuple[Caveat, ...]
    latency_us_p90: None = None
    process_spread_ratio: float | None = None


def summarise_printed(measured: Sequence[Measured]) -> Printed:
    """Returns the statistics of processes, at least one, each with raw values or statistics."""
    stats = [_statistics(each) for each in measured]
    medians = [each.median_us for each in stats if each.median_us is not None]
    known = len(medians) == len(stats)
    low, high = (median_interval(medians) or (None, None)) if known else (None, None)
    runs = sum(each.runs for each in stats)
    first, alone = measured[0], stats[0] if len(stats) == 1 else None
    few = Caveat(kind=CaveatKind.FEW_PROCESSES, evidence=f"{len(stats)} of the 6 that it needs")
    return Printed(
        processes=len(stats),
        latency_us_median=median(medians) if known else None,
        latency_us_low=low,
        latency_us_high=high,
        latency_us_mean=sum(each.avg_us * each.runs for each in stats) / runs,
        latency_us_min=_if_all(min, [each.min_us for each in stats]),
        latency_us_p5=alone.p5_us if alone else None,
        latency_us_p95=alone.p95_us if alone else None,
        init_us_median=_if_all(median, [each.init_us for each in measured]),
        first_us_median=_if_all(median, [each.first_us for each in measured]),
        memory_mb_peak=_if_all(max, [each.memory_mb_peak for each in measured]),
        nodes_total=first.nodes_total,
        nodes_delegated=first.nodes_delegated,
        partitions=first.partitions,
        caveats=(few,) if len(stats) < _ENOUGH else (),
    )


def _statistics(measured: Measured) -> Statistics:
    if measured.statistics is not None:
        return measured.statistics
    values = measured.inference_us
    return Statistics(
        runs=len(values),
        avg_us=fmean(values),
        min_us=min(values),
        max_us=max(values),
        std_us=None,
        median_us=median(values),
    )


def _if_all(of: Callable[[list[float]], float], values: Iterable[float | None]) -> float | None:
    """Returns a statistic of values; ``None`` where one is not known."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    return float(of(known)) if known and len(known) == len(listed) else None
