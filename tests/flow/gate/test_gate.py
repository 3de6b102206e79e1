import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.gate_logs import to_text
from support.gate_machine import (
    HASTY,
    Machine,
    crashed,
    lost_once,
    planned,
    raising,
    waited,
)

from bench.core.errors import (
    ConfigurationError,
    DeviceError,
    InfrastructureError,
    RebootedError,
    UnfitError,
)
from bench.flow.device.host import HostDevice
from bench.flow.device.sweep import Sweep
from bench.flow.gate.gate import Gate, log_of
from bench.flow.gate.log_file import read
from bench.flow.gate.run_blocks import statistic_of
from bench.flow.report.stored import newest_results
from bench.gate.findings import exit_codes, findings_of, latency_findings
from bench.gate.log import Log
from bench.gate.records import (
    Block,
    Closed,
    CloseReason,
    Discarded,
    Explained,
    Lost,
    ModelFailed,
    Resumed,
    Statistic,
)
from bench.gate.rule import Rule
from bench.gate.schedule import candidate_first
from bench.gate.verdict import Finding, LatencyEvidence, Undecided, UndecidedReason, Verdict
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.host import Execution, Tool


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "gate.db") as opened:
        yield opened


def gated(gate: Gate, sweep: Sweep, store: Store, run: Machine | None) -> Log:
    """Returns the log of a gate that ended by itself."""
    session = gate.open_session(sweep, store)
    gate.measure(sweep, session, store, run or HostDevice(sweep))
    return read(log_of(store, session))


def newest(store: Store) -> Session:
    return store.sessions()[-1]


def only(log: Log) -> Finding:
    (found,) = latency_findings(log)
    return found


def evidence(log: Log) -> LatencyEvidence:
    found = only(log).evidence
    assert found is not None
    return found


def codes_of(log: Log, *, undecided: Undecided = Undecided.WARN) -> set[int]:
    return exit_codes(log, findings_of(log), undecided=undecided)


def of(log: Log, *kinds: type) -> list[object]:
    return [each for each in log.entries if isinstance(each, kinds)]


def blocks(log: Log) -> list[Block]:
    return [each for each in log.entries if isinstance(each, Block)]


# Verdicts and what they rest on.


def test_real_processes_are_compared_by_the_cpu_time_that_their_logs_hold(
    store: Store, tmp_path: Path
) -> None:
    gate, sweep = planned(tmp_path, "tiny")
    (pair,) = gate.comparison.pairs
    itself = replace(gate.comparison, pairs=(replace(pair, candidate=pair.baseline),))
    gate = replace(gate, comparison=itself, rule=HASTY)
    log = gated(gate, sweep, store, None)
    assert log.closed is CloseReason.DECIDED
    assert log.opened.models[0].observed.statistic == Statistic.CPU
    found = store.invocations(newest(store).id)
    assert len({(each.case.key, each.ordinal) for each in found}) == len(found)
    first = blocks(log)[0].baseline[0]
    (stored,) = (each for each in found if each.id == first.invocation)
    assert first.value_us == min(json.loads(stored.stdout)["cpu_us"])


def test_a_tenth_slower_is_red_and_its_neighbours_are_green(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one", "two", "three")
    machine.slower[gate.comparison.pairs[1].candidate.sha256] = 0.10
    log = gated(gate, sweep, store, machine)
    assert {str(each.model): each.verdict.value for each in latency_findings(log)} == {
        "one float32": "same", "two float32": "regressed", "three float32": "same",
    }  # fmt: skip
    assert codes_of(log, undecided=Undecided.FAIL) == {1}
    (why,) = (each for each in log.entries if isinstance(each, Explained))
    assert str(why.model) == "two float32"
    assert why.candidate.layers == why.baseline.layers != ()
    assert why.candidate.init_us is not None
    assert newest_results(store) == []  # no report joins numbers of old revisions
    assert [str(each.model) for each in blocks(log)[:4]] == [
        "one float32", "two float32", "three float32", "one float32",
    ]  # fmt: skip


def test_each_block_is_in_the_order_of_its_coin_after_a_warm_up_process_per_side(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one")
    log = gated(gate, sweep, store, machine)
    (pair,) = gate.comparison.pairs
    ran = [case.artifact_sha256 == pair.candidate.sha256 for case in machine.ran]
    assert ran[:2] == [False, True]
    for index, block in enumerate(blocks(log)):
        assert block.candidate_first == candidate_first(log.opened.seed, block.model, index)
        assert ran[2 + 2 * index : 4 + 2 * index] == [
            block.candidate_first,
            not block.candidate_first,
        ]
    assert len(store.events(newest(store).id, kind="throw-away")) == 2
    assert len(store.invocations()) == 2 * len(blocks(log)) == 12


def test_three_processes_per_side_alternate(store: Store, tmp_path: Path, machine: Machine) -> None:
    gate, sweep = planned(tmp_path, "one", rule=Rule(processes_per_side=3))
    for block in blocks(gated(gate, sweep, store, machine)):
        sides = sorted((block.candidate, block.baseline), key=lambda side: side[0].position)
        assert [[each.position for each in side] for side in sides] == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize(("threads", "statistic"), [(1, Statistic.CPU), (2, Statistic.WALL)])
def test_cpu_time_is_compared_where_it_is_the_whole_cost(
    store: Store, tmp_path: Path, machine: Machine, threads: int, statistic: Statistic
) -> None:
    gate, sweep = planned(tmp_path, "one", threads=threads)
    assert {statistic_of(case) for case in sweep.cases} == {statistic}
    log = gated(gate, sweep, store, machine)
    assert log.opened.models[0].observed.statistic == statistic
    ((value_us, stored),) = (
        (block.baseline[0].value_us, each.outcome)
        for block in blocks(log)[:1]
        for each in store.invocations()
        if each.id == block.baseline[0].invocation
    )
    assert stored is not None
    told = sorted(stored.cpu_us if statistic is Statistic.CPU else stored.inference_us)  # type: ignore[union-attr, arg-type]  # it was measured
    assert value_us == told[0 if statistic is Statistic.CPU else 1]


# What spoils, fails and ends.


def test_a_guard_breach_on_either_side_discards_the_whole_block_whatever_its_latency(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one", threads=2)
    machine.slower[gate.comparison.pairs[0].candidate.sha256] = 0.10
    spoilt = {2: waited, 6: waited, 9: waited}
    machine.happens |= spoilt
    log = gated(gate, sweep, store, machine)
    slow = Machine(machine.real, slower=machine.slower, happens=machine.happens, times=7.0)
    other = gated(replace(gate, seed=log.opened.seed), sweep, store, slow)
    lost = of(log, Discarded)
    assert len(lost) == 3
    assert lost == of(other, Discarded)  # though all is seven times slower
    for each in lost:
        assert isinstance(each, Discarded)
        assert [reason.partition(":")[0] for reason in each.reasons] == ["core-stolen"]
    found = only(log)
    assert found.verdict is Verdict.REGRESSED
    assert evidence(log).discarded == (("core-stolen", 3),)
    assert [entry.index for entry in log.entries if isinstance(entry, Block | Discarded)] == [
        *range(evidence(log).blocks + 3)
    ]


def test_cpu_time_has_no_guards(store: Store, tmp_path: Path, machine: Machine) -> None:
    gate, sweep = planned(tmp_path, "one")
    machine.happens |= dict.fromkeys(range(40), waited)
    log = gated(gate, sweep, store, machine)
    assert not of(log, Discarded)
    assert only(log).verdict is Verdict.SAME


def test_an_unstable_environment_ends_the_gate_as_unfit(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one", threads=2)
    machine.happens |= dict.fromkeys(range(200), waited)
    log = gated(gate, sweep, store, machine)
    assert log.closed is CloseReason.ENVIRONMENT
    assert codes_of(log) == {4}
    assert gate.open_session(sweep, store).id != log.opened.session_id  # it is not continued


def test_a_process_that_fails_ends_its_model_and_is_no_regression(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one", "two")
    machine.happens[2] = crashed
    log = gated(gate, sweep, store, machine)
    one, two = latency_findings(log)
    assert one.verdict is Verdict.FAILED
    (failure,) = one.why
    assert failure.split(": ")[1] in ("crashed", "killed", "no-output", "not-a-benchmark")
    assert failure.startswith(("baseline: ", "candidate: "))
    assert two.verdict is Verdict.SAME
    assert len(of(log, ModelFailed)) == 1
    assert log.closed is CloseReason.DECIDED
    assert codes_of(log, undecided=Undecided.FAIL) == {4}


def test_a_device_that_came_back_costs_the_block_in_which_it_was_lost(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one")
    machine.happens |= {1: lost_once, 5: lost_once}  # in a warm-up, without effect, and in
    log = gated(gate, sweep, store, machine)  # the second block
    kinds = [type(each) for each in log.entries[1:5]]
    assert kinds == [Lost, Resumed, Discarded, Block]
    assert evidence(log).discarded == (("device-lost", 1),)
    assert only(log).verdict is Verdict.SAME


@pytest.mark.parametrize(
    ("error", "reason", "codes"),
    [
        (DeviceError("gone"), CloseReason.DEVICE_LOST, {3}),
        (RebootedError("it was rebooted"), CloseReason.DEVICE_LOST, {3}),
        (UnfitError("too hot"), CloseReason.ENVIRONMENT, {4}),
        (KeyboardInterrupt(), CloseReason.INTERRUPTED, {0}),
    ],
)
def test_what_ends_a_gate_early_is_in_its_log_and_is_no_regression(
    store: Store,
    tmp_path: Path,
    machine: Machine,
    error: BaseException,
    reason: CloseReason,
    codes: set[int],
) -> None:
    gate, sweep = planned(tmp_path, "one")
    machine.happens[6] = raising(error)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else DeviceError):
        gated(gate, sweep, store, machine)
    log = read(log_of(store, newest(store)))
    assert log.closed is reason
    assert only(log).reason == reason.value
    assert codes_of(log) == codes
    assert len(blocks(log)) == 2


def test_time_that_is_over_leaves_the_rest_undecided(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one")
    log = gated(replace(gate, max_s=0.0), sweep, store, machine)
    assert only(log).reason is UndecidedReason.OUT_OF_TIME
    assert codes_of(log, undecided=Undecided.FAIL) == {5}
    assert codes_of(log) == {0}


# Resuming.


def test_an_interrupted_gate_is_resumed_with_the_same_coins(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one", "two")
    machine.happens[9] = raising(KeyboardInterrupt())  # between the two sides of a block
    with pytest.raises(KeyboardInterrupt):
        gated(gate, sweep, store, machine)
    before = read(log_of(store, newest(store)))
    log = gated(gate, sweep, store, Machine(machine.real))
    assert log.opened == before.opened
    assert log.entries[: len(before.entries)] == before.entries
    assert of(log, Closed, Resumed) == [
        Closed(reason=CloseReason.INTERRUPTED),
        Resumed(session_id=log.opened.session_id),
        Closed(reason=CloseReason.DECIDED),
    ]
    for block in blocks(log):
        coin = candidate_first(log.opened.seed, block.model, block.index)
        assert block.candidate_first == coin
    assert [each.verdict for each in latency_findings(log)] == [Verdict.SAME] * 2
    assert gate.open_session(sweep, store).id != log.opened.session_id  # it has ended


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_log_that_was_cut_off_anywhere_continues_without_the_torn_line(
    store: Store, tmp_path: Path, machine: Machine, cut: int
) -> None:
    gate, sweep = planned(tmp_path, "one")
    machine.happens[8] = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        gated(gate, sweep, store, machine)
    path = log_of(store, newest(store))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - cut])
    log = gated(gate, sweep, store, Machine(machine.real))
    assert to_text(log).encode() == path.read_bytes()
    assert not log.torn
    assert log.closed is CloseReason.DECIDED


def test_another_boot_build_file_or_rule_is_another_gate(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one")
    machine.happens[8] = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        gated(gate, sweep, store, machine)
    unfinished = newest(store).id
    (tmp_path / "more").mkdir()
    for other, where in (
        (gate, replace(sweep, device=replace(sweep.device, boot_id="another"))),
        (gate, replace(sweep, device=replace(sweep.device, os_build="another"))),
        (gate, replace(sweep, device=replace(sweep.device, boot_id=None))),
        (replace(gate, rule=Rule(margin=0.1)), sweep),
        (replace(gate, log=tmp_path / "elsewhere.jsonl"), sweep),
        planned(tmp_path / "more", "one", "two"),
    ):
        assert other.open_session(where, store).id != unfinished
    assert gate.open_session(sweep, store).id == unfinished


def test_the_file_of_another_gate_is_not_overwritten(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one")
    gate = replace(gate, log=tmp_path / "gate.jsonl")
    gated(gate, sweep, store, machine)
    with pytest.raises(ConfigurationError, match=r"gate\.jsonl: exists"):
        gate.open_session(sweep, store)


def test_two_do_not_measure_one_gate_at_once(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one")
    session = gate.open_session(sweep, store)

    def meanwhile(execution: Execution) -> Execution:
        with pytest.raises(InfrastructureError, match="is measuring this gate"):
            gate.measure(sweep, session, store, machine)
        return execution

    machine.happens[3] = meanwhile
    gate.measure(sweep, session, store, machine)
    assert only(read(log_of(store, session))).verdict is Verdict.SAME


def test_a_baseline_can_have_a_tool_of_its_own(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = planned(tmp_path, "one")
    old = tuple(replace(case, tool_sha256="f" * 64) for case in sweep.cases)
    sweep = replace(sweep, sides=(old, sweep.cases), tools={"f" * 64: Tool(sha256="f" * 64)})
    observed = gated(gate, sweep, store, machine).opened.models[0].observed
    assert (observed.tool_sha256, observed.baseline_tool_sha256) == (sweep.tool.sha256, "f" * 64)
    (pair,) = gate.comparison.pairs
    used = {(each.artifact_sha256, each.tool_sha256) for each in machine.ran}
    assert used == {
        (pair.baseline.sha256, "f" * 64),
        (pair.candidate.sha256, sweep.tool.sha256),
    }
