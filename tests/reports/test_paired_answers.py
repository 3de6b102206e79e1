"""Scores compared clip by clip, on the frontier and against the log-mel floor."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

import pytest
from support.clip_answers import Parts, drawn

from bench.core.score import t_quantile
from models.accuracy.classification import confidence_interval, paired_difference
from reports.rows.dominance import Point
from reports.rows.frontier import Membership, standings
from reports.rows.membership import probabilities
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


def spoken(name: str, recalls: Sequence[float], cost: float, **others: Any) -> Point:
    """Returns a point with a hundred clips of each of four voices, each voice a label."""
    digits = {f"v{at}": "1" * round(100 * each) for at, each in enumerate(recalls)}
    parts = [{voice: right.ljust(100, "0") for voice, right in digits.items()}]
    mean = fmean(recalls)
    without = {
        voice: fmean([*recalls[:at], *recalls[at + 1 :]]) - mean for at, voice in enumerate(digits)
    }
    paired = answers([parts], [without])
    assert paired is not None
    return replace(point(name, [parts], cost), answers=paired, **others)


FIRST, SECOND = (0.95, 0.6, 0.5, 0.3), (0.7, 0.5, 0.48, 0.32)


def test_two_students_are_compared_by_voice_and_formats_of_one_by_clip() -> None:
    slow, fast = spoken("slow", FIRST, 20.0), spoken("fast", SECOND, 10.0)
    by_clip = {each.membership for each in standings([slow, fast])}
    assert by_clip == {Membership.ON}
    students = [replace(each, student=each.name) for each in (slow, fast)]
    assert standings(students)[0].membership is Membership.UNCLEAR
    assert students[1].could_beat(students[0])
    assert not fast.could_beat(slow)


def test_the_interval_over_voices_is_that_of_the_paired_t() -> None:
    one, other = (spoken("x", each, 1.0).answers for each in (FIRST, SECOND))
    assert one is not None
    assert other is not None
    apart = [a - b for a, b in zip(FIRST, SECOND, strict=True)]
    half = t_quantile(3) * stdev(apart) / 2
    assert one.less_over_voices(other) == pytest.approx((fmean(apart) - half, fmean(apart) + half))
    assert one.less_over_voices(replace(other, voices=("other",) * 4)) is None


def test_students_that_are_nearer_than_two_training_seeds_are_not_distinguished() -> None:
    slow, fast = point("slow", drawn(1, better=0.12), 20.0), point("fast", drawn(2), 10.0)
    apart = slow.score - fast.score
    for seeds, membership in ((apart + 0.01, Membership.UNCLEAR), (apart - 0.01, Membership.ON)):
        students = [replace(each, student=each.name, seeds_apart=seeds) for each in (slow, fast)]
        assert standings(students)[0].membership is membership
        assert students[1].could_beat(students[0]) is (membership is Membership.UNCLEAR)
        assert standings([replace(each, student="same") for each in students])[0].membership is (
            Membership.ON
        )


def test_the_probability_to_be_on_the_frontier_is_of_other_voices_too() -> None:
    slow, fast = spoken("slow", FIRST, 20.0), spoken("fast", SECOND, 10.0)
    bare = [replace(each, answers=replace(each.answers, voices=())) for each in (slow, fast)]
    sure, unsure = probabilities(bare)[0], probabilities([slow, fast])[0]
    assert sure is not None
    assert unsure is not None
    assert unsure < 0.97 < sure
