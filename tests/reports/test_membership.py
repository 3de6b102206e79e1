"""The probability of a row to be on the frontier, and pairs of rows compared all at once."""

import dataclasses
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.clip_answers import drawn
from support.report_rows import changed, rows, timed

from reports.rows import frontier, membership
from reports.rows.dominance import Point, front, rivals
from reports.rows.frontier import Membership
from reports.rows.paired import answers


def point(name: str, score: float, half: float, cost: float, cost_half: float) -> Point:
    return Point(
        name=name, score=score, score_low=score - half, score_high=score + half,
        cost=cost, cost_low=cost - cost_half, cost_high=cost + cost_half,
    )  # fmt: skip


# Few distinct values, so that ties are common; some with answers, of the same or of other clips.
_answers = st.one_of(
    st.none(),
    st.text("01", min_size=6, max_size=6).map(lambda digits: answers([[{"a": digits}]])),
    st.text("01", min_size=4, max_size=4).map(
        lambda digits: answers([[{"a": digits[:2], "b": digits[2:]}]])
    ),
)
_points = st.lists(
    st.builds(
        lambda made, clips: dataclasses.replace(made, answers=clips),
        st.builds(
            point,
            st.uuids().map(str),
            st.integers(3, 9).map(lambda tenth: tenth / 10),
            st.sampled_from([0.0, 0.01, 0.1]),
            st.integers(10, 20).map(float),
            st.sampled_from([0.0, 1.0, 4.0]),
        ),
        _answers,
    ),
    max_size=10,
)


@given(_points)
@settings(max_examples=60)
def test_all_pairs_at_once_are_the_pairs_one_by_one(points: list[Point]) -> None:
    for index, (each, found) in enumerate(zip(points, rivals(points), strict=True)):
        others = [(place, other) for place, other in enumerate(points) if place != index]
        assert found.sure.tolist() == [i for i, other in others if other.surely_beats(each)]
        assert found.possible.tolist() == [i for i, other in others if other.could_beat(each)]
        assert found.estimated.tolist() == [i for i, other in others if other.beats(each)]
    estimates = [each.on_frontier for each in frontier.standings(points)]
    assert estimates == [not any(other.beats(each) for other in points) for each in points]


def test_equal_points_share_a_place_and_of_equal_costs_only_the_best_is_on() -> None:
    scores = np.array([[0.8, 0.8, 0.7, 0.9, 0.9]])
    costs = np.array([[1.0, 1.0, 1.0, 2.0, 2.0]])
    assert front(scores, costs).tolist() == [[True, True, False, True, True]]


def test_the_probability_of_two_points_is_that_of_the_normal_distribution() -> None:
    # Surely faster, so the slow one is on the frontier where its accuracy is higher.
    fast, slow = point("fast", 0.80, 0.02, 10, 1), point("slow", 0.82, 0.02, 20, 1)
    deviation = 0.02 / (math.sqrt(2) * 0.02 / 1.96)
    expected = NormalDist().cdf(deviation)
    on_fast, on_slow = membership.probabilities([fast, slow], count=20_000)
    assert on_fast == 1.0
    assert on_slow == pytest.approx(expected, abs=0.01)


def test_a_cost_is_drawn_from_its_own_interval_on_each_side() -> None:
    skewed = dataclasses.replace(point("a", 0.8, 0, 10, 0), cost_low=9.9, cost_high=13.0)
    drawn_costs = membership.draws([skewed], count=20_000).costs[:, 0]
    assert np.quantile(drawn_costs, [0.025, 0.5, 0.975]) == pytest.approx([9.9, 10, 13], rel=0.01)
    assert membership.below(10, 9.9, 13.0, 13.0) == pytest.approx(0.975, abs=1e-3)
    assert membership.below(10, 9.9, 13.0, 9.9) == pytest.approx(0.025, abs=1e-3)
    assert membership.below(10, 9.9, 13.0, 10.0) == 0.5
    assert membership.below(10, None, None, 11.0) is None


def test_clips_are_drawn_once_for_all_so_what_is_hard_for_both_does_not_count() -> None:
    better, worse = answers(drawn(1, better=0.12)), answers(drawn(2))
    assert better is not None
    assert worse is not None
    pair = [
        dataclasses.replace(
            point(name, float(each.weights @ each.right), 0.05, cost, 0.1), answers=each
        )
        for name, each, cost in (("slow", better, 20.0), ("fast", worse, 10.0))
    ]
    assert membership.probabilities(pair)[0] == 1.0
    alone = [dataclasses.replace(each, answers=None) for each in pair]
    assert 0.9 < (membership.probabilities(alone)[0] or 0) < 1.0
    scores = membership.draws(pair).scores
    assert np.std(scores[:, 0] - scores[:, 1]) < 0.8 * np.hypot(*np.std(scores, axis=0))


def test_equal_answers_are_equal_in_every_draw() -> None:
    same = [timed("a", each, us, score=0.8) for each, us in (("float32", 90.0), ("float16", 10.0))]
    clips = answers([[{"a": "1101"}]])
    first, second = frontier.mark([dataclasses.replace(each, answers=clips) for each in same])
    assert first.on_frontier_probability == 0.0
    assert second.on_frontier_probability == 1.0


@given(_points, st.randoms(use_true_random=False), st.sampled_from([0.5, 2.0, 1024.0]))
@settings(max_examples=25)
def test_order_and_the_unit_of_cost_change_no_probability(
    points: list[Point], random: object, scale: float
) -> None:
    moved = [
        dataclasses.replace(
            each,
            **{name: getattr(each, name) * scale for name in ("cost", "cost_low", "cost_high")},
        )
        for each in points
    ]
    random.shuffle(moved)  # type: ignore[attr-defined]  # hypothesis types it as object

    def by_name(of: list[Point]) -> dict[str, float | None]:
        found = membership.probabilities(of, count=50)
        return {each.name: value for each, value in zip(of, found, strict=True)}

    assert by_name(points) == by_name(moved)


@given(_points)
@settings(max_examples=25)
def test_a_point_that_every_other_beats_for_sure_changes_nothing(points: list[Point]) -> None:
    hopeless = point("hopeless", -1.0, 0.1, 1e6, 1.0)
    before = membership.probabilities(points, count=50)
    assert membership.probabilities([*points, hopeless], count=50)[:-1] == before
    alone = [(each.on_frontier, each.membership) for each in frontier.standings(points)]
    beside = [
        (each.on_frontier, each.membership) for each in frontier.standings([*points, hopeless])
    ]
    assert beside[:-1] == alone


def test_what_has_no_interval_and_what_it_might_beat_have_no_probability() -> None:
    open_cost = dataclasses.replace(point("a", 0.9, 0, 1, 0), cost_low=0.0, cost_high=math.inf)
    found = membership.probabilities(
        [open_cost, point("b", 0.5, 0, 100, 0), point("c", 0.95, 0, 200, 0)]
    )
    assert found == [None, None, 1.0]
    assert membership.probabilities([]) == []


def test_the_probability_agrees_with_the_intervals_on_the_example_and_is_a_column() -> None:
    found = frontier.mark(rows())
    for each in found:
        probability = each.on_frontier_probability
        assert probability is not None
        assert each.row.on_frontier_probability == probability
        if each.membership is Membership.ON:
            assert probability > 0.9
        if each.membership is Membership.OFF:
            assert probability < 0.1
    assert found == frontier.mark(rows())
    barred = changed(rows()[0], includes_frontend=False)
    assert frontier.mark([barred])[0].on_frontier_probability is None
