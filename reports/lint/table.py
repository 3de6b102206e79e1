"""Findings as the table of a terminal, and in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.core.units import GAP, counted, one_line
from reports.lint.findings import Lint, Rule
from reports.parts.table import Cell, Footnotes, Line, Table, text_headings

_MOST_REASONS = 3  # in a cell; other outputs have all


def cells(lint: Lint, notes: Footnotes) -> Table:
    """Returns the table of all findings; those that fail come first and are strong.

    Args:
        notes: gets their evidence.
    """
    lines = tuple(
        Line(
            cells=(
                Cell(text=one_line(file.name)),
                Cell(text=finding.rule.value),
                Cell(text=one_line(finding.device) or GAP),
                Cell(
                    text=one_line(finding.message),
                    detail=_some(finding.why),
                    marks=(notes.mark(one_line(finding.evidence)),),
                ),
            ),
            strong=lint.fails(finding),
        )
        for file, finding in lint.findings()
    )
    return Table(headings=text_headings("model", "rule", "device", "finding"), lines=lines)


def headline(lint: Lint) -> str:
    """Returns the result in one line: ``2 of 30 files fail: 2 partitions``."""
    failing = Counter(each.rule for _, each in lint.findings() if lint.fails(each))
    files = sum(any(map(lint.fails, file.findings)) for file in lint.files)
    whole = counted(len(lint.files), "file")
    if files:
        return f"{files} of {whole} {'fails' if files == 1 else 'fail'}: {_counts(failing)}"
    others = Counter(each.rule for _, each in lint.findings())
    return f"{whole}, none fails; {_counts(others)}"


def _some(why: Sequence[str]) -> str:
    more = len(why) - _MOST_REASONS
    shown = [*map(one_line, why[:_MOST_REASONS]), *([f"and {more} more"] if more > 0 else [])]
    return "; ".join(shown)


def _counts(found: Counter[Rule]) -> str:
    return ", ".join(f"{found[rule]} {rule}" for rule in Rule if found[rule]) or "no findings"
