from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reports.plots.axis import log_range, log_ticks
from reports.plots.labels import Box, Label, place
from reports.rows.names import short_names

_PAGE = Box(left=0, bottom=0, right=300, top=200)


def label(x: float, y: float) -> Label:
    return Label(x=x, y=y, width=60, height=10)


def test_a_label_alone_stands_to_the_right_of_its_point() -> None:
    assert place([label(100, 100)], inside=_PAGE, solid=[]) == [
        Box(left=107, bottom=95, right=167, top=105)
    ]


def test_a_label_at_the_right_edge_goes_to_the_left() -> None:
    (box,) = place([label(295, 100)], inside=_PAGE, solid=[])
    assert box is not None
    assert box.right <= 295


def test_a_label_avoids_a_line_that_it_may_cross() -> None:
    line = Box(left=100, bottom=99, right=300, top=101)
    (box,) = place([label(100, 100)], inside=_PAGE, solid=[], soft=[line])
    assert box is not None
    assert not box.overlaps(line)


def test_a_label_without_room_has_no_place() -> None:
    assert place([label(100, 100)], inside=_PAGE, solid=[_PAGE]) == [None]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 200)), max_size=30))
def test_no_label_covers_another_or_leaves_the_page(points: list[tuple[int, int]]) -> None:
    boxes = [box for box in place([label(*p) for p in points], inside=_PAGE, solid=[]) if box]
    assert all(_PAGE.holds(box) for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_short_names_leave_out_what_most_share_and_stay_apart() -> None:
    names = [
        "tiny_w0.5_keras3_gap_e2048_fused",
        "small_w1.0_keras3_gap_e2048_fused",
        "small_w1.0_keras3_gap_e2048_unfused",
        "small_w2.0_legacy_gap_e2048_fused",
        "my_model",
    ]
    assert list(short_names(names).values()) == [
        "tiny w0.5",
        "small w1.0",
        "small w1.0 unfused",
        "small w2.0 legacy",
        "my_model",
    ]


@given(st.lists(st.text("ab_", min_size=1, max_size=14), unique=True, max_size=8))
def test_short_names_are_unique(names: list[str]) -> None:
    short = short_names(names)
    assert set(short) == set(names)
    assert len(set(short.values())) == len(names)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=5), st.integers(5, 9))
def test_a_log_axis_holds_its_values_and_has_two_ticks_or_more(
    values: list[float], most: int
) -> None:
    start, end = log_range(values)
    assert start < min(values) <= max(values) < end
    ticks = log_ticks(start, end, most)
    assert 2 <= len(ticks) <= most
    assert all(start <= tick <= end for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_ticks_are_round() -> None:
    assert log_ticks(0.7, 130, 9) == [1, 3, 10, 30, 100]
    assert log_ticks(260, 660, 9) == [300, 350, 400, 450, 500, 550, 600, 650]
