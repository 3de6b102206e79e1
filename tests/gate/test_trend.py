from dataclasses import replace
from math import log
from typing import Any

import pytest
from support.nightly_runs import HERE, on

from bench.gate.history.series import NightlyRun, series
from bench.gate.history.trend import Step, Trend, steps_of, trend
from bench.gate.verdict import Verdict

SLOWER_AT = 10
_NOISE = (0.001, -0.002, 0.0015, -0.0005, 0.0)


def runs(ratios: list[float], **changed: Any) -> list[NightlyRun]:
    return [
        on(
            1 + number,
            ratio=ratio * (1 + _NOISE[number % len(_NOISE)]),
            **{"candidate_sha256": f"{number:064x}", **changed},
        )
        for number, ratio in enumerate(ratios)
    ]


def of(found: list[NightlyRun]) -> Trend:
    return trend("Pixel 6", series(found))


def steps(ratios: list[float], **changed: Any) -> tuple[Step, ...]:
    return of(runs(ratios, **changed)).steps


def test_a_settled_slower_step_is_a_regression_between_two_runs() -> None:
    measured = runs([1.0] * SLOWER_AT + [1.06] * 9)
    (step,) = of(measured).steps
    assert step.ratio.value == pytest.approx(1.06, abs=0.003)
    assert step.ratio.low is not None
    assert [step.before, step.after] == measured[SLOWER_AT - 1 : SLOWER_AT + 1]
    assert step.is_regression
    assert of(measured).is_regressed
    assert step.why_not == ""


@pytest.mark.parametrize(("after", "known"), [(4, 0), (6, 0), (9, 1)])
def test_a_step_is_reported_once_five_runs_in_a_row_showed_it(after: int, known: int) -> None:
    assert len(steps([1.0] * SLOWER_AT + [1.06] * after)) == known


def test_a_faster_step_is_not_a_regression() -> None:
    (step,) = steps([1.0] * SLOWER_AT + [0.9] * 9)
    assert step.ratio.value < 1
    assert step.persists
    assert not step.is_regression


def test_a_step_that_was_undone_is_no_longer_a_regression() -> None:
    slower, faster = steps([1.0] * SLOWER_AT + [1.06] * 9 + [1.0] * 9)
    assert not slower.persists
    assert not slower.is_regression
    assert slower.why_not == "undone since"
    assert faster.ratio.value < 1


def test_half_of_a_step_that_is_left_is_still_one() -> None:
    slower, _ = steps([1.0] * SLOWER_AT + [1.06] * 9 + [1.03] * 9)
    assert slower.is_regression


def test_a_step_of_one_and_the_same_file_is_not_caused_by_the_model() -> None:
    (step,) = steps([1.0] * SLOWER_AT + [1.06] * 9, candidate_sha256="c" * 64)
    assert step.of_one_file
    assert not step.is_regression
    assert step.why_not.startswith("the same file before and after")


def test_another_file_long_before_the_step_does_not_explain_it() -> None:
    measured = runs([0.9] * 10 + [1.0] * SLOWER_AT + [1.06] * 9, candidate_sha256="c" * 64)
    measured[:10] = [
        replace(run, finding=replace(run.finding, candidate_sha256="d" * 64))
        for run in measured[:10]
    ]
    assert [step.of_one_file for step in of(measured).steps] == [False, True]


def test_a_later_series_decides_whether_a_step_still_stands() -> None:
    (only,) = series(runs([1.0] * SLOWER_AT + [1.06] * 9))
    for level, persists in ((log(1.05), True), (log(1.005), False)):
        (step,) = steps_of(only, level=level)
        assert step.is_regression == persists


@pytest.mark.parametrize(
    ("verdict", "candidate_sha256", "has_drifted"),
    [
        (Verdict.SAME, "c" * 64, False),
        (Verdict.REGRESSED, "c" * 64, True),
        (Verdict.REGRESSED, "b" * 64, False),  # the pinned baseline's own file
    ],
)
def test_drift_is_the_verdict_on_the_last_run_alone(
    verdict: Verdict, candidate_sha256: str, has_drifted: bool
) -> None:
    last = on(3, verdict=verdict, candidate_sha256=candidate_sha256)
    found = of([on(1, verdict=Verdict.REGRESSED), on(2), last])
    assert found.last == last
    assert found.has_drifted == found.is_regressed == has_drifted


def test_a_new_series_names_what_changed_from_the_run_before() -> None:
    updated = replace(HERE, fingerprint="build 2")
    (change,) = of([on(1), on(2), on(3, updated)]).changes
    assert (change.field, change.before, change.after) == ("fingerprint", "build 1", "build 2")
    (repinned,) = of([on(1), on(2, baseline_sha256="e" * 64)]).changes
    assert (repinned.before, repinned.after) == ("b" * 64, "e" * 64)
