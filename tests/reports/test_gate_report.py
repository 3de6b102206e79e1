from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from support.gate_findings import (
    failed,
    gate,
    key,
    regressed,
    same,
    scored,
    timed,
    undecided,
    weighed,
)

from bench.core.errors import ConfigurationError
from bench.gate.verdict import (
    Axis,
    Finding,
    Interval,
    LatencyEvidence,
    Undecided,
    UndecidedReason,
    Verdict,
)


@pytest.mark.parametrize(
    ("low", "high"), [(1.2, 1.3), (0.9, 1.0), (None, 1.2), (1.0, None), (math.nan, 1.2)]
)
def test_an_interval_holds_its_estimate(low: float | None, high: float | None) -> None:
    with pytest.raises(ConfigurationError):
        Interval(value=1.1, low=low, high=high)


def test_an_estimate_is_a_number() -> None:
    with pytest.raises(ConfigurationError):
        Interval(value=math.inf)


def test_a_finding_that_cannot_be_is_refused_by_name() -> None:
    def latency(verdict: Verdict, **other: object) -> Finding:
        return Finding(
            model=key("tiny"), axis=Axis.LATENCY, verdict=verdict, margin=0.05,
            **other,  # type: ignore[arg-type]  # anything goes in, to be refused
        )  # fmt: skip

    one, none = LatencyEvidence(blocks=6, smallest_slowdown=0.03), LatencyEvidence(blocks=0)
    open_ = UndecidedReason.OPEN
    ratio = Interval(value=1.0)
    refused: list[tuple[Callable[[], Finding], str]] = [
        (lambda: latency(Verdict.SAME, evidence=one), "same needs a change"),
        (lambda: latency(Verdict.SAME, change=ratio), "needs its blocks"),
        (lambda: latency(Verdict.SAME, change=ratio, evidence=none), "smallest slowdown"),
        (lambda: latency(Verdict.NEW, change=ratio), "new compares nothing"),
        (lambda: latency(Verdict.UNDECIDED, evidence=none), "has a reason"),
        (lambda: latency(Verdict.UNDECIDED, evidence=one, reason=open_), "needs its blocks"),
        (lambda: latency(Verdict.FAILED), "needs its reason"),
        (lambda: same(margin=-0.1), "a margin is a share"),
        (lambda: weighed(Verdict.SAME, 0.0), "a ratio is above 0"),
    ]
    for make, problem in refused:
        with pytest.raises(ConfigurationError, match=problem):
            make()
    with pytest.raises(ConfigurationError, match=r"^large_w1\.0 int8 size: "):
        undecided(axis=Axis.SIZE)


def test_the_exit_code_says_what_the_findings_say() -> None:
    for findings, code in (
        ((same(),), 1),
        ((regressed(),), 0),
        ((regressed(),), 3),
        ((regressed(), failed()), 4),
        ((failed(),), 0),
        ((undecided(),), 5),
    ):
        with pytest.raises(ConfigurationError):
            gate(*findings, exit_code=code)
    with pytest.raises(ConfigurationError):
        gate(undecided(), undecided=Undecided.FAIL, exit_code=0)
    assert gate(regressed(), failed()).exit_code == 1
    assert gate(undecided(), undecided=Undecided.FAIL).exit_code == 5
    assert gate(undecided(), undecided=Undecided.FAIL, exit_code=3).exit_code == 3
    assert gate(regressed(), exit_code=130).exit_code == 130


def test_a_model_is_there_once_an_axis() -> None:
    gate(same(), weighed(Verdict.SAME, 1.0), scored(Verdict.SAME, 0.0, -0.01, 0.01))
    with pytest.raises(ConfigurationError, match=r"tiny_w0\.5 int8 latency is there twice"):
        gate(same(), timed("tiny_w0.5", Verdict.NEW))


def test_findings_are_listed_by_verdict_then_as_given() -> None:
    found = gate(same("b"), regressed("z"), same("a"), regressed("y"))
    listed = found.of(Verdict.SAME, Verdict.REGRESSED)
    assert [finding.model.name for finding in listed] == ["z", "y", "b", "a"]
