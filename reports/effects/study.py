"""What each choice does, ready to be shown: sentences, charts and a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.core import units
from bench.core.caveats import Effect
from reports.effects.fit import DOUBLED, IF, RESPONSES, Estimate, words
from reports.parts.sections import Section
from reports.parts.table import Cell, Footnotes, Heading, Line, Table, plain, text_headings
from reports.plots.charts import Chart, Dot, hollow, span
from reports.rows import schema

_SMALLEST = 0.01  # residual that is shown
_CLEAR, _UNCLEAR = "clear effect", "may have no effect"


def studies(estimates: Sequence[Estimate], notes: Footnotes) -> list[Section]:
    """Returns a section for each setup."""
    return [
        Section(
            heading=f"{at.device}, {at.runner}, {at.delegate}, threads: {at.threads}",
            sentences=(_explained(rows), *_depending(rows), *_refused(rows)),
            charts=tuple(_charts(rows)),
            table=_table(rows, notes),
        )
        for at, rows in schema.grouped(estimates, lambda each: each.setup).items()
    ]


def _explained(rows: Sequence[Estimate]) -> str:
    fits: dict[tuple[str, bool], Estimate] = {}
    for row in rows:
        fits.setdefault((row.response, row.axis == "format"), row)
    return (
        "By linear regression: the effect of one choice while all others stay the same. Structure "
        "is compared between students, formats within each student. "
        f"For {'; for '.join(map(_fit, fits.values()))}."
    )


def _fit(each: Estimate) -> str:
    text = f"{each.response} over {each.students} students"
    if each.axis == "format":
        text = f"{each.response} of formats over {each.n} files"
    text += f", {each.degrees_of_freedom} degrees of freedom"
    if each.residual_sd is None:
        return text
    small = each.residual_sd < _SMALLEST
    number = f"below {_SMALLEST}" if small else units.significant(each.residual_sd, 2)
    return f"{text}, residual SD {number} {each.unit}"


def _depending(rows: Sequence[Estimate]) -> list[str]:
    formats = dict.fromkeys(row.level.split(IF)[0] for row in rows if IF in row.level)
    return [
        f"What {each} changes depends on another choice, so it has a row for each level of that; "
        "the row of that choice is over all formats."
        for each in formats
    ]


def _refused(rows: Sequence[Estimate]) -> list[str]:
    reasons: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.refused:
            reasons.setdefault(row.refused, {})[row.response] = None
    return [f"No figures for {', '.join(of)}: {reason}." for reason, of in reasons.items()]


def _charts(rows: Sequence[Estimate]) -> Iterator[Chart]:
    fitted = [row for row in _ordered(rows) if row.effect is not None]
    lanes = list(dict.fromkeys(map(_lane, fitted)))[::-1]
    for response in dict.fromkeys(row.response for row in fitted):
        is_ratio = response != "accuracy"
        own = [row for row in fitted if row.response == response]
        yield Chart(
            name=f"effects-{response}",
            title=f"Effect of each choice on {response}",
            x_label=f"{response} over that of the base (log scale)" if is_ratio else "points",
            y_label="",
            caption="Bars: 95 % intervals. Hollow markers: a caveat. Widths and sizes are per "
            "doubling, all other choices against a base.",
            dots=tuple(_dot(row, lanes.index(_lane(row)), is_ratio) for row in own),
            numbers=schema.listing(own, Estimate),
            families=(_CLEAR, _UNCLEAR),
            lanes=tuple(lanes),
            limit=1.0 if is_ratio else 0.0,
            is_linear=not is_ratio,
        )


def _dot(row: Estimate, lane: int, is_ratio: bool) -> Dot:
    def shown(effect: float) -> float:
        return max(1 + effect / 100, 1e-9) if is_ratio else effect

    return Dot(
        x=span(row.low, row.effect, row.high, shown),
        y=(lane,) * 3,
        family=_UNCLEAR if (row.low or 0.0) <= 0 <= (row.high or 0.0) else _CLEAR,
        hollow=hollow(row.caveats),
    )


def _ordered(rows: Sequence[Estimate]) -> list[Estimate]:
    """Returns the rows, those of one axis together although a response may lack it."""
    axes = list(dict.fromkeys(row.axis for row in rows))
    return sorted(rows, key=lambda row: axes.index(row.axis))


def _lane(row: Estimate) -> str:
    if row.level == DOUBLED:
        return f"{words(row.axis)} {DOUBLED}"
    if IF in row.level:
        return row.level  # below the format itself, against the same base
    return f"{row.level}, not {row.base}"


def _table(rows: Sequence[Estimate], notes: Footnotes) -> Table:
    choices = schema.grouped(_ordered(rows), lambda row: (row.axis, row.level, row.base))
    headings = (
        *text_headings("choice", "level", "against"),
        Heading(name="accuracy", unit="points"),
        Heading(name="latency", unit="%, the file alone"),
        Heading(name="size", unit="%"),
    )
    lines = []
    for (axis, level, base), of in choices.items():
        by_response = {each.response: each for each in of}
        cells = [_cell(by_response.get(response), notes) for response in RESPONSES]
        caveats = {caveat for each in of for caveat in each.caveats}
        lasting = [
            each for each in sorted(caveats) if each.sticky or each.effect is not Effect.NOTE
        ]
        name = Cell(text=words(axis), marks=notes.mark_caveats(lasting))
        lines.append(Line(cells=(name, plain(level), plain(base), *cells)))
    return Table(headings=headings, lines=tuple(lines))


def _cell(row: Estimate | None, notes: Footnotes) -> Cell:
    if row is None:
        return notes.gap("this choice did not vary among the files that have this number")
    if row.effect is None:
        return notes.gap(row.refused)
    low, effect, high = (
        units.points(None if value is None else value / 100)
        for value in (row.low, row.effect, row.high)
    )
    return Cell(text=effect, detail=f"{low} to {high}", order=row.effect)
