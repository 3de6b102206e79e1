"""The frontier drawn in text: golden, and at its ends."""

import os
from pathlib import Path

from support.report_rows import changed, rows

from bench.core.units import ascii_text
from reports.plots.text import LINES, frontier_text
from reports.rows import frontier
from reports.rows.frontier import View
from reports.rows.schema import Row

GOLDEN = Path(__file__).parent / "golden" / "frontier.txt"


def view(found: list[Row]) -> View:
    [one] = frontier.views(frontier.mark(found))
    return one


def place(lines: list[str], letter: str) -> tuple[int, int]:
    [found] = [
        (number, line.index(letter, 9))
        for number, line in enumerate(lines[2 : 2 + LINES])
        if letter in line[9:]
    ]
    return found


def test_the_drawing_is_the_golden_one() -> None:
    text = "\n".join(frontier_text(view(rows()))) + "\n"
    if os.environ.get("FRILL_GOLDEN") == "write":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_a_drawing_is_as_wide_as_asked_and_keeps_order_and_letters() -> None:
    for columns in (40, 60, 100):
        lines = frontier_text(view(rows()), columns=columns)
        drawn = lines[2 : 2 + LINES + 2]
        assert max(map(len, drawn)) == columns
        fast, accurate = place(lines, "A"), place(lines, "H")
        assert fast[0] > accurate[0]  # less accurate, so further down
        assert fast[1] < accurate[1]  # faster, so further left


def test_one_point_alone_has_a_drawing_and_what_is_not_drawn_has_a_reason() -> None:
    first, *others = rows()
    unscored = [changed(row, score_mean=None) for row in others[:2]]
    lines = frontier_text(view([first, *unscored]))
    assert any(line.startswith("★ A ") for line in lines)
    assert "not drawn: 2 rows: not scored" in lines
    assert frontier_text(view(unscored))[1] == "no row is eligible for a frontier"


def test_more_points_than_letters_are_dots_that_are_counted() -> None:
    first = rows()[0]
    many = [
        changed(first, case_key=str(number), session=str(number), score_mean=0.3 + number / 1000)
        for number in range(40)
    ]
    lines = frontier_text(view(many))
    assert lines[-1] == "· 13 other rows"


def test_the_drawing_and_our_signs_have_a_form_in_ascii() -> None:
    text = "\n".join(frontier_text(view(rows())))
    assert "?" not in ascii_text(text)
    assert ascii_text("★ 1\u202f230 µs, −3–4 ×") == "* 1 230 us, -3-4 x"
