"""The page of one gate: the verdict, a table, and a picture of each model's blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from bench.core import units
from bench.core.units import one_line
from bench.gate.verdict import QUIET, Axis, Finding, ModelKey
from reports.gate import table, wording
from reports.gate.gate_report import GateReport
from reports.page.drawn import Picture, environment, small_picture
from reports.parts.table import Footnotes
from reports.plots.charts import Chart, Dot, Trace, hollow
from reports.rows.schema import Listing

MOST_PICTURES = 40
_MOST_OPEN = 8  # pictures, before those of quiet verdicts are folded
_FAMILY = "a block"
_LETTERS = 2_000  # of a sentence from outside


def to_html(
    gate: GateReport,
    *,
    most_pictures: int = MOST_PICTURES,
    trail: Sequence[tuple[str, str]] = (),
    links: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Returns the page as one self-contained HTML file; a gate that ended early has one too.

    Args:
        most_pictures: models with a picture of their blocks, the loudest verdicts first.
        trail: name and address of the pages that it belongs to, in a folder of pages.
        links: address of the page of each file, by its SHA-256.
    """
    notes = Footnotes()
    ordered = gate.of(*(finding.verdict for finding in gate.findings))
    for each in ordered:
        clean = [replace(caveat, evidence=one_line(caveat.evidence)) for caveat in each.caveats]
        notes.mark_caveats(clean, of=one_line(str(each.model)))
    measured = [each for each in ordered if each.axis is Axis.LATENCY and _ratios(gate, each)]
    drawn = measured[:most_pictures]
    parts = [_part(gate, each, number) for number, each in enumerate(drawn, start=1)]
    loud = sum(each.verdict not in QUIET for each in drawn)
    opened = loud if len(drawn) > _MOST_OPEN else len(drawn)
    shown = table.in_the_open(ordered)
    folded = [finding for finding in ordered if finding not in shown]
    return (
        environment()
        .get_template("gate.html")
        .render(
            title=one_line(gate.title),
            trail=trail,
            verdict=wording.headline(gate),
            summary=_summary(gate),
            message=_sentence(gate.message),
            differences=[_sentence(each) for each in gate.differences],
            findings=table.cells(shown, notes, links) if shown else None,
            folded=table.cells(folded, notes, links) if folded else None,
            folded_title=f"{'and ' if shown else ''}{wording.verdicts(folded)}",
            ranks=table.rank_cells(gate.ranks) if gate.ranks else None,
            parts=parts[:opened],
            folded_parts=parts[opened:],
            without_picture=len(measured) - len(drawn),
            reasons=[
                (_heading(each), [_sentence(line) for line in each.why])
                for each in ordered
                if each.why and each not in drawn
            ],
            intervals=wording.INTERVALS.replace("In brackets", "Small numbers"),
            footnotes=notes.with_evidence(),
            device=wording.facts(gate),
            provenance={name: _sentence(text) for name, text in gate.provenance.items()},
        )
    )


def chart(finding: Finding, ratios: Sequence[float]) -> Chart:
    """Returns the picture of a model's blocks: their ratios, their interval, the margin.

    Args:
        ratios: candidate over baseline, at least one, in the order of the blocks.
    """
    percents = [_percent(ratio) for ratio in ratios]
    is_hollow = hollow(finding.caveats)

    def across(ratio: float) -> tuple[tuple[float, float], ...]:
        return (0.5, _percent(ratio)), (len(ratios) + 0.5, _percent(ratio))

    change = finding.change
    ends = () if change is None else (change.low, change.high)
    return Chart(
        name="blocks",
        title="Each block's ratio",
        x_label="block",
        y_label="slower by (%)",
        caption=(
            "Blocks in the order of measurement. Line: the ratio of all of them; thin lines: its "
            "interval. Dashed: no change, and the margin."
        ),
        dots=tuple(
            Dot(x=(at, at, at), y=(percent,) * 3, family=_FAMILY, hollow=is_hollow)
            for at, percent in enumerate(percents, start=1)
        ),
        traces=(Trace(points=across(change.value if change else 1.0), family=_FAMILY),),
        links=tuple(
            Trace(points=across(each), family=_FAMILY) for each in ends if each is not None
        ),
        families=(_FAMILY,),
        numbers=Listing(columns=("ratio",), rows=tuple((ratio,) for ratio in ratios)),
        levels=(
            ("no change", 0.0),
            (f"margin {units.percent(finding.margin)} %", 100 * finding.margin),
        ),
        y_most=None,
    )


def _part(gate: GateReport, finding: Finding, number: int) -> tuple[str, str, list[str], Picture]:
    picture = small_picture(chart(finding, _ratios(gate, finding)), f"blocks-{number}")
    why = [_sentence(line) for line in finding.why]
    return _heading(finding), wording.summary(finding), why, picture


def _ratios(gate: GateReport, finding: Finding) -> tuple[float, ...]:
    model: ModelKey = finding.model
    return gate.ratios.get(model, ())


def _summary(gate: GateReport) -> str:
    if gate.message:
        return f"exit code {gate.exit_code}"
    tool = f"tool {wording.tool(gate)}"
    # Of a log that is replayed the time is not known.
    took = f"{wording.minutes(gate)} with {tool}" if gate.started_at else f"With {tool}"
    return f"{wording.counts(gate)}. {took}; exit code {gate.exit_code}"


def _heading(finding: Finding) -> str:
    return f"{one_line(str(finding.model))} {wording.word(finding)} in {finding.axis}"


def _sentence(text: str) -> str:
    return one_line(text, characters=_LETTERS)


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)
