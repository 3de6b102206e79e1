"""Tables of the reports on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.table import Table as TerminalTable

from bench.cli.terminal import plain_table
from reports.parts.table import Cell, Table


def terminal_table(
    title: str, cells: Table, text: Callable[[Cell], str], columns: Sequence[int] | None = None
) -> TerminalTable:
    """Returns a report's table for a terminal; its strong lines are bold.

    Args:
        text: returns the text of a cell.
        columns: indices of those that are shown; all by default.
    """
    columns = range(len(cells.headings)) if columns is None else columns
    headings = [cells.headings[index] for index in columns]
    left = [heading.text for heading in headings if not heading.numeric]
    output = plain_table(title, [heading.text for heading in headings], left)
    for line in cells.lines:
        output.add_row(
            *(text(line.cells[index]) for index in columns),
            style="bold" if line.strong else None,
        )
    return output
