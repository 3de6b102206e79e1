"""Students compared: intervals over voices, training seeds, and many comparisons at once."""

from dataclasses import replace

import pytest
from support.report_rows import timed

from reports.decision.intervals import Estimate, Less, holm
from reports.page.students import sections
from reports.rows.schema import Row


def less(value: float, half: float, **others: int | float) -> Less:
    change = Estimate(value=value, low=value - half, high=value + half)
    return Less(change=change, paired=True, clips=100, **others)  # type: ignore[arg-type]  # voices


def test_several_p_values_are_adjusted_as_holm_did() -> None:
    # .01 * 4; .02 * 3; .03 * 2 = .06, as high as before; .9.
    assert holm([0.03, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert holm([0.01, 0.03], among=10) == pytest.approx([0.1, 0.27])
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8])
    assert holm([]) == []


def test_a_p_value_has_the_tails_of_its_interval() -> None:
    assert less(0.1, 0.1).p_value == pytest.approx(0.05, abs=1e-4)
    assert less(0.1, 0.1, voices=4).p_value == pytest.approx(0.05)
    assert less(0.2, 0.1).p_value == pytest.approx(0.0001, abs=2e-5)
    assert (less(0.2, 0.1, voices=4).p_value or 0) > 0.005  # few voices have heavy tails
    assert Less(change=Estimate(value=0.1), paired=False, clips=None).p_value is None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (less(0.1, 0.2), "the 95 % interval over clips holds 0"),
        (less(0.1, 0.2, voices=7), "the 95 % interval over 7 voices holds 0"),
        (less(0.1, 0.05, voices=7), ""),
        (
            less(0.015, 0.01, seeds_apart=0.018),
            "two training seeds of one student differ by 1.8 points",
        ),
        (less(0.03, 0.01, seeds_apart=0.018), ""),
    ],
)
def test_why_two_students_are_not_distinguished(found: Less, reason: str) -> None:
    assert found.not_distinguished == reason


def rows(*scores: float, task_set: str = "default") -> list[Row]:
    return [
        replace(
            timed(f"small_w{at}", "float32", 100.0 + at, score=score),
            score_task_set=task_set, score_low=score - 0.005, score_high=score + 0.005,
        )
        for at, score in enumerate(scores)
    ]  # fmt: skip


def test_each_student_is_compared_with_the_most_accurate_one() -> None:
    (found,) = sections(rows(0.70, 0.69, 0.60))
    names = [line.cells[0].text for line in found.table.lines]
    verdicts = [line.cells[-1].text for line in found.table.lines]
    assert [name[-2:] for name in names] == ["w1", "w2"]
    assert verdicts == ["no: two training seeds of one student differ by 1.8 points", "yes"]
    assert "among 3 pairs" in found.sentences[0]
    assert "1.8 points" in found.sentences[1]
    (unknown,) = sections(rows(0.70, 0.69, task_set="own"))
    assert "was not measured" in unknown.sentences[1]
    assert sections(rows(0.7)) == []


def test_among_many_students_a_small_difference_may_be_chance() -> None:
    near = [0.70, 0.689]  # about three standard deviations apart
    (few,) = sections(rows(*near, task_set="own"))
    assert few.table.lines[0].cells[-1].text == "yes"
    (many,) = sections(rows(*near, *[0.5] * 20, task_set="own"))
    assert many.table.lines[0].cells[-1].text.startswith("no: one of so many comparisons")
