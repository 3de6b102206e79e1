import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab.simulated import block, logged, opened, student
from support.gate_logs import to_text

from bench.core import config
from bench.gate.decision import Outcome, block_sd, decide, smallest_slowdown
from bench.gate.findings import exit_codes, findings_of, is_open, latency_findings, log_ratio
from bench.gate.log import Log, from_bytes
from bench.gate.records import Block, Closed, CloseReason, Discarded, Entry, Lost, Process, Resumed
from bench.gate.rule import Rule
from bench.gate.verdict import Axis, Finding, LatencyEvidence, Undecided, Verdict

US = st.floats(1, 1e7)


def gate(
    *slowdowns: float,
    blocks: int = 60,
    noise: float = 0.02,
    seed: int = 0,
    rule: Rule | None = None,
) -> Log:
    """Returns a log of models that are so much slower, measured to the end whatever they show."""
    rng = np.random.default_rng(seed)
    middle = np.log1p(np.array(slowdowns))[:, None]
    return logged(rng, middle + rng.normal(0, noise, (len(slowdowns), blocks)), rule or Rule())


def only(log: Log) -> Finding:
    (found,) = latency_findings(log)
    return found


def evidence(finding: Finding) -> LatencyEvidence:
    assert finding.evidence is not None
    return finding.evidence


def decisions(log: Log) -> dict[str, tuple[object, ...]]:
    """Returns the decision about each model, without its figures."""
    return {
        str(each.model): (
            each.verdict, each.reason, evidence(each).analysis, evidence(each).blocks,
        )
        for each in latency_findings(log)
    }  # fmt: skip


def test_each_verdict_has_its_log() -> None:
    log = gate(0.0, 0.10, -0.10, 0.03, noise=0.012)
    same, slower, faster, between = decisions(log).values()
    assert same == (Verdict.SAME, None, 1, 6)
    assert slower == (Verdict.REGRESSED, None, 4, 15)
    assert faster == (Verdict.IMPROVED, None, 1, 6)
    assert between[0] is Verdict.SAME  # by less than the margin, and visible
    ratio = latency_findings(log)[1].change
    assert ratio is not None
    assert ratio.value == pytest.approx(1.10, abs=0.01)
    assert ratio.low is not None
    assert ratio.high is not None
    assert 1.05 < ratio.low < ratio.value < ratio.high < 1.15


def test_a_gate_cut_off_is_undecided_for_the_reason_that_ended_it() -> None:
    log = gate(0.10, 0.10, blocks=7)
    assert {each.reason for each in latency_findings(log)} == {"open"}
    for reason in set(CloseReason) - {CloseReason.DECIDED}:
        closed = latency_findings(log.then(Closed(reason=reason)))
        assert {each.reason for each in closed} == {reason.value}
        assert {evidence(each).analysis for each in closed} == {None}


def test_a_gate_without_blocks_says_nothing() -> None:
    (found,) = latency_findings(Log(opened=opened(Rule(), models=1)))
    assert (found.verdict, found.reason, found.change) == (Verdict.UNDECIDED, "open", None)
    assert evidence(found) == LatencyEvidence(blocks=0)


def test_below_six_blocks_there_is_an_estimate_and_no_interval() -> None:
    (found,) = latency_findings(gate(0.0, blocks=5))
    assert found.change is not None
    assert found.change.low is found.change.high is None


def test_a_side_is_its_fastest_process_and_its_95th_percentile_the_slowest_ones() -> None:
    def side(first: int, *values_us: float) -> tuple[Process, ...]:
        return tuple(
            Process(
                value_us=value_us,
                min_us=value_us - 1,
                p95_us=2 * value_us,
                position=first + 2 * n,
                invocation=n,
            )
            for n, value_us in enumerate(values_us)
        )

    one = Block(
        model=student(0),
        index=0,
        candidate_first=False,
        baseline=side(0, 110, 100, 130),
        candidate=side(1, 140, 121, 120),
    )
    log = Log(opened=opened(Rule(processes_per_side=3), models=1), entries=(one,))
    (found,) = latency_findings(log)
    least, highest = evidence(found).min_ratio, evidence(found).p95_ratio
    assert found.change is not None
    assert least is not None
    assert highest is not None
    assert found.change.value == pytest.approx(120 / 100)
    assert least.value == pytest.approx(119 / 99)
    assert highest.value == pytest.approx(280 / 260)
    unknown = replace(one, baseline=(replace(one.baseline[0], p95_us=None), *one.baseline[1:]))
    (found,) = latency_findings(replace(log, entries=(unknown,)))
    assert evidence(found).p95_ratio is None


def test_discarded_blocks_are_counted_by_code() -> None:
    log = Log(opened=opened(Rule(), models=1))
    for index, reasons in enumerate([("hot: 61 C",), ("busy", "hot: 60 C"), ("hot: a", "hot: b")]):
        log = log.then(
            Discarded(model=student(0), index=index, candidate_first=True, reasons=reasons)
        )
    (found,) = latency_findings(log)
    assert evidence(found).discarded == (("busy", 1), ("hot", 3))


def test_the_smallest_slowdown_by_hand() -> None:
    # Deviations from the median 0.00: .01 .02 .00 .01 .03; their median .01.
    ratios = np.array([-0.01, 0.02, 0.0, 0.01, -0.03])
    assert block_sd(ratios) == pytest.approx(0.014826)
    # z(1 - .01 / 30) = 3.4029, z(.95) = 1.6449; 5.0478 * 1.05 * .014826 / sqrt(5) = .035142.
    found = float(smallest_slowdown(ratios, Rule(), models=30))
    assert found == pytest.approx(math.exp(math.log(1.01) + 0.035142) - 1, abs=2e-6)
    more = float(smallest_slowdown(ratios, Rule(), models=30, blocks=20))
    assert more == pytest.approx(math.exp(math.log(1.01) + 0.017571) - 1, abs=2e-6)


@given(US, US, st.booleans())
def test_flipping_a_coin_with_the_sides_swapped_flips_the_sign_exactly(
    baseline_us: float, candidate_us: float, candidate_first: bool
) -> None:
    one = block(
        student(0),
        0,
        candidate_first=candidate_first,
        baseline_us=baseline_us,
        candidate_us=candidate_us,
    )
    flipped = replace(
        one,
        candidate_first=not candidate_first,
        baseline=one.candidate,
        candidate=one.baseline,
    )
    assert log_ratio(flipped) == -log_ratio(one)


def scaled(log: Log, factor: float) -> Log:
    def times(process: Process) -> Process:
        return replace(
            process,
            value_us=factor * process.value_us,
            min_us=process.min_us and factor * process.min_us,
            p95_us=process.p95_us and factor * process.p95_us,
        )

    def entry(each: Entry) -> Entry:
        if not isinstance(each, Block):
            return each
        return replace(
            each,
            baseline=tuple(map(times, each.baseline)),
            candidate=tuple(map(times, each.candidate)),
        )

    return replace(log, entries=tuple(map(entry, log.entries)))


# Whole microseconds and few of them, so that ratios tie: rounding must not break a tie.
SHORT_US = st.integers(100, 104)


@given(
    st.lists(st.tuples(SHORT_US, SHORT_US), min_size=6, max_size=30),
    st.sampled_from([1000.0, 0.001, 3.7]),
)
def test_verdicts_have_no_unit(pairs: list[tuple[int, int]], factor: float) -> None:
    log = Log(opened=opened(Rule(tolerance=0.0), models=1))
    for index, (baseline_us, candidate_us) in enumerate(pairs):
        log = log.then(
            block(
                student(0),
                index,
                candidate_first=True,
                baseline_us=baseline_us,
                candidate_us=candidate_us,
            )
        )
    assert decisions(log) == decisions(scaled(log, factor))
    first, second = (latency_findings(each)[0].change for each in (log, scaled(log, factor)))
    assert first is not None
    assert second is not None
    assert first.value == pytest.approx(second.value)


@settings(max_examples=40)
@given(st.permutations(range(4)), st.integers(0, 50))
def test_verdicts_do_not_depend_on_the_order_of_the_models(order: list[int], seed: int) -> None:
    log = gate(0.0, 0.05, 0.10, -0.03, blocks=26, noise=0.03, seed=seed)
    models = tuple(log.opened.models[n] for n in order)
    by_model = sorted(log.entries, key=lambda each: order.index(int(each.model.name[7:9])))  # type: ignore[union-attr]  # all blocks
    shuffled = Log(opened=replace(log.opened, models=models), entries=tuple(by_model))
    found = latency_findings(shuffled)
    assert [each.model for each in found] == [pair.model for pair in models]
    assert sorted(found, key=lambda each: each.model) == sorted(
        latency_findings(log), key=lambda each: each.model
    )


@settings(max_examples=40)
@given(st.lists(st.integers(0, 52), max_size=5), st.integers(0, 50))
def test_a_lost_device_and_a_resumed_gate_change_no_verdict(places: list[int], seed: int) -> None:
    log = gate(0.0, 0.06, blocks=26, noise=0.03, seed=seed)
    entries = list(log.entries)
    for place in places:
        entries[place:place] = [Lost(reason="cable"), Resumed(session_id="s")]
    marked = replace(log, entries=tuple(entries))
    assert decisions(marked) == decisions(log)


@settings(max_examples=40)
@given(st.integers(0, 68), st.integers(0, 50))
def test_what_a_prefix_decided_stays_decided(kept: int, seed: int) -> None:
    log = gate(0.05, 0.02, blocks=34, noise=0.03, seed=seed)
    early, late = latency_findings(replace(log, entries=log.entries[:kept])), latency_findings(log)
    for before, after in zip(early, late, strict=True):
        if evidence(before).analysis is not None:
            assert before == after


def test_a_replay_says_the_same_of_the_same_bytes() -> None:
    log = gate(0.0, 0.04, 0.10)
    text = to_text(log)
    again = from_bytes(text.encode(), source="log")
    assert to_text(again) == text
    assert findings_of(again) == findings_of(log)
    assert list(map(config.to_json, findings_of(again))) == list(
        map(config.to_json, findings_of(log))
    )


def test_false_alarms_are_divided_among_the_models_that_were_opened() -> None:
    rule = Rule()
    ratios = np.log(np.full((1, 15), 1.2))
    ratios[0, 0] = np.log(1.009)  # the smallest size, rank 1: P = 2 / 2^15
    (alone, _), (among_thirty, _) = (decide(ratios, rule, models=models) for models in (1, 30))
    assert Outcome(int(alone[0])) is Outcome.REGRESSED
    assert Outcome(int(among_thirty[0])) is Outcome.OPEN


@pytest.mark.evidence
def test_thirty_models_of_sixty_blocks_are_judged_in_half_a_second() -> None:
    log = gate(*[0.04] * 30, noise=0.1)
    started_s = time.process_time()
    found = latency_findings(log)
    assert time.process_time() - started_s < 0.5
    assert len(found) == 30


def timed_out(log: Log) -> Log:
    return log.then(Closed(reason=CloseReason.OUT_OF_TIME))


def test_a_slow_model_is_red_after_eight_blocks_and_no_sooner() -> None:
    for blocks, verdict in ((7, Verdict.UNDECIDED), (8, Verdict.REGRESSED)):
        log = gate(0.37, blocks=blocks, rule=Rule().for_models(1))
        assert [each.verdict for each in latency_findings(log)] == [verdict]


def test_when_time_is_up_a_slow_model_is_red_if_the_promise_covers_it() -> None:
    rule = Rule().for_models(1)
    log = gate(0.37, blocks=7, rule=rule)
    assert only(timed_out(log)).verdict is Verdict.UNDECIDED  # 2^-7 is above half of 1 %
    mixed = logged(np.random.default_rng(0), np.array([[-0.1, *[0.3] * 9]]), rule)
    assert only(mixed).verdict is Verdict.UNDECIDED
    found = only(timed_out(mixed))
    assert found.verdict is Verdict.REGRESSED
    assert (evidence(found).blocks, evidence(found).analysis) == (10, None)
    # By the rule of older logs nothing is decided there.
    old = timed_out(logged(np.random.default_rng(0), np.array([[-0.1, *[0.3] * 9]]), Rule()))
    assert only(old).verdict is Verdict.UNDECIDED


def test_a_gate_that_is_resumed_after_its_time_has_less_to_spend() -> None:
    rule = Rule().for_models(1)
    ratios = np.array([[-0.1, -0.1, *[0.3] * 13]])
    at_once = logged(np.random.default_rng(0), ratios, rule)
    assert only(at_once).verdict is Verdict.REGRESSED
    parts = at_once.entries
    log = Log(opened=at_once.opened)
    for limit in (7, 8, 9):
        for entry in (*parts[len(log.blocks(student(0))) : limit],
                      Closed(reason=CloseReason.OUT_OF_TIME), Resumed(session_id="s")):  # fmt: skip
            log = log.then(entry)
    assert log.standings.of[student(0)].time_limits == (7, 8, 9)
    for entry in parts[9:]:
        log = log.then(entry)
    assert only(log).verdict is Verdict.UNDECIDED


def test_an_undecided_model_above_the_margin_seems_slower_and_names_the_blocks_missing() -> None:
    log = gate(0.37, 0.0, blocks=7, noise=0.01, rule=Rule().for_models(2))
    slower, same = latency_findings(log)
    assert slower.seems_slower
    assert evidence(slower).blocks_missing == 2  # of nine that two models need
    assert same.verdict is Verdict.SAME
    assert not same.seems_slower
    assert evidence(same).blocks_missing is None
    codes = {
        undecided: exit_codes(log, latency_findings(log), undecided=undecided)
        for undecided in Undecided
    }
    assert codes == {Undecided.WARN: {0}, Undecided.SLOWER: {5}, Undecided.FAIL: {5}}
    unknown = gate(0.03, blocks=7, noise=0.05, rule=Rule().for_models(1))
    assert exit_codes(unknown, latency_findings(unknown), undecided=Undecided.SLOWER) == {0}
    assert exit_codes(unknown, latency_findings(unknown), undecided=Undecided.FAIL) == {5}


def with_memory(log: Log, baseline_mb: float | None, candidate_mb: float | None) -> Log:
    """Returns the log with the peak memory of each side's processes."""

    def entry(each: Entry) -> Entry:
        if not isinstance(each, Block):
            return each
        sides = {
            name: tuple(replace(process, peak_mb=peak_mb) for process in getattr(each, name))
            for name, peak_mb in (("baseline", baseline_mb), ("candidate", candidate_mb))
        }
        return replace(each, **sides)

    return replace(log, entries=tuple(map(entry, log.entries)))


@pytest.mark.parametrize(
    ("blocks", "baseline_mb", "candidate_mb", "verdict"),
    [
        (9, 10.0, 12.0, "regressed"),  # two tests, so nine blocks
        (8, 10.0, 12.0, "undecided: open"),
        (6, 10.0, 10.0, "same"),
        (6, 10.0, 9.0, "improved"),
        (6, None, 10.0, "undecided: not-reported"),
    ],
)
def test_peak_memory_is_compared_by_the_rule_of_latencies_with_its_own_margin(
    blocks: int, baseline_mb: float | None, candidate_mb: float | None, verdict: str
) -> None:
    rule = Rule().for_models(2)
    log = gate(0.0, blocks=blocks, noise=0.005, rule=rule)
    log = replace(log, opened=replace(log.opened, margins={Axis.MEMORY: 0.10}))
    log = with_memory(log, baseline_mb, candidate_mb)
    (latency, memory) = findings_of(log)
    assert latency.verdict is Verdict.SAME
    assert (memory.axis, memory.margin) == (Axis.MEMORY, 0.10)
    assert f"{memory.verdict}{f': {memory.reason}' if memory.reason else ''}" == verdict
    # A quantity that no process shows keeps no gate open.
    assert is_open(log, student(0)) == (verdict == "undecided: open")
    assert from_bytes(to_text(log).encode(), source="log") == log
