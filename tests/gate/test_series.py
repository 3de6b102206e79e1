from dataclasses import replace
from math import log

import numpy as np
import pytest
from lab.noise import PROFILES
from lab.simulated import block, gates, logged, opened
from support.nightly_runs import HERE, on

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.gate.findings import latency_findings
from bench.gate.history.series import (
    PINNED,
    Environment,
    environment_of,
    nightly_runs,
    series,
)
from bench.gate.log import Log
from bench.gate.records import Block, ModelFailed
from bench.gate.rule import Rule
from bench.gate.verdict import ModelKey, Verdict


def blocks(model: ModelKey, *, candidate_us: float) -> tuple[Block, ...]:
    return tuple(
        block(model, n, candidate_first=n % 2 == 0, baseline_us=1000, candidate_us=candidate_us)
        for n in range(6)
    )


def dated(gate: Log) -> Log:
    """Returns a simulated gate's log with a time and a revision."""
    changed = replace(gate.opened, started_at="2026-05-01T03:00:00+00:00", revision="r1")
    return replace(gate, opened=changed)


def test_runs_of_one_environment_are_one_series_in_the_order_of_time() -> None:
    # Noon in Tokyo is before four in the morning, UTC.
    early = on(2, started_at="2026-05-02T12:00:00+09:00", ratio=1.02)
    late = on(3, started_at="2026-05-02T04:00:00+00:00", ratio=1.03)
    (found,) = series([late, on(9), early])
    assert found.runs == (early, late, on(9))
    assert found.changed == ()
    assert [run.ratio.value for run in found.runs] == pytest.approx([1.02, 1.03, 1.01])
    assert series([]) == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device_unit", "another"), ("fingerprint", "build 2"), ("runtime", "LiteRT 2.4"),
        ("tool_sha256", "d" * 64), ("delegate", "none"), ("threads", "2"), ("cores", "all"),
        ("statistic", "least CPU time"), ("processor", "GS101, 4 cores"), ("clocks", "held"),
        ("anchor_tool_sha256", "e" * 64),
    ],
)  # fmt: skip
def test_another_environment_is_another_series_that_names_what_changed(
    field: str, value: str
) -> None:
    there = replace(HERE, **{field: value})
    first, second = series([on(1), on(2), on(3, there), on(4, there)])
    assert [len(first.runs), len(second.runs)] == [2, 2]
    assert (first.changed, second.changed) == ((), (field,))


def test_another_pinned_baseline_is_another_series_and_all_that_changed_is_named() -> None:
    there = replace(HERE, runtime="LiteRT 2.4", fingerprint="build 2")
    _, second = series([on(1), on(2, there, baseline_sha256="e" * 64)])
    assert second.changed == ("fingerprint", "runtime", PINNED)


def test_a_series_continues_when_its_environment_comes_back() -> None:
    failed = replace(HERE, delegate="none")
    first, second = series([on(1), on(2, failed), on(3)])
    assert first.runs == (on(1), on(3))
    assert second.runs == (on(2, failed),)
    other = replace(HERE, device_unit="two")
    taking_turns = [on(day, other if day % 2 else HERE) for day in range(1, 21)]
    assert [len(each.runs) for each in series(taking_turns)] == [10, 10]


@pytest.mark.parametrize("started_at", ["2026-05-02T03:00:00", "yesterday"])
def test_a_run_without_its_moment_is_refused(started_at: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a time") as error:
        on(2, started_at=started_at)
    assert error.value.hint


def test_a_gate_against_the_pinned_baseline_is_a_run_of_each_model() -> None:
    first = opened(Rule(), models=2)
    _, there = first.models
    gate = dated(Log(opened=first, entries=blocks(there.model, candidate_us=1030)))
    (found,) = nightly_runs(gate)
    assert found.finding == latency_findings(gate)[1]
    assert found.ratio == found.finding.change
    assert found.log_ratio == pytest.approx(log(1.03))
    assert (found.session_id, found.name) == (first.session_id, "r1")
    assert found.candidate_us == pytest.approx(1030)
    assert found.baseline_us == pytest.approx(1000)
    assert replace(found, revision="").name == f"file {there.candidate_sha256[:12]}"


def test_a_model_that_failed_in_the_middle_has_no_run() -> None:
    first = opened(Rule(), models=1)
    (pair,) = first.models
    failed = ModelFailed(model=pair.model, reason="candidate: no memory")
    gate = Log(opened=first, entries=(*blocks(pair.model, candidate_us=1030), failed))
    assert nightly_runs(dated(gate)) == ()


def test_a_ratio_without_an_interval_is_a_caveat() -> None:
    assert [each.kind for each in on(1).caveats] == [CaveatKind.FEW_PROCESSES]
    assert on(1, low=1.0, high=1.02).caveats == ()


def test_the_environment_is_that_of_device_and_pair() -> None:
    first = opened(Rule(processes_per_side=3), models=1)
    device = replace(first.device, serial="one", cpu="GS101")
    (pair,) = first.models
    observed = replace(pair.observed, runtime="ai-edge-litert 2.1.6", baseline_tool_sha256="f" * 64)
    held = (Caveat(kind=CaveatKind.FIXED_PERFORMANCE), Caveat(kind=CaveatKind.VIRTUAL))
    found = environment_of(
        replace(first, device=device), replace(pair, observed=observed, caveats=held)
    )
    assert found == Environment(
        device_unit="one", processor="GS101, 8 cores", fingerprint="build 1",
        runtime="ai-edge-litert 2.1.6", tool_sha256="1" * 64, anchor_tool_sha256="f" * 64,
        delegate="xnnpack", threads="1", cores="f0", clocks="held",
        statistic="median wall time, fastest of 3 processes",
    )  # fmt: skip
    machine = replace(first, device=replace(first.device, name="desk"))
    assert environment_of(machine, pair).device_unit == "desk"


def test_a_comparison_of_ways_to_measure_is_not_a_nightly_run() -> None:
    first = replace(opened(Rule(), models=1), sides=("threads=1", "threads=2"))
    with pytest.raises(ConfigurationError, match="ways to measure one file"):
        nightly_runs(dated(Log(opened=first)))


def test_a_log_without_its_time_has_no_run() -> None:
    first = opened(Rule(), models=1)
    gate = Log(opened=first, entries=blocks(first.models[0].model, candidate_us=1030))
    with pytest.raises(ConfigurationError, match="has no start time"):
        nightly_runs(gate)


def test_ten_steps_of_one_per_cent_each_pass_and_their_sum_does_not() -> None:
    rng = np.random.default_rng(20261122)

    def verdict(slowdown: float) -> Verdict:
        """Returns the verdict of a gate of one model on a phone."""
        found = gates(rng, PROFILES["phone"], 1, slowdown=slowdown, rule=Rule(), models=1)
        log = logged(rng, found.log_ratios[:, : int(found.blocks[0])], Rule())
        (run,) = nightly_runs(dated(log))
        return run.finding.verdict

    steps, sums = [], []
    for step in range(1, 11):
        steps.append(verdict(0.01))
        sums.append(verdict(1.01**step - 1))
    assert set(steps) == {Verdict.SAME}
    assert sums[0] is Verdict.SAME
    assert sums[-1] is Verdict.REGRESSED
    assert sums.index(Verdict.REGRESSED) < 7
