from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.gate_findings import (
    TEXTS,
    everything,
    failed,
    gate,
    regressed,
    same,
    scored,
    timed,
    undecided,
    weighed,
)

from bench.core.units import one_line, visible
from bench.gate.verdict import Undecided, UndecidedReason, Verdict
from reports.gate import junit, step_summary, table, wording
from reports.gate.annotations import commands
from reports.parts.table import Footnotes


def test_every_number_of_a_regression_has_its_uncertainty() -> None:
    assert wording.summary(regressed(discarded=(("throttled", 2),))) == (
        "regressed; latency 1.104× (1.071 to 1.132), margin 5.0 %; 15 blocks; "
        "smallest slowdown that they detect 3.1 %; discarded: throttled 2"
    )


def test_an_accuracy_is_given_in_points() -> None:
    assert wording.summary(scored(Verdict.REGRESSED, -0.021, -0.03, -0.012)) == (
        "regressed; accuracy −2.1 points (−3.0 to −1.2), margin 1.0 points"
    )


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(1.0, "1.000×"), (1.02, "1.020×"), (1.0000004, "1.0000004×"), (0.9996, "0.9996×"),
     (0.51234, "0.512×"), (12.3456, "12.35×")],
)  # fmt: skip
def test_a_size_that_is_not_equal_never_reads_as_1(ratio: float, shown: str) -> None:
    assert wording.amount(weighed(Verdict.SAME, ratio)) == shown


@given(st.floats(0.001, 1000))
def test_a_size_reads_as_1_only_if_it_is(ratio: float) -> None:
    shown = wording.amount(weighed(Verdict.SAME, ratio)).removesuffix("×")
    assert (float(shown.replace("\u202f", "")) == 1) == (ratio == 1)


def test_few_blocks_say_that_they_give_no_interval() -> None:
    few = timed(
        "a", Verdict.UNDECIDED, (1.04, None, None), blocks=3, reason=UndecidedReason.DEVICE_LOST
    )
    assert wording.summary(few) == (
        "undecided: the device was lost; latency 1.040× (no interval: too few blocks), "
        "margin 5.0 %; 3 blocks; smallest slowdown that they detect 3.1 %"
    )


def test_every_reason_of_an_undecided_model_has_words() -> None:
    assert set(wording.REASONS) == set(UndecidedReason)


@pytest.mark.parametrize(
    ("found", "headline"),
    [
        (gate(same()), "passed"),
        (gate(same(), undecided()), "passed, 1 undecided"),
        (gate(weighed(Verdict.REGRESSED, 1.1), regressed()), "regressed in latency and size"),
        (gate(undecided(), undecided=Undecided.FAIL), "undecided"),
        (gate(same(), exit_code=3), "no verdict: the device or a machine failed"),
        (gate(failed()), "broken int8 does not run as requested"),
        (
            gate(failed(), weighed(Verdict.REGRESSED, 1.1)),
            "regressed in size; broken int8 does not run as requested",
        ),
        (
            gate(*(failed(name) for name in "abcde")),
            "a int8, b int8, c int8 and 2 more do not run as requested",
        ),
        (
            gate(same(), exit_code=4),
            "no verdict on all: something failed, was unfit or cannot be compared",
        ),
        (gate(same(), timed("gone", Verdict.REMOVED)), "passed, 1 removed"),
        (gate(exit_code=130), "interrupted"),
        (gate(exit_code=2), "refused: the command or a file is wrong"),
        (gate(exit_code=70), "no verdict: frill-bench failed"),
    ],
)
def test_the_headline_is_the_exit_code_in_words(found: object, headline: str) -> None:
    assert wording.headline(found) == headline  # type: ignore[arg-type]  # a Gate each


def test_the_counts_begin_with_what_must_be_seen() -> None:
    assert wording.counts(everything()) == (
        "2 regressed, 1 failed, 3 undecided, 1 improved, 1 new, 1 removed, 2 same, 1 unchanged"
    )


def test_invisible_characters_are_written_out() -> None:
    assert visible("a\x00\x1b[31m\ud800\u202e\u2066\ufffe\x85é😀\tb\r\nc\rd") == (
        "a\\x00\\x1b[31m\\ud800\\u202e\\u2066\\ufffe\\x85é😀\tb\nc\nd"
    )


@given(TEXTS)
def test_visible_text_can_be_written_and_stays(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert visible(shown) == shown


@given(st.text(max_size=2000))
def test_a_line_is_one_and_short(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 300
    assert line.splitlines() in ([], [line])


def test_no_output_holds_an_absolute_latency() -> None:
    found = everything()
    drawn = table.cells(found.findings, Footnotes())
    cells = "\n".join(f"{cell.text} {cell.detail}" for line in drawn.lines for cell in line.cells)
    for text in (
        cells, junit.to_xml(found), step_summary.to_markdown(found), commands(found),
    ):  # fmt: skip
        assert not re.search(r"\d\s*(ms|µs|us|ns)\b", text)
        assert "1.104×" in text


def test_the_table_has_a_cell_for_each_heading() -> None:
    notes = Footnotes()
    drawn = table.cells(everything().findings, notes)
    assert {len(line.cells) for line in drawn.lines} == {len(drawn.headings)}
    assert [cell.text for cell in drawn.lines[0].cells] == [
        "small_w1.0", "regressed", "int8", "latency", "1.104×", "5.0 %", "15", "3.1 %",
        "core-stolen 3, throttled 2",
    ]  # fmt: skip
    assert drawn.lines[0].cells[4].detail == "1.071 to 1.132"
    assert drawn.lines[0].cells[0].marks == ("a",)
    assert [line.strong for line in drawn.lines].count(True) == 3
    assert [text for _, text in notes.listed()] == [
        "measured on a virtual handset, not on a phone (virtual: degrade)"
    ]
