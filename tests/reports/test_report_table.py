from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
from support.report_rows import rows, timed

from reports import frontier, schema, table
from reports.schema import Frame, Row
from reports.table import Cell, Footnotes, Heading, Line, Table

_GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def marked() -> Frame:
    small = [
        *rows()[4:8],
        timed(
            "my | <model>",
            "float32",
            52.5,
            score=None,
            includes_frontend=False,
            frontend="missing",
            caveats="no_frontend;untrained",
        ),
    ]
    return frontier.mark(schema.frame(small, Row))


def agrees_with_golden(name: str, text: str) -> bool:
    path = _GOLDEN / name
    if os.environ.get("FRILL_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="")
    return path.read_bytes().decode() == text


def test_the_csv_is_the_golden_one(marked: Frame) -> None:
    assert agrees_with_golden("results.csv", table.results_csv(marked))


def test_the_markdown_is_the_golden_one(marked: Frame) -> None:
    notes = Footnotes()
    found = table.results(marked, notes)
    assert agrees_with_golden("results.md", table.to_markdown(found, notes.listed()))


def test_the_csv_holds_the_schema_and_unrounded_numbers(marked: Frame) -> None:
    read = list(csv.DictReader(io.StringIO(table.results_csv(marked))))
    assert list(read[0]) == [column.name for column in schema.columns(Row)]
    assert [float(row["latency_us_per_audio_s"]) for row in read] == list(
        marked["latency_us_per_audio_s"]
    )
    assert read[4]["score_mean"] == ""
    assert [row["on_frontier"] for row in read] == ["True", "False", "True", "False", "False"]


def test_a_gap_has_a_footnote_with_its_reason(marked: Frame) -> None:
    notes = Footnotes()
    found = table.results(marked, notes)
    accuracy = [heading.name for heading in found.headings].index("accuracy")
    gap = found.lines[4].cells[accuracy]
    assert gap.text == "–"
    assert [text for letter, text in notes.listed() if letter in gap.marks] == ["not scored"]


def test_each_caveat_of_a_row_is_a_footnote(marked: Frame) -> None:
    notes = Footnotes()
    marks = table.results(marked, notes).lines[4].cells[0].marks
    found = [text for letter, text in notes.listed() if letter in marks]
    assert any("random weights" in text and "degrade" in text for text in found)
    assert any("leaves out the log-mel front-end" in text for text in found)


def test_a_column_appears_only_where_rows_differ_in_it() -> None:
    here = timed("a", "int8", 10.0, score=0.5)
    there = timed("b", "int8", 20.0, score=0.5, device="Pixel 6")

    def headings(of: list[Row]) -> list[str]:
        found = table.results(frontier.mark(schema.frame(of, Row)), Footnotes())
        return [heading.name for heading in found.headings]

    assert "device" not in headings([here])
    assert "device" in headings([here, there])
    assert table.shared(schema.frame([here, there], Row))["threads"] == "1"


def test_markdown_signs_in_names_are_escaped() -> None:
    heading = Heading(name="student", numeric=False)
    drawn = table.to_markdown(
        Table(headings=(heading,), lines=(Line(cells=(Cell(text="a|b_c*<i>"),)),))
    )
    assert drawn.splitlines()[2] == r"| a\|b\_c\*\<i> |"


def test_footnote_letters_go_on_after_z() -> None:
    notes = Footnotes()
    letters = [notes.mark(f"reason {index}") for index in range(28)]
    assert (letters[0], letters[25], letters[26], letters[27]) == ("a", "z", "aa", "bb")
    assert notes.mark("reason 0") == "a"
