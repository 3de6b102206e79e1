"""Why a model regressed: the differences between its sides, in sentences, from the log alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher

from bench.core import units
from bench.gate.records import Explained, Operator, Pair, SideFacts

_MOST = 3  # operators to name
_LEAST_SHARE = 0.02  # operators with a smaller share of the added time are not named
_LEAST_RATIO = 1.1  # smaller increases of durations and memory are not named

# An operator of the baseline and its counterpart in the candidate; ``None`` where there is none.
_Match = tuple[Operator | None, Operator | None]


def reasons(pair: Pair, explained: Explained) -> tuple[str, ...]:
    """Returns the differences, the most important first; a sentence if there are none."""
    tools = pair.observed.baseline_tool_sha256, pair.observed.tool_sha256
    found = differences(explained.baseline, explained.candidate, tools)
    return found or ("operators, partitions, tool, initialisation and memory are the same",)


def differences(
    before: SideFacts, after: SideFacts, tools: tuple[str | None, str | None] = (None, None)
) -> tuple[str, ...]:
    """Returns what differs between a baseline and a candidate, the most important first.

    Args:
        tools: the SHA-256 of each side's tool, where known.
    """
    return (
        *_layers(before.layers, after.layers),
        *_times(before.operators, after.operators),
        *_partitions(before, after),
        *_programs(tools, before, after),
        *_increase("initialisation takes", before.init_us, after.init_us, units.duration),
        *_increase("memory peaks at", _bytes(before), _bytes(after), units.size),
    )


def _layers(before: Sequence[Operator], after: Sequence[Operator]) -> Iterator[str]:
    """Yields the differences of the files' operators, in multiply-accumulates."""
    changed = [
        (old, new)
        for old, new in _match(before, after)
        if not (old and new) or old.macs != new.macs
    ]
    changed.sort(key=lambda match: -abs(_macs(match[1]) - _macs(match[0])))
    for old, new in changed[:_MOST]:
        if old and new:
            macs = f"{_macs_text(new)} multiply-accumulates instead of {_macs_text(old)}"
            yield f"{_label(new)} does {macs}"
        elif new:
            yield f"only the candidate has {_label(new)}{_work(new)}"
        elif old:
            yield f"only the baseline has {_label(old)}{_work(old)}"
    if len(changed) > _MOST:
        yield f"{len(changed) - _MOST} more operators differ"
    if changed:
        yield f"in all {_macs_text(*after)} multiply-accumulates instead of {_macs_text(*before)}"


def _times(before: Sequence[Operator], after: Sequence[Operator]) -> Iterator[str]:
    """Yields the operators that take more time, by one profiled process of each side."""
    if not (before and after):
        return
    changes = [(_us(new) - _us(old), old, new) for old, new in _match(before, after)]
    added_us = sum(each.avg_us or 0 for each in after) - sum(each.avg_us or 0 for each in before)
    changes.sort(key=lambda each: -each[0])
    for more_us, old, new in changes[:_MOST]:
        if new is None or more_us <= _LEAST_SHARE * added_us or more_us <= 0:
            continue
        was = "new" if old is None else f"was {units.duration(old.avg_us)}"
        share = f", {units.percent(min(more_us / added_us, 1))} % of the added time"
        yield (
            f"profiled, {_label(new)} takes {units.duration(new.avg_us)} ({was})"
            f"{share if added_us > 0 else ''}"
        )


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


def _increase(
    label: str,
    before: float | None,
    after: float | None,
    text: Callable[[float | None], str],
) -> Iterator[str]:
    if before and after and after > _LEAST_RATIO * before:
        yield f"{label} {text(after)} instead of {text(before)}"


def _match(before: Sequence[Operator], after: Sequence[Operator]) -> list[_Match]:
    """Returns matching operators: by type and name, or by type if most names are new."""
    names = {(each.node_type, each.name) for each in before}
    same_names = sum((each.node_type, each.name) in names for each in after)
    by_name = 2 * same_names > min(len(before), len(after))

    def keys(operators: Sequence[Operator]) -> list[tuple[str, str]]:
        return [(each.node_type, each.name if by_name else "") for each in operators]

    matches: list[_Match] = []
    matcher = SequenceMatcher(None, keys(before), keys(after), autojunk=False)
    for tag, b0, b1, a0, a1 in matcher.get_opcodes():
        if tag == "equal":
            matches += zip(before[b0:b1], after[a0:a1], strict=True)
        else:
            matches += [(each, None) for each in before[b0:b1]]
            matches += [(None, each) for each in after[a0:a1]]
    return matches


def _label(operator: Operator) -> str:
    # A fused operator has the names of all its parts; the shortest is the name of the layer itself.
    name = min(operator.name.split(";"), key=len)
    return f"{operator.node_type} {'/'.join(name.split('/')[-2:])}".strip()


def _work(operator: Operator) -> str:
    return f" ({_macs_text(operator)} multiply-accumulates)" if operator.macs else ""


def _macs_text(*operators: Operator) -> str:
    total = sum(map(_macs, operators))
    return units.count_scale([total]).text(total)


def _macs(operator: Operator | None) -> int:
    return 0 if operator is None else operator.macs or 0


def _us(operator: Operator | None) -> float:
    return 0.0 if operator is None else operator.avg_us or 0.0


def _bytes(facts: SideFacts) -> float | None:
    return None if facts.peak_mb is None else facts.peak_mb * 2**20
