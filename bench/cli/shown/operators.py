"""The table of a case's operators, the longest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from bench.cli.terminal import plain_table
from bench.core import units

if TYPE_CHECKING:
    from bench.flow.report.results import CaseResult
    from bench.tool.op_profile import OpRow

_ROWS = 10
_NAME_LETTERS = 60


def operator_tables(results: Sequence[CaseResult]) -> Iterator[Table]:
    """Yields a table of the ten longest operators of each case that has an op profile."""
    for result in results:
        if result.profile is not None:
            case = result.case
            title = f"operators of {result.name}, {case.delegate}, threads: {case.threads}"
            yield _table(title, result.profile.ops)


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
