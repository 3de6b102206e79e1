"""Tables as CSV and as Markdown. The only door to pandas."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from bench.core.units import csv_cell, visible
from reports.parts.results import results
from reports.parts.table import Footnotes, Table
from reports.rows import schema
from reports.rows.aspects import shared_sentence
from reports.rows.frontier import Marked
from reports.rows.schema import Listing, Row

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame  # the type of our frames, also for others

_NUMBERS = {int, float}
MOST_RESULTS = 250  # lines of the table of all results, in the page and in its Markdown


def results_csv(rows: Sequence[Row]) -> str:
    """Returns all columns of rows as CSV, the published ones first; no value is an empty field."""
    listed = schema.listing(rows, Row)
    others = [name for name in listed.columns if name not in schema.PUBLISHED]
    return to_csv(listed.select([*schema.PUBLISHED, *others]))


def results_markdown(marked: Sequence[Marked]) -> str:
    """Returns the document ``results_document`` of marked rows."""
    notes = Footnotes()
    table = results(marked, notes, most=MOST_RESULTS)
    return results_document(table, notes, [each.row for each in marked])


def results_document(table: Table, notes: Footnotes, rows: Sequence[Row]) -> str:
    """Returns the table of results as Markdown, what rows share before it, footnotes below.

    Args:
        table: of at most ``MOST_RESULTS`` lines.
        notes: those of the table alone.
        rows: all of them.
    """
    lead = shared_sentence(rows)
    if table.left_out:
        lead += (
            f" Of {len(rows):,} lines, here are the {len(table.lines):,} that are on a frontier or "
            "most likely to be; results.csv has all."
        )
    return to_markdown(table, notes.listed(), lead.strip())


def to_csv(listed: Listing) -> str:
    """Returns rows as CSV with unrounded numbers; no text of it is a formula for a spreadsheet."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(listed.columns)
    writer.writerows(map(_csv_cells, listed.rows))
    return stream.getvalue()


def _csv_cells(row: Sequence[object]) -> list[object]:
    """Returns what a line of a CSV holds; NaN is a missing value too."""
    return [
        each if each is None or (type(each) in _NUMBERS and each == each) else _csv_cell(each)
        for each in row
    ]


def _csv_cell(value: object) -> object:
    is_missing = isinstance(value, float) and math.isnan(value)
    return None if is_missing else csv_cell(value)


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
