"""Scores compared clip by clip, on the frontier and against the log-mel floor."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.clip_answers import Parts, drawn

from models.accuracy.classification import confidence_interval, paired_difference
from reports.rows.dominance import Point
from reports.rows.frontier import Membership, standings
from reports.rows.paired import answers


def as_bools(parts: Parts) -> list[dict[str, list[bool]]]:
    return [
        {label: [digit == "1" for digit in digits] for label, digits in part.items()}
        for part in parts
    ]


def point(name: str, tasks: Sequence[Parts], cost: float) -> Point:
    paired = answers(tasks)
    assert paired is not None
    score = float(paired.weights @ paired.right)
    return Point(
        name=name, score=score, score_low=score - 0.05, score_high=score + 0.05,
        cost=cost, cost_low=0.99 * cost, cost_high=1.01 * cost, answers=paired,
    )  # fmt: skip


@pytest.mark.parametrize("task", [0, 1])
def test_the_interval_of_a_difference_is_that_of_the_bootstrap_of_pairs(task: int) -> None:
    one, other = drawn(1, better=0.1)[task], drawn(2)[task]
    first, second = answers([one]), answers([other])
    assert first is not None
    assert second is not None
    pairs = paired_difference(as_bools(one), as_bools(other))
    assert first.less(second) == pytest.approx(confidence_interval(pairs.resampled), abs=0.004)
    assert first.less(first) == (0.0, 0.0)


def test_scores_of_other_clips_or_of_older_records_have_no_pairs() -> None:
    assert answers([]) is None
    assert answers([[{"a": "10"}], []]) is None
    one, other = answers([[{"a": "10"}]]), answers([[{"a": "101"}]])
    assert one is not None
    assert other is not None
    assert one.less(other) is None


def test_pairs_confirm_what_independent_intervals_leave_open() -> None:
    slow, fast = point("slow", drawn(1, better=0.12), 20.0), point("fast", drawn(2), 10.0)
    assert fast.score_high > slow.score_low
    assert {each.membership for each in standings([slow, fast])} == {Membership.ON}
    alone = [replace(each, answers=None) for each in (slow, fast)]
    assert standings(alone)[0].membership is Membership.UNCLEAR
