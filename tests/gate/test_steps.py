from dataclasses import replace
from math import log
from typing import Any

import pytest
from gate.test_series import on

from bench.gate.change_points import levels, settled
from bench.gate.series import Series
from bench.gate.steps import Step, steps

SLOWER_AT = 10
_NOISE = (0.001, -0.002, 0.0015, -0.0005, 0.0)


def made(ratios: list[float], **changed: Any) -> Series:
    nights = tuple(
        on(
            1 + number,
            log_ratio=log(ratio) + _NOISE[number % len(_NOISE)],
            **{"candidate_sha256": f"{number:064x}", **changed},
        )
        for number, ratio in enumerate(ratios)
    )
    return Series(nights=nights, changed=())


def found(series: Series) -> tuple[Step, ...]:
    level = levels(series.log_ratios, settled(series.log_ratios))
    return steps(series, now=float(level[-1]))


def test_a_settled_slower_step_is_a_regression_between_two_nights() -> None:
    series = made([1.0] * SLOWER_AT + [1.06] * 9)
    (step,) = found(series)
    assert step.ratio == pytest.approx(1.06, abs=0.003)
    assert step.low < step.ratio < step.high
    assert (step.before, step.after) == series.nights[SLOWER_AT - 1 : SLOWER_AT + 1]
    assert step.is_regression


@pytest.mark.parametrize(("after", "told"), [(4, 0), (6, 0), (9, 1)])
def test_a_step_is_told_once_five_nights_in_a_row_showed_it(after: int, told: int) -> None:
    assert len(found(made([1.0] * SLOWER_AT + [1.06] * after))) == told


def test_a_faster_step_is_no_regression() -> None:
    (step,) = found(made([1.0] * SLOWER_AT + [0.9] * 9))
    assert step.ratio < 1
    assert step.stands
    assert not step.is_regression


def test_a_step_that_was_undone_is_no_regression_any_more() -> None:
    slower, faster = found(made([1.0] * SLOWER_AT + [1.06] * 9 + [1.0] * 9))
    assert not slower.stands
    assert not slower.is_regression
    assert faster.ratio < 1


def test_half_of_a_step_that_is_left_is_still_one() -> None:
    slower, _ = found(made([1.0] * SLOWER_AT + [1.06] * 9 + [1.03] * 9))
    assert slower.is_regression


def test_a_step_of_one_and_the_same_file_is_not_the_models_doing() -> None:
    (step,) = found(made([1.0] * SLOWER_AT + [1.06] * 9, candidate_sha256="c" * 64))
    assert step.of_one_file
    assert not step.is_regression


def test_another_file_long_before_the_step_does_not_explain_it() -> None:
    series = made([0.9] * 10 + [1.0] * SLOWER_AT + [1.06] * 9, candidate_sha256="c" * 64)
    first = tuple(replace(night, candidate_sha256="d" * 64) for night in series.nights[:10])
    slower_twice = found(replace(series, nights=(*first, *series.nights[10:])))
    assert [step.of_one_file for step in slower_twice] == [False, True]


def test_a_later_series_tells_whether_a_step_still_stands() -> None:
    series = made([1.0] * SLOWER_AT + [1.06] * 9)
    for now, stands in ((log(1.05), True), (log(1.005), False)):
        (step,) = steps(series, now=now)
        assert step.is_regression == stands
