"""The table of a gate's findings, for a terminal or a page."""

from __future__ import annotations

from collections.abc import Iterable

from bench.core.units import GAP
from bench.gate.verdict import Finding, Verdict
from reports.gate import wording
from reports.parts.table import Cell, Footnotes, Heading, Line, Table

_HEADINGS = (
    Heading(name="model", numeric=False),
    Heading(name="format", numeric=False),
    Heading(name="axis", numeric=False),
    Heading(name="verdict", numeric=False),
    Heading(name="change"),
    Heading(name="margin"),
    Heading(name="blocks"),
    Heading(name="smallest slowdown"),
    Heading(name="discarded", numeric=False),
)


def cells(findings: Iterable[Finding], notes: Footnotes) -> Table:
    """Returns the table of findings, one per line; regressed and failed ones are bold.

    Args:
        notes: gets their caveats.
    """
    return Table(
        headings=_HEADINGS,
        lines=tuple(Line(cells=_line(each, notes), strong=_is_red(each)) for each in findings),
    )


def _is_red(finding: Finding) -> bool:
    return finding.verdict in (Verdict.REGRESSED, Verdict.FAILED)


def _line(finding: Finding, notes: Footnotes) -> tuple[Cell, ...]:
    evidence = finding.evidence if finding.is_compared else None
    return (
        Cell(text=wording.one_line(finding.model.name), marks=notes.mark_caveats(finding.caveats)),
        Cell(text=finding.model.format),
        Cell(text=finding.axis),
        Cell(text=wording.verdict(finding)),
        Cell(text=wording.amount(finding), detail=wording.interval(finding)),
        Cell(text=wording.margin(finding)),
        Cell(text=GAP if evidence is None else str(evidence.blocks)),
        Cell(text=wording.smallest_slowdown(finding)),
        Cell(text=wording.discarded(finding) or GAP),
    )
