import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.patience import PATIENCE_S, wait_until
from support.program import command_line

from bench.core.caveats import CaveatKind
from bench.core.device_state.telemetry import Telemetry
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.flow.device.host import HostDevice
from bench.flow.device.sweep import Sweep, runner_of
from bench.flow.measure.judge import judge
from bench.flow.measure.session import measure, open_session
from bench.flow.report.results import busy_caveat
from bench.flow.report.stored import results
from bench.measure.outcome import Failed, Measured
from bench.plan.case import Delegate, Protocol
from bench.plan.device import this_machine
from bench.plan.suite import Suite, bare_target, cases
from bench.store.records import Invocation, Session
from bench.store.store import Store
from bench.tool.host import Tool, litert_tool, official_tool

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
TINY = DATA / "tiny.tflite"
SPLIT = DATA / "tiny_split.tflite"
STAND_IN = DATA / "stand_in" / "benchmark_model"
QUICK = Protocol(processes=2, warmup_min_secs=0, max_secs=5)


def sweep(
    *models: Path,
    tool: Tool | None = None,
    delegates: tuple[Delegate, ...] = (Delegate.XNNPACK,),
    threads: tuple[int, ...] = (1,),
    protocol: Protocol = QUICK,
) -> Sweep:
    tool = tool or litert_tool()
    device = this_machine()
    suite = Suite(
        name="test", models=("*",), delegates=delegates, threads=threads, protocol=protocol
    )
    targets = [bare_target(path) for path in models]
    return Sweep(
        name=suite.name,
        cases=cases(suite, targets, device=device, runner=runner_of(tool), tool_sha256=tool.sha256),
        paths={target.sha256: target.path for target in targets},
        tool=tool,
        device=device,
        seed=3,
    )


def measured(plan: Sweep, store: Store) -> Session:
    session = open_session(plan, store)
    measure(plan, session, store, HostDevice(plan))
    return session


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "bench.db") as opened:
        yield opened


def truncated(folder: Path) -> Path:
    path = folder / "truncated.tflite"
    path.write_bytes(TINY.read_bytes()[:1000])
    return path


def test_a_sweep_measures_each_case_and_keeps_the_raw_text(store: Store) -> None:
    seen: list[tuple[int, int]] = []
    plan = sweep(TINY, SPLIT, delegates=(Delegate.XNNPACK, Delegate.NONE))
    session = open_session(plan, store)
    measure(plan, session, store, HostDevice(plan), on_progress=lambda *now: seen.append(now))
    invocations = store.invocations(session.id)
    assert len(invocations) == 2 * 2 * 2
    assert [(each.case, each.ordinal) for each in invocations] == [
        (each.case, each.ordinal) for each in plan.planned()
    ]
    for invocation in invocations:
        assert isinstance(invocation.outcome, Measured)
        raw = json.loads(invocation.stdout)
        assert invocation.outcome.inference_us == tuple(raw["inference_us"])
        assert invocation.outcome.init_us == raw["init_us"]
        assert raw["graph_sha256"] == invocation.case.artifact_sha256
    assert seen[-1] == (8, 8)
    found = {(each.name, each.case.delegate): each for each in results(store, session)}
    split = found["tiny_split", Delegate.XNNPACK].summary
    assert split is not None
    assert (split.partitions, split.nodes_delegated, split.nodes_total) == (2, 3, 4)


def test_the_first_process_is_thrown_away_and_logged(store: Store) -> None:
    session = measured(sweep(TINY), store)
    events = [event for event in store.events(session.id) if event.kind == "throw-away"]
    assert len(events) == 1
    assert events[0].facts["exit_status"] == 0
    assert len(store.invocations(session.id)) == 2


def test_a_finished_session_is_followed_by_a_new_one(store: Store) -> None:
    plan = sweep(TINY, protocol=replace(QUICK, processes=1))
    first = measured(plan, store)
    second = measured(plan, store)
    assert first.id != second.id
    assert len(store.invocations(second.id)) == 1


def test_an_unfinished_session_is_gone_on_with_only_on_the_same_boot_build_and_plan(
    store: Store,
) -> None:
    plan = sweep(TINY)
    session = open_session(plan, store)
    assert open_session(plan, store).id == session.id
    changed = [
        replace(plan, device=replace(plan.device, boot_id="another")),
        replace(plan, device=replace(plan.device, os_build="another")),
        replace(plan, seed=4, cases=sweep(TINY, SPLIT).cases, paths=sweep(TINY, SPLIT).paths),
        sweep(TINY, protocol=replace(QUICK, processes=3)),
        sweep(TINY, tool=replace(plan.tool, sha256="f" * 64)),
    ]
    for other in changed:
        assert open_session(other, store).id != session.id


def test_a_device_without_boot_id_never_resumes(store: Store) -> None:
    plan = sweep(TINY)
    plan = replace(plan, device=replace(plan.device, boot_id=None))
    assert open_session(plan, store).id != open_session(plan, store).id


def test_a_failed_case_is_a_record_and_the_others_are_measured(
    store: Store, tmp_path: Path
) -> None:
    plan = sweep(truncated(tmp_path), TINY, protocol=replace(QUICK, processes=4))
    session = measured(plan, store)
    found = {each.name: each for each in results(store, session)}
    assert found["tiny"].failed == 0
    assert found["tiny"].summary is not None
    assert found["tiny"].summary.processes == 4
    bad = found["truncated"]
    assert bad.summary is None
    assert bad.failed == 2  # the same failure twice: not tried again
    assert len(bad.failures) == 1
    again = open_session(plan, store)
    assert again.id != session.id  # a case that was given up does not keep a session open


def test_what_a_killed_harness_stored_and_did_not_read_is_read_on_resume(store: Store) -> None:
    raw = store.invocations(measured(sweep(TINY), store).id)[0]
    plan = sweep(TINY, protocol=replace(QUICK, processes=3))
    session = open_session(plan, store)
    store.add_invocation(replace(raw, session_id=session.id, outcome=None))
    measure(plan, session, store, HostDevice(plan))
    found = store.invocations(session.id)
    assert len(found) == 3
    assert found[0].outcome == raw.outcome


def test_the_official_tool_is_driven_and_its_three_values_recovered(store: Store) -> None:
    plan = sweep(TINY, tool=official_tool(STAND_IN), delegates=(Delegate.NONE,))
    session = measured(plan, store)
    outcome = store.invocations(session.id)[0].outcome
    assert isinstance(outcome, Measured)
    # 3 * 2988.67 - 1176 - 6773 = 1017.01, and the log's own minimum is 1017.
    assert outcome.inference_us == pytest.approx((1176, 1017, 6773), abs=0.02)
    assert outcome.init_us == 3423
    assert outcome.first_us == 22379
    assert outcome.memory_mb_peak == 11.1953
    assert outcome.partitions is None
    assert store.invocations(session.id)[0].case.tool_sha256 == sha256_file(STAND_IN)


def test_another_number_of_threads_than_asked_for_is_a_failure(store: Store) -> None:
    plan = sweep(TINY, tool=official_tool(STAND_IN), delegates=(Delegate.NONE,), threads=(2,))
    session = measured(plan, store)
    outcome = store.invocations(session.id)[0].outcome
    assert isinstance(outcome, Failed)
    assert outcome.failure == "threads-mismatch: 2 were asked for, 1 ran"


def test_nothing_runs_if_the_official_tool_cannot_do_what_is_asked(store: Store) -> None:
    many = sweep(
        TINY,
        tool=official_tool(STAND_IN),
        delegates=(Delegate.NONE,),
        protocol=replace(QUICK, num_runs=50),
    )
    with pytest.raises(ConfigurationError, match="raw values"):
        open_session(many, store)
    with pytest.raises(ConfigurationError, match="use_xnnpack"):
        open_session(sweep(TINY, tool=official_tool(STAND_IN)), store)
    assert store.sessions() == []


def real_invocation(store: Store) -> Invocation:
    session = measured(sweep(TINY, protocol=replace(QUICK, processes=1)), store)
    return store.invocations(session.id)[0]


def test_an_outcome_is_judged_by_what_was_asked(store: Store) -> None:
    good = real_invocation(store)
    assert isinstance(judge(good), Measured)
    asked = good.case
    wrong = {
        "delegate-mismatch": replace(good, case=replace(asked, delegate=Delegate.NONE)),
        "threads-mismatch": replace(good, case=replace(asked, threads=4)),
        "runs-mismatch": replace(
            good, case=replace(asked, protocol=replace(asked.protocol, num_runs=5))
        ),
        "timed-out": replace(good, timed_out=True, exit_status=137),
    }
    for code, invocation in wrong.items():
        outcome = judge(invocation)
        assert isinstance(outcome, Failed)
        assert outcome.code == code
    for damaged in (
        replace(good, exit_status=139),
        replace(good, stdout=""),
        replace(good, stdout=good.stdout[: len(good.stdout) // 2]),
    ):
        assert isinstance(judge(damaged), Failed)


def test_a_process_that_was_killed_while_it_waited_for_a_core_says_so(store: Store) -> None:
    killed = replace(real_invocation(store), timed_out=True, exit_status=137, wall_s=4.0)
    quiet = replace(killed, telemetry=Telemetry(run_s=3.9, run_queue_wait_s=0.1))
    busy = replace(killed, telemetry=Telemetry(run_s=1.0, run_queue_wait_s=3.0))
    by_hand = replace(busy, timeout_s=4.0)
    assert "core" not in judge(quiet).failure  # type: ignore[union-attr]  # as all these fail
    for each in (busy, by_hand):
        failure = judge(each).failure  # type: ignore[union-attr]
        assert "it waited 3.0 s of them for a core" in failure


def test_a_machine_is_busy_if_most_processes_waited_for_a_core() -> None:
    quiet = Telemetry(run_s=1.0, run_queue_wait_s=0.01)
    waited = replace(quiet, run_queue_wait_s=0.25)
    unknown = replace(quiet, run_s=None, run_queue_wait_s=None)
    assert busy_caveat([quiet, waited]) is None
    assert busy_caveat([unknown, unknown]) is None
    found = busy_caveat([quiet, waited, waited, unknown])
    assert found is not None
    assert found.kind is CaveatKind.BUSY_MACHINE
    assert found.evidence.startswith("2 of 3 processes waited for a core")
    assert found.evidence.endswith("20.0%")


# The verb itself.


def suite_file(folder: Path, *, processes: int) -> Path:
    path = folder / "suite.yaml"
    path.write_text(
        f"name: quick\nmodels: [{TINY}]\ndelegates: [xnnpack, none]\n"
        f"protocol: {{processes: {processes}, warmup_min_secs: 0, max_secs: 5}}\n"
    )
    return path


def test_one_file_is_measured_without_any_suite(tmp_path: Path) -> None:
    shutil.copy(TINY, tmp_path / "my model.tflite")
    done = command_line(
        "run", "--host", "--model", "my model.tflite", "--processes", "6", "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    (measured,) = document["sessions"]
    assert measured["device"]["kind"] == "host"
    assert document["errors"] == []
    (case,) = measured["cases"]
    assert case["artifact_sha256"] == sha256_file(TINY)
    assert case["model"] == "my model.tflite"
    assert (case["processes"], case["failed"]) == (6, 0)
    assert case["latency_us_low"] <= case["latency_us_median"] <= case["latency_us_high"]
    assert 0 < case["latency_us_min"] <= case["latency_us_median"]
    assert (case["delegate"], case["threads"], case["partitions"]) == ("xnnpack", 1, 1)
    assert case["runner"] == "litert-python"
    assert case["format"] is None
    assert "wrote session" in done.stderr


def test_the_table_shows_failures_and_the_status_is_four(tmp_path: Path) -> None:
    truncated(tmp_path)
    done = command_line(
        "run", "--host", "--model", "truncated.tflite", str(TINY), "--processes=2", cwd=tmp_path
    )
    assert done.returncode == 4
    assert "truncated" in done.stdout
    assert "too few processes" in done.stderr


def test_a_dry_run_prints_commands_that_work_and_stores_nothing(tmp_path: Path) -> None:
    suite = suite_file(tmp_path, processes=3)
    done = command_line("run", suite, "--host", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * 3
    assert not (tmp_path / "frill-bench.db").exists()
    ran = subprocess.run(shlex.split(lines[0]), capture_output=True, cwd=tmp_path, check=True)
    assert len(json.loads(ran.stdout)["inference_us"]) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", str(TINY)), "--host"),
        (("--host", "--model", "nowhere.tflite"), "nowhere.tflite"),
        (("--host", "--model", str(TINY), "--delegate", "xnpack"), "xnnpack"),
        (("--host", "--model", str(TINY), "--num-threads", "0"), "threads"),
        (("--host", "--model", str(TINY), "--db", str(TINY)), "not a database"),
        (("--host", "--zoo", "nowhere"), "--zoo"),
        (("--host", "nowhere.yaml"), "nowhere.yaml"),
        (("--host", "--model", str(TINY), "--timeout", "0.05"), "at least 0.2 s"),
    ],
)
def test_a_wrong_argument_is_status_two_with_a_hint(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = command_line("run", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hint:" in done.stderr
    assert done.stdout == ""


def stored(path: Path) -> list[tuple[str, str, int]]:
    if not path.exists():
        return []
    with Store.open(path) as store:
        return [(each.session_id, each.case.key, each.ordinal) for each in store.invocations()]


def begin_and_stop(folder: Path, suite: Path, database: Path, number: signal.Signals) -> int:
    """Starts a run, sends the signal when two processes are stored, returns the exit status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "run", str(suite), "--host", "--db", str(database)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(stored(database)) >= 2)
    process.send_signal(number)
    return process.wait(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    """Returns case and ordinal of each process of a run that was not stopped."""
    folder = tmp_path_factory.mktemp("whole")
    database = folder / "whole.db"
    suite = suite_file(folder, processes=3)
    command_line("run", suite, "--host", "--db", database, status=0)
    return [each[1:] for each in stored(database)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_is_resumed_and_ends_like_one_that_was_not(
    tmp_path: Path, whole: Sequence[tuple[str, int]], number: signal.Signals
) -> None:
    suite = suite_file(tmp_path, processes=3)
    database = tmp_path / "stopped.db"
    status = begin_and_stop(tmp_path, suite, database, number)
    assert status == (130 if number is signal.SIGINT else -signal.SIGKILL)
    kept = stored(database)
    assert 2 <= len(kept) < 6
    command_line("run", suite, "--host", "--db", database, cwd=tmp_path, status=0)
    found = stored(database)
    assert found[: len(kept)] == kept
    assert len(found) == len(set(found)) == 6
    assert len({session for session, _, _ in found}) == 1
    assert {each[1:] for each in found} == set(whole)
