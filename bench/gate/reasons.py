"""Why a model regressed: what differs between its sides, in sentences, from the log alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher

from bench.core import units
from bench.gate.records import Explained, Inside, Operator, Pair

_MOST = 3  # operators that are named
_WORTH_RATIO = 0.02  # a smaller share of what was added is not named
_MOVED_RATIO = 1.1  # of durations and memory that are worth mentioning

# An operator of the baseline and its counterpart in the candidate; ``None`` where there is none.
_Match = tuple[Operator | None, Operator | None]


def reasons(pair: Pair, explained: Explained) -> tuple[str, ...]:
    """Returns what differs, the most important first; says so where nothing does."""
    before, after = explained.baseline, explained.candidate
    found = (
        *_layers(before.layers, after.layers),
        *_times(before.operators, after.operators),
        *_partitions(before, after),
        *_programs(pair, before, after),
        *_more("initialisation takes", before.init_us, after.init_us, units.duration),
        *_more("memory peaks at", _bytes(before), _bytes(after), units.size),
    )
    return found or ("operators, partitions, tool, initialisation and memory are the same",)


def _layers(before: Sequence[Operator], after: Sequence[Operator]) -> Iterator[str]:
    """Yields how the files' operators differ; work is in multiply-accumulates."""
    changed = [
        (old, new)
        for old, new in _matched(before, after)
        if old is None or new is None or old.macs != new.macs
    ]
    changed.sort(key=lambda match: -abs(_macs(match[1]) - _macs(match[0])))
    for old, new in changed[:_MOST]:
        if old is None and new is not None:
            yield f"only the candidate has {_named(new)}{_work(new)}"
        elif new is None and old is not None:
            yield f"only the baseline has {_named(old)}{_work(old)}"
        elif old is not None and new is not None:
            yield f"{_named(new)} does {_many(new)} multiply-accumulates instead of {_many(old)}"
    if len(changed) > _MOST:
        yield f"{len(changed) - _MOST} more operators differ"
    if changed:
        yield f"in all {_many(*after)} multiply-accumulates instead of {_many(*before)}"


def _times(before: Sequence[Operator], after: Sequence[Operator]) -> Iterator[str]:
    """Yields where time was added, by one profiled process of either side."""
    if not (before and after):
        return
    found = [(_us(new) - _us(old), old, new) for old, new in _matched(before, after)]
    added_us = sum(each.avg_us or 0 for each in after) - sum(each.avg_us or 0 for each in before)
    found.sort(key=lambda each: -each[0])
    for more_us, old, new in found[:_MOST]:
        if new is None or more_us <= _WORTH_RATIO * added_us or more_us <= 0:
            continue
        was = "new" if old is None else f"was {units.duration(old.avg_us)}"
        share = f", {units.percent(min(more_us / added_us, 1))} % of what was added"
        yield (
            f"profiled, {_named(new)} takes {units.duration(new.avg_us)} ({was})"
            f"{share if added_us > 0 else ''}"
        )


def _partitions(before: Inside, after: Inside) -> Iterator[str]:
    placements = [
        f"{each.partitions} of the delegate's pieces and {each.nodes - each.delegated_nodes} "
        "operators outside them"
        for each in (before, after)
        if each.nodes is not None and each.delegated_nodes is not None
    ]
    if len(set(placements)) == 2:
        yield f"{placements[1]}, instead of {placements[0]}"


def _programs(pair: Pair, before: Inside, after: Inside) -> Iterator[str]:
    old, new = pair.observed.baseline_tool_sha256, pair.observed.tool_sha256
    if old and new and old != new:
        yield f"another tool: {new[:12]} instead of {old[:12]}"
    if before.runtime and after.runtime and before.runtime != after.runtime:
        yield f"another runtime: {after.runtime} instead of {before.runtime}"


def _more(
    what: str,
    before: float | None,
    after: float | None,
    text: Callable[[float | None], str],
) -> Iterator[str]:
    if before and after and after > _MOVED_RATIO * before:
        yield f"{what} {text(after)} instead of {text(before)}"


def _matched(before: Sequence[Operator], after: Sequence[Operator]) -> list[_Match]:
    """Returns which operators correspond: by type and name, or by type where names are new."""
    names = {(each.node_type, each.name) for each in before}
    known = sum((each.node_type, each.name) in names for each in after)
    by_name = 2 * known > min(len(before), len(after))

    def keys(operators: Sequence[Operator]) -> list[tuple[str, str]]:
        return [(each.node_type, each.name if by_name else "") for each in operators]

    found: list[_Match] = []
    matcher = SequenceMatcher(None, keys(before), keys(after), autojunk=False)
    for tag, b0, b1, a0, a1 in matcher.get_opcodes():
        if tag == "equal":
            found += zip(before[b0:b1], after[a0:a1], strict=True)
        else:
            found += [(each, None) for each in before[b0:b1]]
            found += [(None, each) for each in after[a0:a1]]
    return found


def _named(operator: Operator) -> str:
    # A fused operator has the names of all its parts; the shortest is that of the layer itself.
    name = min(operator.name.split(";"), key=len)
    return f"{operator.node_type} {'/'.join(name.split('/')[-2:])}".strip()


def _work(operator: Operator) -> str:
    return f" ({_many(operator)} multiply-accumulates)" if operator.macs else ""


def _many(*operators: Operator) -> str:
    total = sum(map(_macs, operators))
    return units.count_scale([total]).text(total)


def _macs(operator: Operator | None) -> int:
    return 0 if operator is None else operator.macs or 0


def _us(operator: Operator | None) -> float:
    return 0.0 if operator is None else operator.avg_us or 0.0


def _bytes(inside: Inside) -> float | None:
    return None if inside.peak_mb is None else inside.peak_mb * 2**20
