"""What each choice of hyper-parameters does, ready to be shown: sentences, panels and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core import units
from bench.core.caveats import Caveat, Effect
from reports import schema
from reports.effects import DOUBLED, Estimate, words
from reports.schema import Frame
from reports.table import Cell, Footnotes, Heading, Line, Table, plain

_TITLES = {
    "accuracy": "accuracy (points)",
    "latency": "latency of the file (%, log scale)",
    "size": "size (%, log scale)",
}
_SMALLEST_TOLD = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An effect with its interval, in the panel's unit, on a lane."""

    lane: int
    x: float
    x_low: float
    x_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The effects on one response.

    Args:
        is_ratio: the unit is % of a ratio, drawn on a logarithmic axis.
    """

    title: str
    is_ratio: bool
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """A picture of effects before it is drawn: one panel a response over the same lanes.

    Args:
        lanes: names of y = 0, 1, ... from the top.
        numbers: what the CSV beside it holds.
        hollow: a caveat degrades or invalidates some of its files.
    """

    name: str
    title: str
    caption: str
    lanes: tuple[str, ...]
    panels: tuple[Panel, ...]
    numbers: Frame
    hollow: bool

    @property
    def dots(self) -> tuple[Mark, ...]:
        """The effects of all panels."""
        return tuple(mark for panel in self.panels for mark in panel.marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is said of one device, program, delegate and number of threads.

    Args:
        sentences: how many files it is over, what they leave unexplained, and what is refused.
        panels: ``None`` where everything is refused.
    """

    heading: str
    sentences: tuple[str, ...]
    panels: Panels | None
    table: Table


def studies(compared: Frame, notes: Footnotes) -> list[Study]:
    """Returns what is said of each place in a frame of ``Estimate``."""
    found = []
    for (device, runner, delegate, threads), frame in compared.groupby(
        ["device", "runner", "delegate", "threads"], sort=False
    ):
        rows = schema.read(frame, Estimate)
        found.append(
            Study(
                heading=f"{device}, {runner}, {delegate}, threads: {threads}",
                sentences=(_explained(rows), *_refused(rows)),
                panels=_panels(frame, rows),
                table=_table(rows, notes),
            )
        )
    return found


def _explained(rows: Sequence[Estimate]) -> str:
    spreads = []
    for each in {(row.response, row.axis == "format"): row for row in rows}.values():
        text = f"{each.response} over {each.students} students"
        if each.axis == "format":
            text = f"{each.response} of formats over {each.n} files"
        text += f", {each.degrees_of_freedom} degrees of freedom"
        if each.residual_sd is not None:
            small = each.residual_sd < _SMALLEST_TOLD
            told = f"below {_SMALLEST_TOLD}" if small else units.significant(each.residual_sd, 2)
            text += f", residual SD {told} {each.unit}"
        spreads.append(text)
    return (
        "By linear regression, each choice by itself: students among students, formats within a "
        f"student. For {'; for '.join(spreads)}."
    )


def _refused(rows: Sequence[Estimate]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.refused:
            reasons.setdefault(row.refused, [])
            if row.response not in reasons[row.refused]:
                reasons[row.refused].append(row.response)
    return [f"No figures for {', '.join(of)}: {reason}." for reason, of in reasons.items()]


def _panels(frame: Frame, rows: Sequence[Estimate]) -> Panels | None:
    shown = [row for row in rows if row.effect is not None]
    if not shown:
        return None
    lanes = list(dict.fromkeys(_lane(row) for row in _ordered(shown)))
    responses = dict.fromkeys(row.response for row in shown)
    return Panels(
        name="choice-effects",
        title="Effect of each choice",
        caption="Bars: 95 % intervals. Grey: the interval holds zero. Hollow: a caveat. Numbers "
        "are per doubling, the others against a base.",
        lanes=tuple(lanes),
        panels=tuple(
            Panel(
                title=_TITLES[response],
                is_ratio=response != "accuracy",
                marks=tuple(
                    Mark(
                        lane=lanes.index(_lane(row)),
                        x=row.effect or 0.0,
                        x_low=row.low or 0.0,
                        x_high=row.high or 0.0,
                    )
                    for row in shown
                    if row.response == response
                ),
            )
            for response in responses
        ),
        numbers=frame,
        hollow=any(
            doubt.effect is not Effect.NOTE
            for row in shown
            for doubt in schema.doubts_of(row.caveats)
        ),
    )


def _ordered(rows: Sequence[Estimate]) -> list[Estimate]:
    """Returns the rows, those of one axis together although a response may lack it."""
    axes = list(dict.fromkeys(row.axis for row in rows))
    return sorted(rows, key=lambda row: axes.index(row.axis))


def _lane(row: Estimate) -> str:
    if row.level == DOUBLED:
        return f"{words(row.axis)} {DOUBLED}"
    return f"{row.level}, not {row.base}"


def _table(rows: Sequence[Estimate], notes: Footnotes) -> Table:
    by_choice: dict[tuple[str, str, str], dict[str, Estimate]] = {}
    for row in _ordered(rows):
        by_choice.setdefault((row.axis, row.level, row.base), {})[row.response] = row
    lines = []
    for (axis, level, base), found in by_choice.items():
        cells = [_cell(found.get(response), notes) for response in _TITLES]
        marks = notes.doubts(sorted({doubt for each in found.values() for doubt in _lasting(each)}))
        name = Cell(text=words(axis), marks=marks)
        lines.append(Line(cells=(name, plain(level), plain(base), *cells)))
    headings = (
        Heading(name="choice", numeric=False),
        Heading(name="level", numeric=False),
        Heading(name="against", numeric=False),
        Heading(name="accuracy", unit="points"),
        Heading(name="latency", unit="%, the file alone"),
        Heading(name="size", unit="%"),
    )
    return Table(headings=headings, lines=tuple(lines))


def _cell(row: Estimate | None, notes: Footnotes) -> Cell:
    if row is None:
        return notes.gap("it did not vary among the files that tell this")
    if row.effect is None:
        return notes.gap(row.refused)
    ends = f"{_signed(row.low)} to {_signed(row.high)}"
    return Cell(text=_signed(row.effect), detail=ends, order=row.effect)


def _lasting(row: Estimate) -> list[Caveat]:
    """Returns the doubts of its files that are more than notes, or that no report may drop."""
    doubts = schema.doubts_of(row.caveats)
    return [each for each in doubts if each.sticky or each.effect is not Effect.NOTE]


def _signed(value: float | None) -> str:
    """Returns points or per cent with one decimal and a sign."""
    return units.points(None if value is None else value / 100)
