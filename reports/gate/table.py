"""The table of a gate's findings, for a terminal or a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from bench.core import units
from bench.core.units import GAP, one_line
from bench.gate.ranks import Rank
from bench.gate.verdict import Finding, Verdict
from reports.gate import wording
from reports.parts.table import Cell, Footnotes, Heading, Line, Table, text_headings


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
        *text_headings("model", "format", "axis", "verdict"),
        *(Heading(name=name) for name in ("change", "margin", "blocks", "smallest slowdown")),
        *text_headings("discarded"),
    )
    lines = [
        Line(
            cells=_line(each, notes, links),
            strong=each.verdict in (Verdict.REGRESSED, Verdict.FAILED),
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
                Cell(text=one_line(each.model.name)),
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


def _line(finding: Finding, notes: Footnotes, links: Mapping[str, str]) -> tuple[Cell, ...]:
    evidence = finding.evidence if finding.is_compared else None
    return (
        Cell(
            text=one_line(finding.model.name),
            marks=notes.mark_caveats(finding.caveats),
            link=links.get(finding.candidate_sha256, links.get(finding.baseline_sha256, "")),
        ),
        Cell(text=finding.model.format),
        Cell(text=finding.axis),
        Cell(text=wording.verdict(finding)),
        Cell(text=wording.amount(finding), detail=wording.interval(finding)),
        Cell(text=wording.margin(finding)),
        Cell(text=GAP if evidence is None else str(evidence.blocks)),
        Cell(text=wording.smallest_slowdown(finding)),
        Cell(text=wording.discarded(finding) or GAP),
    )
