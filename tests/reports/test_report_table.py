from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
from support.report_rows import changed, rows, timed

from bench.core.caveats import Caveat, CaveatKind
from reports.parts import documents
from reports.parts.results import results
from reports.parts.table import Cell, Footnotes, Heading, Line, Table
from reports.rows import frontier, schema
from reports.rows.aspects import shared
from reports.rows.frontier import Marked
from reports.rows.names import row_names
from reports.rows.schema import Frontend, Row

_GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def marked() -> list[Marked]:
    small = [
        *rows()[4:8],
        timed(
            "my | <model>",
            "float32",
            52.5,
            score=None,
            includes_frontend=False,
            frontend=Frontend.MISSING,
            caveats="no_frontend;untrained",
        ),
    ]
    return frontier.mark(small)


def agrees_with_golden(name: str, text: str) -> bool:
    path = _GOLDEN / name
    if os.environ.get("FRILL_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="")
    return path.read_bytes().decode() == text


def test_the_csv_is_the_golden_one(marked: list[Marked]) -> None:
    assert agrees_with_golden("results.csv", documents.results_csv([each.row for each in marked]))


def test_the_markdown_is_the_golden_one(marked: list[Marked]) -> None:
    notes = Footnotes()
    found = results(marked, notes)
    assert agrees_with_golden("results.md", documents.to_markdown(found, notes.listed()))


def test_the_csv_holds_the_schema_and_unrounded_numbers(marked: list[Marked]) -> None:
    read = list(csv.DictReader(io.StringIO(documents.results_csv([each.row for each in marked]))))
    assert set(read[0]) == set(schema.columns(Row))
    assert [float(row["latency_us_per_audio_s"]) for row in read] == [
        each.row.latency_us_per_audio_s for each in marked
    ]
    assert read[4]["score_mean"] == ""
    assert [row["on_frontier"] for row in read] == ["True", "False", "True", "False", "False"]


def test_a_gap_has_a_footnote_with_its_reason(marked: list[Marked]) -> None:
    notes = Footnotes()
    found = results(marked, notes)
    accuracy = [heading.name for heading in found.headings].index("accuracy")
    gap = found.lines[4].cells[accuracy]
    assert gap.text == "–"
    assert [text for letter, text in notes.listed() if letter in gap.marks] == ["not scored"]


def test_each_caveat_of_a_row_is_a_footnote(marked: list[Marked]) -> None:
    notes = Footnotes()
    marks = results(marked, notes).lines[4].cells[0].marks
    found = [text for letter, text in notes.listed() if letter in marks]
    assert any("random weights" in text and "degrade" in text for text in found)
    assert any("leaves out the log-mel front-end" in text for text in found)


def test_a_column_appears_only_where_rows_differ_in_it() -> None:
    here = timed("a", "int8", 10.0, score=0.5)
    there = timed("b", "int8", 20.0, score=0.5, device="Pixel 6")

    def headings(of: list[Row]) -> list[str]:
        found = results(frontier.mark(of), Footnotes())
        return [heading.name for heading in found.headings]

    assert "device" not in headings([here])
    assert "device" in headings([here, there])
    assert shared([here, there])["threads"] == "1"


def test_the_evidence_of_a_caveat_is_in_its_footnote_and_names_the_files_where_it_differs() -> None:
    low, lower = (f"cosine {cosine} mean, the bound is 0.99" for cosine in (0.98, 0.71))
    few = Caveat(kind=CaveatKind.FEW_PROCESSES, evidence="2 of the 6 that it needs")
    found = [
        timed(name, "int8", 10.0, score=0.5, caveats=(few, Caveat(kind=kind, evidence=evidence)))
        for name, kind, evidence in (
            ("a", CaveatKind.BELOW_BOUND, low),
            ("b", CaveatKind.BELOW_BOUND, lower),
            ("c", CaveatKind.BELOW_BOUND, lower),
        )
    ]
    notes = Footnotes()
    drawn = results(frontier.mark(found), notes)
    lines = [evidence for _, text, evidence in notes.with_evidence() if "bound" in text]
    assert lines == [(f"a int8: {low}", f"b int8, c int8: {lower}")]
    markdown = documents.to_markdown(drawn, notes.listed())
    assert f"(below\\_bound: degrade): a int8: {low}; b int8, c int8: {lower}" in markdown
    assert "(few\\_processes: degrade): 2 of the 6 that it needs" in markdown


@pytest.mark.parametrize(
    ("field", "value", "name", "heading", "cell"),
    [
        ("affinity", "f0", "a (cores f0)", "cores", "f0"),
        ("tool_sha256", "9" * 64, "a (tool 99999999)", "tool", "99999999"),
        ("library_sha256", "8" * 64, "a (library 88888888)", "library", "88888888"),
        ("library_options", "x:1", "a (options x:1)", "options", "x:1"),
        ("full_delegation", True, "a (delegation whole graph)", "delegation", "whole graph"),
        ("fixed_performance", True, "a (clocks fixed)", "clocks", "fixed"),
        ("warm_cache", True, "a (cache warm)", "cache", "warm"),
        ("protocol", "mode=back-to-back, num_runs=50", "a (num_runs=50)", "protocol",
         "num_runs=50"),
        ("given_inputs", "x [1, 8]", "a (inputs x [1, 8])", "inputs", "x [1, 8]"),
        ("signature", "b", "a (signature b)", "signature", "b"),
        ("runtime", "LiteRT 9", "a (LiteRT 9)", "runtime", "LiteRT 9"),
        ("artifact_sha256", "7" * 64, "a (file 77777777)", "file", "77777777"),
    ],
)  # fmt: skip
def test_rows_that_differ_in_one_thing_only_show_that_one(
    field: str, value: object, name: str, heading: str, cell: str
) -> None:
    one = timed("a", "int8", 10.0, score=0.5)
    other = changed(one, **{field: value}, case_key="another")
    assert row_names([one, other])[other] == name
    assert len(set(row_names([one, other]).values())) == 2
    drawn = results(frontier.mark([one, other]), Footnotes())
    place = [each.name for each in drawn.headings].index(heading)
    assert drawn.lines[1].cells[place].text == cell
    assert drawn.lines[0].cells[place].text != cell


def test_markdown_signs_in_names_are_escaped() -> None:
    heading = Heading(name="student", numeric=False)
    drawn = documents.to_markdown(
        Table(headings=(heading,), lines=(Line(cells=(Cell(text="a|b_c*<i>"),)),))
    )
    assert drawn.splitlines()[2] == r"| a\|b\_c\*\<i> |"


def test_footnote_letters_go_on_after_z() -> None:
    notes = Footnotes()
    letters = [notes.mark(f"reason {index}") for index in range(28)]
    assert (letters[0], letters[25], letters[26], letters[27]) == ("a", "z", "aa", "bb")
    assert notes.mark("reason 0") == "a"


def test_a_cut_table_keeps_the_strong_lines_and_the_heaviest_in_their_order() -> None:
    lines = [
        Line(cells=(Cell(text=str(number)),), strong=number == 3, weight=weight)
        for number, weight in enumerate((0.2, 0.0, 0.9, 0.0, 0.5))
    ]
    cut = Table(headings=(Heading(name="number"),), lines=tuple(lines)).first(3)
    assert [line.cells[0].text for line in cut.lines] == ["2", "3", "4"]
    assert cut.left_out == 2
