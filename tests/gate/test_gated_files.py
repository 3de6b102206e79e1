"""Sizes and accuracies of a gate's files."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.simulated import opened
from support.gate_logs import to_text

from bench.core.errors import ConfigurationError
from bench.core.score import Difference
from bench.gate.findings import exit_codes, findings_of
from bench.gate.log import Log, from_bytes
from bench.gate.records import Opened, Scored
from bench.gate.rule import AccuracyRule, Rule
from bench.gate.size_and_accuracy import accuracy_findings, accuracy_verdict, size_findings
from bench.gate.verdict import Undecided, Verdict

RULE = AccuracyRule()
SHARES = st.floats(-1, 1)


def difference(value: float, sd: float) -> Difference:
    return Difference(task="mean", value=value, low=value - 1.96 * sd, high=value + 1.96 * sd)


@pytest.mark.parametrize(
    ("value", "sd", "verdict"),
    [
        (0.0, 0.0, Verdict.SAME),  # the same answers
        (-0.004, 0.004, Verdict.SAME),
        (-0.015, 0.001, Verdict.SAME),  # by less than the margin, and visible
        (0.02, 0.004, Verdict.IMPROVED),
        (-0.04, 0.005, Verdict.REGRESSED),
        (-0.02, 0.0, Verdict.REGRESSED),  # the margin itself must not pass
        (-0.01, 0.02, Verdict.UNDECIDED),  # too few clips
    ],
)
def test_each_verdict_has_its_difference(value: float, sd: float, verdict: Verdict) -> None:
    assert accuracy_verdict(difference(value, sd), RULE, models=30) is verdict


@given(SHARES, SHARES, st.floats(0, 0.2))
def test_a_greater_loss_is_never_judged_better(value: float, other: float, sd: float) -> None:
    order = [Verdict.REGRESSED, Verdict.UNDECIDED, Verdict.SAME, Verdict.IMPROVED]
    worse, better = sorted((value, other))
    ranks = [
        order.index(accuracy_verdict(difference(each, sd), RULE, models=5))
        for each in (worse, better)
    ]
    assert ranks == sorted(ranks)


def test_the_promises_hold_on_normal_differences() -> None:
    rng = np.random.default_rng(1)
    for sd in (0.002, 0.005, 0.01):
        draws = rng.normal(0, sd, 20_000)
        wrong = sum(
            accuracy_verdict(difference(x - 0.02, sd), RULE, models=1) is Verdict.SAME
            for x in draws
        )
        assert wrong / len(draws) <= 0.055
        alarms = sum(
            accuracy_verdict(difference(x - 0.005, sd), RULE, models=1) is Verdict.REGRESSED
            for x in draws
        )
        assert alarms / len(draws) <= 0.012


def test_a_rule_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="tolerance < margin"):
        AccuracyRule(margin=0.01, tolerance=0.02)


def logged(opened_with: Opened, *entries: Scored) -> Log:
    return Log(opened=opened_with, entries=entries)


@pytest.mark.parametrize(
    ("sizes_bytes", "verdict"),
    [
        ((1000, 1000), Verdict.SAME),
        ((1000, 1009), Verdict.SAME),
        ((1000, 1010), Verdict.REGRESSED),  # the margin itself must not pass
        ((1000, 991), Verdict.SAME),
        ((1000, 990), Verdict.IMPROVED),
    ],
)
def test_a_size_is_judged_to_the_byte(sizes_bytes: tuple[int, int], verdict: Verdict) -> None:
    before, after = sizes_bytes
    start = opened(Rule(), models=1)
    pair = replace(start.models[0], baseline_bytes=before, candidate_bytes=after)
    (found,) = size_findings(logged(replace(start, models=(pair,), size_margin=0.01)))
    assert found.verdict is verdict
    assert found.change is not None
    assert found.change.value == after / before


def test_sizes_that_nobody_wrote_down_or_asked_for_are_not_logged() -> None:
    start = opened(Rule(), models=1)
    assert size_findings(logged(start)) == ()
    assert size_findings(logged(replace(start, size_margin=0.01))) == ()


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_a_file_that_did_not_change_its_size_never_regressed(size: int, margin: float) -> None:
    start = opened(Rule(), models=1)
    pair = replace(start.models[0], baseline_bytes=size, candidate_bytes=size)
    (found,) = size_findings(logged(replace(start, models=(pair,), size_margin=margin)))
    assert found.verdict is Verdict.SAME


def test_the_mean_of_the_tasks_is_what_is_logged() -> None:
    start = replace(opened(Rule(), models=2), accuracy=AccuracyRule())
    words = replace(difference(-0.3, 0.01), task="words")
    scored = Scored(
        model=start.models[1].model,
        task_set="default",
        task_set_sha256="0" * 64,
        runtime="litert 1",
        differences=(words, difference(-0.1, 0.01)),
    )
    log = logged(start, scored)
    (found,) = accuracy_findings(from_bytes(to_text(log).encode(), source="log"))
    assert found.verdict is Verdict.REGRESSED
    assert found.change is not None
    assert found.change.value == -0.1
    assert found.model == start.models[1].model
    assert found.why == ("words: −30.0 points (−32.0 to −28.0)",)
    assert exit_codes(log, findings_of(log), undecided=Undecided.WARN) == {1}


@pytest.mark.parametrize(
    ("models", "times", "said"), [((0,), 2, "twice"), ((5,), 1, "not in the first line")]
)
def test_a_score_belongs_to_one_model_of_the_gate(
    models: tuple[int, ...], times: int, said: str
) -> None:
    start = opened(Rule(), models=6)
    log = logged(replace(start, models=start.models[:2]))
    scored = Scored(
        model=start.models[models[0]].model,
        task_set="default",
        task_set_sha256="0" * 64,
        runtime="litert 1",
        differences=(difference(0, 0.01),),
    )
    with pytest.raises(ConfigurationError, match=said):
        for _ in range(times):
            log = log.then(scored)
