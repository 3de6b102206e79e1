"""Caveats of cases and of several results; none of them is about the device's state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bench.core import units
from bench.core.caveats import Caveat, CaveatKind
from bench.core.device_state.caches import CacheUse
from bench.measure.outcome import Statistics
from bench.measure.summary import Summary, relative_width
from bench.plan.case import Case, Protocol

_CONVENTION_RATIO = 0.05
UNCLEAR = CacheUse.UNCLEAR


def input_caveats(case: Case) -> Iterator[Caveat]:
    """Yields notes of what a case was given that its file does not have."""
    if case.signature:
        yield Caveat(kind=CaveatKind.SIGNATURE, evidence=case.signature.text)
    shaped = [each.text for each in case.given_inputs if each.is_set]
    if shaped:
        yield Caveat(kind=CaveatKind.INPUT_SHAPE, evidence=", ".join(shaped))
    given = [each.values_text for each in case.given_inputs if each.values_text]
    if given:
        yield Caveat(kind=CaveatKind.INPUT_VALUES, evidence=", ".join(given))


def wide_interval(protocol: Protocol, summary: Summary) -> Caveat | None:
    """Returns the caveat of an interval wider than the protocol's ``ci_width``, if it is."""
    low, high = summary.latency_us_low, summary.latency_us_high
    if protocol.ci_width is None or low is None or high is None:
        return None
    width = relative_width((low, high), summary.latency_us_median)
    if width is None or width <= protocol.ci_width:
        return None
    return Caveat(
        kind=CaveatKind.WIDE_INTERVAL,
        evidence=f"{width:.1%} wide, {protocol.ci_width:.1%} was asked for, after "
        f"{summary.processes} processes",
    )


def convention_differs(summary: Summary, conventional: Statistics) -> Caveat | None:
    """Returns the caveat that one long process gives another latency than many short ones."""
    ratio = conventional.avg_us / summary.latency_us_median - 1
    if abs(ratio) <= _CONVENTION_RATIO:
        return None
    return Caveat(
        kind=CaveatKind.CONVENTION_DIFFERS,
        evidence=f"its mean of {conventional.runs} runs is {units.duration(conventional.avg_us)}, "
        f"{ratio:+.1%} from the median {units.duration(summary.latency_us_median)}",
    )


def warm_cache(uses: Sequence[CacheUse], size_bytes: int | None) -> Caveat | None:
    """Returns the caveat of a warm cache: whether the processes read it, as far as that shows.

    Args:
        uses: of the processes of one case; none without a warm cache.
        size_bytes: of the cache that the first process wrote.
    """
    if not uses:
        return None
    counts = Counter(uses)
    size = "an unknown size" if size_bytes is None else units.size(size_bytes)
    parts = [f"{use} by {counts[use]}" for use in CacheUse if counts[use] and use is not UNCLEAR]
    if counts[UNCLEAR]:
        parts.append(f"there and unchanged for {counts[UNCLEAR]}, whose logs show no more")
    missed = counts[CacheUse.WRITTEN] + counts[CacheUse.IGNORED]
    return Caveat(
        kind=CaveatKind.CACHE_NOT_READ if missed else CaveatKind.WARM_CACHE,
        evidence=f"the cache of {size} was {', '.join(parts)} (of {len(uses)} processes)",
    )


def threads_change_nothing(by_threads: Mapping[int, Summary], cores: int | None) -> Caveat | None:
    """Returns the caveat that more threads made no difference, although there were cores for them.

    Args:
        by_threads: number of threads to the summary of otherwise equal cases.
        cores: number of cores that they could use; ``None`` if unknown.
    """
    summaries = {n: by_threads[n] for n in sorted(by_threads) if cores is not None and n <= cores}
    lows = [each.latency_us_low for each in summaries.values() if each.latency_us_low is not None]
    highs = [
        each.latency_us_high for each in summaries.values() if each.latency_us_high is not None
    ]
    if len(lows) < 2 or len(lows) < len(summaries) or max(lows) > min(highs):
        return None
    scale = units.duration_scale([*lows, *highs])
    return Caveat(
        kind=CaveatKind.THREADS_CHANGE_NOTHING,
        evidence=f"with {', '.join(map(str, summaries))} threads it took "
        f"{scale.number(min(lows))} to {scale.text(max(highs))}",
    )
