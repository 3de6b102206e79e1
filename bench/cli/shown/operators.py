"""Tables of operators, the longest first: those of a case, and those of two sides compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from bench.cli.terminal import plain_table
from bench.core import units

if TYPE_CHECKING:
    from bench.flow.compare import OperatorTime
    from bench.flow.report.results import CaseResult
    from bench.tool.op_profile import OpRow

_ROWS = 10
_NAME_LETTERS = 60
_MOST_TYPES = 8
_BAR_LETTERS = 24


def operator_tables(results: Sequence[CaseResult]) -> Iterator[Table]:
    """Yields a table of the ten longest operators of each case that has an op profile."""
    for result in results:
        if result.profile is not None:
            case = result.case
            title = f"operators of {result.name}, {case.delegate}, threads: {case.threads}"
            yield _table(title, result.profile.ops)


def compared_table(title: str, times: Sequence[OperatorTime]) -> Table:
    """Returns the times of types of operators on both sides, with a bar of each type's time in B.

    Args:
        times: at least one, the longest first; those beyond the eighth are summed up.
    """
    scale = units.duration_scale([each.candidate_us for each in times])
    heads = ("operators", "number A", f"A {scale.unit}", "number B", f"B {scale.unit}", "B less A")
    bar = "B: █ as in A, + more, - less"
    table = plain_table(title, [*heads, bar], left=(heads[0], bar))
    longest_us = max(each for of in times for each in (of.baseline_us, of.candidate_us))

    def add(name: str, of: Sequence[OperatorTime]) -> None:
        before_us, after_us = (
            sum(each.baseline_us for each in of), sum(each.candidate_us for each in of),
        )  # fmt: skip
        change_us = after_us - before_us
        table.add_row(
            name,
            str(sum(each.baseline_count for each in of)),
            scale.number(before_us),
            str(sum(each.candidate_count for each in of)),
            scale.number(after_us),
            ("−" if change_us < 0 else "+") + scale.number(abs(change_us)),
            _bar(before_us, after_us, longest_us),
        )

    for each in times[:_MOST_TYPES]:
        add(each.node_type, [each])
    others = times[_MOST_TYPES:]
    if others:
        add(f"{units.counted(len(others), 'other type')}", others)
    return table


def _bar(before_us: float, after_us: float, longest_us: float) -> str:
    """Returns the time in B as a bar, and beside it how much longer or shorter than in A it is."""
    if not longest_us:
        return ""
    before, after = (
        min(_BAR_LETTERS, round(_BAR_LETTERS * each / longest_us)) for each in (before_us, after_us)
    )
    return "█" * min(before, after) + "+" * (after - before) + "-" * (before - after)


def _table(title: str, operators: Sequence[OpRow]) -> Table:
    # The other rows are parts of these: of a delegate's or of a loop's row.
    whole_us = sum(row.avg_us for row in operators if not row.graph and not row.within_delegate)
    longest = sorted(operators, key=lambda row: -row.avg_us)[:_ROWS]
    scale = units.duration_scale([row.avg_us for row in longest])
    nested = any(row.graph or row.within_delegate for row in longest)
    table = plain_table(
        f"{title}: the {len(longest)} longest of {len(operators)}",
        ["operator", f"mean\n{scale.unit}", "share\n%", *["part of"] * nested, "output"],
        left=("operator", "part of", "output"),
    )
    for row in longest:
        part = "a delegate" if row.within_delegate else row.graph and f"graph {row.graph}"
        share = row.avg_us / whole_us if whole_us else None
        cells = [row.node_type, scale.number(row.avg_us), units.percent(share)]
        cells += [part] if nested else []
        table.add_row(*cells, _shorten(row.name))
    return table


def _shorten(name: str) -> str:
    return name if len(name) <= _NAME_LETTERS else f"…{name[1 - _NAME_LETTERS :]}"
