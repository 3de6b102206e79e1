"""The operators of two sides beside each other: matched, and what differs, in sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from bench.core import units
from bench.gate.records import Operator

_MOST = 3  # operators to name
_WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")

# An operator of the baseline and its counterpart in the candidate; ``None`` where there is none.
Match = tuple[Operator | None, Operator | None]


def work(before: Sequence[Operator], after: Sequence[Operator]) -> Iterator[str]:
    """Yields the differences of the files' operators, in multiply-accumulates."""
    changed = [
        (old, new)
        for old, new in match(before, after)
        if not (old and new) or old.macs != new.macs or _sizes(old) != _sizes(new)
    ]
    changed.sort(key=lambda each: -abs(_macs(each[1]) - _macs(each[0])))
    groups, changed = _without_work(changed)
    for old, new in changed[:_MOST]:
        if old and new:
            yield f"{label(new)} {_instead(old, new)}"
        elif new:
            yield f"only the candidate has {label(new)}{_work(new)}"
        elif old:
            yield f"only the baseline has {label(old)}{_work(old)}"
    yield from groups
    if len(changed) > _MOST:
        yield f"{len(changed) - _MOST} more operators differ"
    if sum(map(_macs, before)) != sum(map(_macs, after)):
        yield f"in all {_macs_text(*after)} multiply-accumulates instead of {_macs_text(*before)}"


def _without_work(changed: Sequence[Match]) -> tuple[list[str], list[Match]]:
    """Returns sentences on many operators of a type that one side lacks, and all others.

    Only of types without multiply-accumulates, such as the DEQUANTIZE of float16 weights.
    """
    groups: dict[tuple[str, str], list[Operator]] = defaultdict(list)
    for old, new in changed:
        only = new if old is None else old if new is None else None
        if only is not None and not only.macs:
            groups["baseline" if new is None else "candidate", only.node_type].append(only)
    many = {key: each for key, each in groups.items() if len(each) > _MOST}
    named = {id(each) for operators in many.values() for each in operators}
    sentences = [
        f"only the {side} has {len(operators)} {node_type}, such as {label(operators[0])}"
        f"{_work(operators[0])}"
        for (side, node_type), operators in many.items()
    ]
    left = [each for each in changed if not named.intersection(map(id, each))]
    return sentences, left


def _instead(old: Operator, new: Operator) -> str:
    found = []
    if old.macs != new.macs:
        found.append(f"does {_macs_text(new)} multiply-accumulates instead of {_macs_text(old)}")
    if _sizes(old) != _sizes(new):
        found.append(f"has {_shapes(new)} instead of {_shapes(old)}")
    return " and ".join(found)


def formats(before: Sequence[Operator], after: Sequence[Operator]) -> Iterator[str]:
    """Yields which operators compute in another number format, grouped by the change."""
    groups: dict[tuple[str, str], list[Operator]] = defaultdict(list)
    for old, new in match(before, after):
        if old and new and old.gives and new.gives and _format(old) != _format(new):
            groups[_format(old), _format(new)].append(new)
    for (old_format, new_format), operators in sorted(groups.items(), key=lambda it: -len(it[1])):
        names = _named(operators)
        verb = "computes" if len(operators) == 1 else "compute"
        yield f"{names} {verb} in {new_format} instead of {old_format}"


def placements(before: Sequence[Operator], after: Sequence[Operator]) -> Iterator[str]:
    """Yields which operators left the delegate, and which joined it, where profiles show it."""
    known = [
        (old, new)
        for old, new in match(before, after)
        if old and new and old.delegated is not None and new.delegated is not None
    ]
    left = [new for old, new in known if old.delegated and not new.delegated]
    joined = [new for old, new in known if new.delegated and not old.delegated]
    if left:
        yield f"no longer run by the delegate: {_named(left).removesuffix(',')}"
    if joined:
        yield f"now run by the delegate: {_named(joined).removesuffix(',')}"


def added_times(
    before: Sequence[Operator], after: Sequence[Operator]
) -> tuple[list[tuple[float, Operator | None, Operator | None]], float]:
    """Returns how much longer each operator takes, the most first, and all together, in us.

    Empty where one side has no profile.
    """
    if not (before and after):
        return [], 0.0
    changes = [(_us(new) - _us(old), old, new) for old, new in match(before, after)]
    added_us = sum(map(_us, after)) - sum(map(_us, before))
    return sorted(changes, key=lambda each: -each[0]), added_us


def layer_of(operator: Operator, layers: Sequence[Operator]) -> Operator | None:
    """Returns the file's operator that a profile's operator is; ``None`` if that is not known."""
    index = operator.index
    found = layers[index] if index is not None and index < len(layers) else None
    return found if found is not None and found.node_type == operator.node_type else None


def shapes(layer: Operator | None) -> str:
    """Returns the shapes of a file's operator in brackets after a blank; empty where unknown."""
    return f" ({_shapes(layer)})" if layer is not None and layer.gives else ""


def time_text(operator: Operator) -> str:
    """Returns an operator's time, with its interval where there is one."""
    text = units.duration(operator.avg_us)
    if operator.low_us is None or operator.high_us is None:
        return text
    return f"{text}, {units.duration(operator.low_us)} to {units.duration(operator.high_us)}"


def _named(operators: Sequence[Operator]) -> str:
    names = ", ".join(map(label, operators[:_MOST]))
    if len(operators) <= _MOST:
        return names
    return f"{len(operators)} operators, such as {names},"


def _format(operator: Operator) -> str:
    """Returns the type of an operator's result, and that of its weights."""
    own = _type(operator.gives[0])
    if operator.node_type not in _WITH_WEIGHTS or len(operator.takes) < 2:
        return own
    return f"{own} with {_type(operator.takes[1])} weights"


def _type(text: str) -> str:
    return text.partition("[")[0]


def _sizes(operator: Operator) -> tuple[str, ...]:
    """Returns the shapes of an operator's first input, weights and results, without their types."""
    return tuple(each.partition("[")[2] for each in (*operator.takes[:2], *operator.gives))


def _shapes(operator: Operator) -> str:
    taken = ", ".join(filter(None, operator.takes))
    return f"{taken} to {', '.join(operator.gives)}"


def match(before: Sequence[Operator], after: Sequence[Operator]) -> list[Match]:
    """Returns matching operators: by type and name, or by type if most names are new."""
    names = {(each.node_type, each.name) for each in before}
    same_names = sum((each.node_type, each.name) in names for each in after)
    by_name = 2 * same_names > min(len(before), len(after))

    def keys(operators: Sequence[Operator]) -> list[tuple[str, str]]:
        return [(each.node_type, each.name if by_name else "") for each in operators]

    matches: list[Match] = []
    matcher = SequenceMatcher(None, keys(before), keys(after), autojunk=False)
    for tag, b0, b1, a0, a1 in matcher.get_opcodes():
        if tag == "equal":
            matches += zip(before[b0:b1], after[a0:a1], strict=True)
        else:
            matches += [(each, None) for each in before[b0:b1]]
            matches += [(None, each) for each in after[a0:a1]]
    return matches


def label(operator: Operator) -> str:
    """Returns an operator's type and the short name of its layer."""
    # A fused operator has the names of all its parts; the shortest is the name of the layer itself.
    name = min(filter(None, operator.name.split(";")), key=len, default="")
    return f"{operator.node_type} {'/'.join(name.split('/')[-2:])}".strip()


def _work(operator: Operator) -> str:
    """Returns an operator's shapes and work, in brackets."""
    parts = [_shapes(operator)] if operator.gives else []
    parts += [f"{_macs_text(operator)} multiply-accumulates"] if operator.macs else []
    return f" ({', '.join(parts)})" if parts else ""


def _macs_text(*operators: Operator) -> str:
    total = sum(map(_macs, operators))
    return units.count_scale([total]).text(total)


def _macs(operator: Operator | None) -> int:
    return 0 if operator is None else operator.macs or 0


def _us(operator: Operator | None) -> float:
    return 0.0 if operator is None else operator.avg_us or 0.0
