"""The table of a gate's findings, for a terminal or a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from bench.core import units
from bench.core.units import GAP, one_line
from bench.gate.ranks import Rank
from bench.gate.verdict import QUIET, Finding, ModelKey, Verdict
from reports.gate import wording
from reports.gate.gate_report import loudest_first
from reports.parts.table import Cell, Footnotes, Heading, Line, Table, text_headings

_STRONG = (Verdict.REGRESSED, Verdict.FAILED)
# Columns that are left out where no line has a value.
_OPTIONAL = ("blocks", "smallest slowdown", "discarded")
MOST_LINES = 40  # in the open; of a larger gate the quiet verdicts are folded, or counted


def in_the_open(findings: Sequence[Finding], *, most: int = MOST_LINES) -> list[Finding]:
    """Returns the findings that are not folded, the loudest first.

    All of them if they are few. Else those that are not quiet, at most so many; but what regressed,
    failed or seems slower is never folded.
    """
    ordered = loudest_first(findings)
    if len(ordered) <= most:
        return ordered
    loud = [each for each in ordered if each.verdict not in QUIET]
    red = [each for each in loud if each.verdict in _STRONG or each.seems_slower]
    return loud[: max(most, len(red))]


def cells(
    findings: Iterable[Finding],
    notes: Footnotes,
    links: Mapping[str, str] = MappingProxyType({}),
) -> Table:
    """Returns the table of findings, one per line; regressed and failed ones are bold.

    Args:
        notes: gets their caveats.
        links: address of the page of each file, by its SHA-256: that of the candidate, or else of
            the baseline, is the model's.
    """
    headings = (
        *text_headings("model", "verdict", "format", "axis"),
        *(Heading(name=name) for name in ("change", "margin", "blocks", "smallest slowdown")),
        *text_headings("discarded"),
    )
    lines = [
        Line(
            cells=_line(each, notes, links),
            strong=each.verdict in _STRONG,
        )
        for each in findings
    ]
    return Table(headings=headings, lines=tuple(lines))


def rank_cells(ranks: Iterable[Rank]) -> Table:
    """Returns the table of a sustained gate's candidates: their places at the start and end."""
    found = [*ranks]
    scale = units.duration_scale(
        [time_us for each in found for time_us in (each.first_us, each.last_us)]
    )
    headings = (
        *text_headings("model", "format"),
        *(Heading(name=name, unit=scale.unit) for name in ("first minute", "last minute")),
        *(Heading(name=name) for name in ("rank in the first", "rank in the last")),
    )
    lines = [
        Line(
            cells=(
                Cell(text=_name(each.model)),
                Cell(text=each.model.format),
                Cell(text=scale.text(each.first_us)),
                Cell(text=scale.text(each.last_us)),
                Cell(text=str(each.first)),
                Cell(text=str(each.last)),
            ),
            strong=each.first != each.last,
        )
        for each in found
    ]
    return Table(headings=headings, lines=tuple(lines))


def filled(drawn: Table) -> list[int]:
    """Returns the indices of the columns to show: without those in which no line has a value."""
    return [
        index
        for index, heading in enumerate(drawn.headings)
        if heading.name not in _OPTIONAL
        or any(line.cells[index].text not in ("", GAP) for line in drawn.lines)
    ]


def _name(model: ModelKey) -> str:
    return one_line(f"{model.name} {model.side}".rstrip())


def _line(finding: Finding, notes: Footnotes, links: Mapping[str, str]) -> tuple[Cell, ...]:
    evidence = finding.evidence if finding.is_compared else None
    return (
        Cell(
            text=_name(finding.model),
            marks=notes.mark_caveats(finding.caveats),
            link=links.get(finding.candidate_sha256, links.get(finding.baseline_sha256, "")),
        ),
        Cell(text=wording.verdict(finding)),
        Cell(text=finding.model.format),
        Cell(text=finding.axis),
        Cell(text=wording.amount(finding), detail=wording.interval(finding)),
        Cell(text=wording.margin(finding)),
        Cell(text=GAP if evidence is None else str(evidence.blocks)),
        Cell(text=wording.smallest_slowdown(finding)),
        Cell(text=wording.discarded(finding) or GAP),
    )
