"""Tables as CSV and as Markdown. The only door to pandas."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from bench.core.units import csv_cell, visible
from reports.parts.table import Footnotes, Table, results
from reports.rows import schema
from reports.rows.aspects import shared_sentence
from reports.rows.frontier import Marked
from reports.rows.schema import Listing, Row

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame  # the type of our frames, also for others


def results_csv(rows: Sequence[Row]) -> str:
    """Returns all columns of rows as CSV, the published ones first; no value is an empty field."""
    listed = schema.listing(rows, Row)
    others = [name for name in listed.columns if name not in schema.PUBLISHED]
    return to_csv(listed.select([*schema.PUBLISHED, *others]))


def results_markdown(marked: Sequence[Marked]) -> str:
    """Returns the table of all rows as Markdown, what they share before it, footnotes below."""
    notes = Footnotes()
    table = results(marked, notes)
    return to_markdown(table, notes.listed(), shared_sentence([each.row for each in marked]))


def to_csv(listed: Listing) -> str:
    """Returns rows as CSV with unrounded numbers; no text of it is a formula for a spreadsheet."""
    import pandas  # here, so that a program that writes no CSV starts faster

    rows = [tuple(map(csv_cell, row)) for row in listed.rows]
    # Objects, so that a column of whole numbers with gaps is not turned into floats.
    frame = pandas.DataFrame(rows, columns=list(listed.columns), dtype=object)
    return str(frame.to_csv(index=False, lineterminator="\n"))


def to_frame(listed: Listing, numbers: Collection[str]) -> DataFrame:
    """Returns rows as a frame, a column for each of theirs, unrounded; what is missing is NaN.

    Args:
        numbers: columns of numbers. They are int64, and float64 where one is missing.
    """
    import pandas

    frame = pandas.DataFrame(list(listed.rows), columns=list(listed.columns), dtype=object)
    frame = frame.infer_objects()
    return frame.assign(**{name: pandas.to_numeric(frame[name]) for name in numbers})


def to_markdown(table: Table, notes: Sequence[tuple[str, str]] = (), lead: str = "") -> str:
    """Returns a table, between a lead and footnotes, as GitHub's Markdown; names are whole."""
    lines = [_escape(lead), ""] if lead else []
    lines += [
        _markdown_line(heading.text for heading in table.headings),
        _markdown_line("--:" if heading.numeric else ":--" for heading in table.headings),
    ]
    for line in table.lines:
        texts = []
        for cell, heading in zip(line.cells, table.headings, strict=True):
            text = cell.detail or cell.text
            if heading.numeric and cell.detail:
                text = f"{cell.text} ({cell.detail})"
            texts.append(_escape(text) + "".join(f"<sup>{mark}</sup>" for mark in cell.marks))
        if line.strong:
            texts[0] = f"**{texts[0]}**"
        lines.append(_markdown_line(texts))
    lines += ["", *(f"<sup>{letter}</sup> {_escape(text)}  " for letter, text in notes)]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_line(texts: Iterable[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _escape(text: str) -> str:
    text = " ".join(visible(text).split())
    for sign in ("\\", "|", "*", "_", "`", "<", "["):
        text = text.replace(sign, f"\\{sign}")
    return text
