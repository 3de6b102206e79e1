from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.report_rows import changed, rows, timed

from bench.core.caveats import Caveat, CaveatKind
from reports.parts import picks
from reports.parts.sections import dominated
from reports.parts.table import Footnotes
from reports.rows import frontier
from reports.rows.dominance import Point
from reports.rows.frontier import Membership

ON, OFF, UNCLEAR = Membership.ON, Membership.OFF, Membership.UNCLEAR


def point(name: str, score: float, half: float, cost: float, cost_half: float) -> Point:
    return Point(
        name=name,
        score=score,
        score_low=score - half,
        score_high=score + half,
        cost=cost,
        cost_low=cost - cost_half,
        cost_high=cost + cost_half,
    )


def test_a_hand_worked_table_without_overlap() -> None:
    found = frontier.standings(
        [
            point("fast", 0.70, 0.01, 100, 5),
            point("middle", 0.80, 0.01, 200, 5),
            point("slow", 0.90, 0.01, 300, 5),
            point("beaten by middle", 0.75, 0.01, 250, 5),
            point("beaten by all", 0.60, 0.01, 400, 5),
        ]
    )
    assert [each.on_frontier for each in found] == [True, True, True, False, False]
    assert [each.membership for each in found] == [ON, ON, ON, OFF, OFF]
    # The rival with the best score of those that surely dominate.
    assert [each.rival for each in found] == [None, None, None, 1, 2]
    assert [len(each.challengers) for each in found] == [0, 0, 0, 1, 4]


def test_overlapping_intervals_leave_it_open() -> None:
    found = frontier.standings(
        [
            point("a", 0.80, 0.02, 100, 5),
            point("b", 0.79, 0.02, 104, 5),  # dominated by the estimates, not surely
            point("c", 0.79, 0.001, 120, 5),  # slower surely, less accurate perhaps
        ]
    )
    assert [each.on_frontier for each in found] == [True, False, False]
    assert [each.membership for each in found] == [UNCLEAR, UNCLEAR, UNCLEAR]
    assert [each.rival for each in found] == [None, 0, 0]


def test_equal_points_are_both_on_the_frontier() -> None:
    found = frontier.standings([point("a", 0.8, 0, 100, 0), point("b", 0.8, 0, 100, 0)])
    assert [each.on_frontier for each in found] == [True, True]
    assert [each.membership for each in found] == [ON, ON]


def test_a_cost_without_an_interval_proves_nothing() -> None:
    open_cost = dataclasses.replace(point("a", 0.9, 0, 1, 0), cost_low=0.0, cost_high=math.inf)
    found = frontier.standings([open_cost, point("b", 0.5, 0, 100, 0)])
    assert [each.on_frontier for each in found] == [True, False]
    assert [each.membership for each in found] == [ON, UNCLEAR]


def test_margins_say_how_far_a_row_is_beaten_in_both_views() -> None:
    best = timed("best", "int8", 96.0, score=0.80, half=0.01, size_bytes=1000)
    worse = timed("worse", "int8", 192.0, score=0.70, half=0.01, size_bytes=4000)
    winner, loser = marked = frontier.mark([best, worse])
    assert (winner.row.on_frontier, winner.membership, winner.rival) == (True, ON, None)
    assert (loser.row.on_frontier, loser.membership, loser.rival) == (False, OFF, winner.row)
    assert (winner.on_frontier_size, loser.on_frontier_size) == (True, False)
    beaten = dominated(marked)
    assert beaten is not None
    (line,) = beaten.lines
    assert [cell.text for cell in line.cells] == [
        "worse", "int8", "best int8", "by the intervals", "+10.0", "2.00×", "4.00×",
    ]  # fmt: skip
    assert [cell.order for cell in line.cells[4:]] == pytest.approx([0.10, 2.0, 4.0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"score_mean": None, "score_low": None, "score_high": None}, "not scored"),
        ({"latency_us_per_audio_s": None}, "not timed"),
        ({"caveats": "scored_on_host"}, "outputs of this delegate were not checked"),
        ({"includes_frontend": False}, "leaves out the log-mel front-end"),
    ],
)
def test_what_may_not_compete_says_why_and_beats_nobody(
    change: dict[str, object], reason: str
) -> None:
    best = timed("best", "int8", 10.0, score=0.9)
    if "latency_us_per_audio_s" in change:
        change |= {"latency_us_per_audio_s_low": None, "latency_us_per_audio_s_high": None}
    barred = changed(best, **change)
    first, second = frontier.mark([barred, timed("other", "int8", 20.0, score=0.5)])
    assert reason in first.not_eligible
    assert (first.row.on_frontier, first.membership, first.rival) == (False, None, None)
    assert (second.row.on_frontier, second.membership) == (True, ON)


@pytest.mark.parametrize("field", ["device", "runner", "score_task_set"])
def test_rows_of_another_device_runner_or_task_set_do_not_compete(field: str) -> None:
    best = timed("best", "int8", 10.0, score=0.9)
    worse = changed(timed("worse", "int8", 20.0, score=0.5), **{field: "other"})
    assert [each.row.on_frontier for each in frontier.mark([best, worse])] == [True, True]
    views = frontier.views(frontier.mark([best, worse]))
    assert [[each.row.file.student for each in view.rows] for view in views] == [
        ["best"],
        ["worse"],
    ]


def test_a_view_without_scores_has_no_task_set() -> None:
    unscored = timed("a", "int8", 10.0, score=None)
    (view,) = frontier.views(frontier.mark([unscored]))
    assert view.task_set is None


def test_the_example_has_the_frontier_that_its_numbers_give() -> None:
    found = [each.row.file.name for each in frontier.mark(rows()) if each.row.on_frontier]
    assert found == [
        "tiny_w0.5_keras3_gap_e2048_fused.float16",
        "small_w1.0_keras3_gap_e2048_fused.float32",
        "small_w1.0_keras3_gap_e2048_fused.dynamic",
        "small_w1.0_keras3_gap_e2048_unfused.dynamic",
        "small_w1.0_keras3_gap_e2048_unfused.int8",
        "small_w2.0_legacy_gap_e2048_fused.float32",
        "small_w2.0_legacy_gap_e2048_fused.dynamic",
        "large_w1.0_keras3_gap_e2048_fused.dynamic",
    ]


# Few distinct values, so that ties are common.
_points = st.lists(
    st.builds(
        point,
        st.uuids().map(str),
        st.integers(3, 9).map(lambda tenth: tenth / 10),
        st.sampled_from([0.0, 0.01, 0.1]),
        st.integers(10, 20).map(float),
        st.sampled_from([0.0, 1.0, 4.0]),
    ),
    max_size=12,
)


@given(_points)
def test_no_member_dominates_another_and_each_other_point_has_a_dominator_on_the_frontier(
    points: list[Point],
) -> None:
    found = frontier.standings(points)
    front = [each for each, standing in zip(points, found, strict=True) if standing.on_frontier]
    assert not any(first.beats(second) for first in front for second in front)
    for each, standing in zip(points, found, strict=True):
        assert standing.on_frontier != any(member.beats(each) for member in front)
        assert (standing.rival is not None) == (not standing.on_frontier)
        if standing.rival is not None:
            assert points[standing.rival].beats(each)


@given(_points)
def test_what_is_surely_off_is_dominated_by_something_that_is_not(points: list[Point]) -> None:
    found = frontier.standings(points)
    for each, standing in zip(points, found, strict=True):
        dominators = [
            other.membership
            for rival, other in zip(points, found, strict=True)
            if rival.surely_beats(each)
        ]
        assert (standing.membership is OFF) == bool(dominators)
        assert not dominators or any(membership is not OFF for membership in dominators)
        if standing.membership is OFF:
            assert not standing.on_frontier
        if standing.membership is ON:
            assert standing.on_frontier


@given(_points, st.randoms(use_true_random=False), st.sampled_from([0.5, 2.0, 1024.0]))
@settings(max_examples=50)
def test_row_order_and_the_unit_of_cost_do_not_matter(
    points: list[Point], random: object, scale: float
) -> None:
    before = {
        each.name: (standing.on_frontier, standing.membership)
        for each, standing in zip(points, frontier.standings(points), strict=True)
    }
    moved = [
        dataclasses.replace(
            each,
            cost=each.cost * scale,
            cost_low=each.cost_low * scale,
            cost_high=each.cost_high * scale,
        )
        for each in points
    ]
    random.shuffle(moved)  # type: ignore[attr-defined]  # hypothesis types it as object
    after = {
        each.name: (standing.on_frontier, standing.membership)
        for each, standing in zip(moved, frontier.standings(moved), strict=True)
    }
    assert before == after


def test_what_only_formats_of_one_student_could_beat_and_what_all_share_is_named_once() -> None:
    quick = (Caveat(kind=CaveatKind.QUICK, evidence="400 clips"),)
    found = frontier.mark(
        [
            timed("fast", "float32", 100.0, score=0.7, caveats=quick),
            timed("fast", "float16", 101.0, score=0.7, caveats=quick),
            timed("slow", "float32", 300.0, score=0.8, caveats=quick),
        ]
    )
    assert [each.membership for each in found] == [UNCLEAR, UNCLEAR, ON]
    assert [(each.challengers, each.other_students) for each in found] == [(1, 0), (1, 0), (0, 0)]
    told = picks.verdict(found)
    assert (
        "The 95 % intervals confirm 1 of them; the others may be beaten by another, 1 of them only "
        "by one of the same student." in told
    )
    assert "Caveat of all of them: scored on a small seeded subset of the task set" in told
    fast, slow = picks.picks(found, Footnotes())
    assert fast.sentences[-1].endswith("1 other file could beat it, all of the same student.")
    assert not any("Caveat" in each for each in (*fast.sentences, *slow.sentences))
