"""Why a model regressed: the differences between its sides, in sentences, from the log alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.core import units
from bench.gate.operators import (
    added_times,
    formats,
    label,
    layer_of,
    placements,
    shapes,
    time_text,
    work,
)
from bench.gate.records import Explained, Operator, Pair, SideFacts
from bench.plan.case import PROFILED

_MOST = 3  # operators to name
_LEAST_SHARE = 0.02  # operators with a smaller share of the added time are not named
_LEAST_RATIO = 1.1  # smaller increases of durations and memory are not named


def reasons(pair: Pair, explained: Explained) -> tuple[str, ...]:
    """Returns the differences, the most important first; a sentence if there are none."""
    tools = pair.observed.baseline_tool_sha256, pair.observed.tool_sha256
    found = differences(explained.baseline, explained.candidate, tools)
    found = found or ("operators, partitions, tool, initialisation and memory are the same",)
    if explained.operator_file:
        found += (
            f"the slowed operator as a file, with a text for an issue: {explained.operator_file}",
        )
    return found


def differences(
    before: SideFacts, after: SideFacts, tools: tuple[str | None, str | None] = (None, None)
) -> tuple[str, ...]:
    """Returns what differs between a baseline and a candidate, the most important first.

    Args:
        tools: the SHA-256 of each side's tool, where known.
    """
    return (
        *_weights(before, after),
        *work(before.layers, after.layers),
        *formats(before.layers, after.layers),
        *_times(before, after),
        *placements(before.layers, after.layers),
        *_partitions(before, after),
        *_programs(tools, before, after),
        *_increase("initialisation takes", before.init_us, after.init_us, units.duration),
        *_increase("memory peaks at", _bytes(before), _bytes(after), units.size),
    )


def _times(before: SideFacts, after: SideFacts) -> Iterator[str]:
    """Yields the operators that take more time in profiled processes."""
    changes, added_us = added_times(before.operators, after.operators)
    named = False
    for more_us, old, new in changes[:_MOST]:
        if new is None or more_us <= _LEAST_SHARE * added_us or more_us <= 0:
            continue
        was = "new" if old is None else f"was {time_text(old)}"
        overlap = ", the intervals overlap" if old is not None and _overlap(old, new) else ""
        share = f", {units.percent(min(more_us / added_us, 1))} % of the added time"
        named = True
        yield (
            f"profiled, {label(new)}{shapes(layer_of(new, after.layers))} takes {time_text(new)} "
            f"({was}{overlap}){share if added_us > 0 else ''}"
        )
    counts = [each.profiles for each in (before, after) if each.profiles is not None]
    if named and len(counts) == 2:
        yield _profiled(min(counts))


def _profiled(processes: int) -> str:
    if processes >= PROFILED:
        return (
            f"times of operators are medians of {processes} profiled processes a side, with their "
            "95 % intervals"
        )
    return (
        f"times of operators are of {units.counted(processes, 'profiled process')} a side: too few "
        f"for an interval, which needs {PROFILED}"
    )


def _overlap(old: Operator, new: Operator) -> bool:
    if old.high_us is None or new.low_us is None:
        return False
    return new.low_us <= old.high_us


def _weights(before: SideFacts, after: SideFacts) -> Iterator[str]:
    """Yields that only weights differ, where both files were read."""
    hashes = [(each.structure_sha256, each.weights_sha256) for each in (before, after)]
    if not all(map(all, hashes)) or hashes[0][0] != hashes[1][0]:
        return
    differ = ["weights"] if hashes[0][1] != hashes[1][1] else []
    differ += ["scales"] if before.scales_sha256 != after.scales_sha256 else []
    if differ:
        yield f"the graphs are equal; only {' and '.join(differ)} differ"


def _partitions(before: SideFacts, after: SideFacts) -> Iterator[str]:
    placements = [
        f"{each.partitions} of the delegate's partitions and {each.nodes - each.delegated_nodes} "
        "operators outside them"
        for each in (before, after)
        if each.nodes is not None and each.delegated_nodes is not None
    ]
    if len(set(placements)) == 2:
        yield f"{placements[1]}, instead of {placements[0]}"


def _programs(
    tools: tuple[str | None, str | None], before: SideFacts, after: SideFacts
) -> Iterator[str]:
    old, new = tools
    if old and new and old != new:
        yield f"another tool: {new[:12]} instead of {old[:12]}"
    if before.runtime and after.runtime and before.runtime != after.runtime:
        yield f"another runtime: {after.runtime} instead of {before.runtime}"
    if before.cache != after.cache:
        old, new = (each.cache or "not known" for each in (before, after))
        yield f"the delegate's cache: {new}, instead of {old}"


def _increase(
    label: str,
    before: float | None,
    after: float | None,
    text: Callable[[float | None], str],
) -> Iterator[str]:
    if before and after and after > _LEAST_RATIO * before:
        yield f"{label} {text(after)} instead of {text(before)}"


def _bytes(facts: SideFacts) -> float | None:
    return None if facts.peak_mb is None else facts.peak_mb * 2**20
