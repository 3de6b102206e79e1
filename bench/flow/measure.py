"""Runs a plan on this machine: invoke, store the raw text, then read and judge it.

A session that was cut short is gone on with where it stopped, if device, boot, system build and
plan are the same; whatever kills this program loses at most the process that was running.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bench.core.errors import ConfigurationError
from bench.core.version import VERSION
from bench.measure.case import Case, Delegate, Runner
from bench.measure.device import Device, this_machine
from bench.measure.outcome import Failed, Measured, Outcome
from bench.measure.plan import Planned, plan, plan_sha256
from bench.measure.suite import Suite, Target, cases
from bench.store.records import Event, Invocation, Sensed, Session
from bench.store.store import Store
from bench.tool.flags import Flags
from bench.tool.host import Execution, Tool, execute, time_limit_s
from bench.tool.parse import ToolLog, parse_log

_SAME_FAILURES = 2  # a case that failed in one way this often is not tried again
_RECOVERABLE_RUNS = 3  # up to here the official tool's raw values can be worked out


def runner_of(tool: Tool) -> Runner:
    """Returns which runner a tool's cases belong to."""
    return Runner.LITERT_PYTHON if tool.binary is None else Runner.BENCHMARK_MODEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a session is: ``done`` of ``total`` processes are stored or given up."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is measured: every case of it, on one device, with one tool.

    Args:
        paths: SHA-256 of each artifact to the file.
        seed: of the order of the processes.
    """

    name: str
    cases: tuple[Case, ...]
    paths: Mapping[str, Path]
    tool: Tool
    device: Device
    seed: int

    def planned(self) -> tuple[Planned, ...]:
        """Returns all processes, in order."""
        return plan(self.cases, seed=self.seed)

    def command(self, case: Case) -> tuple[str, ...]:
        """Returns the command line of one process of ``case``.

        Raises:
            ConfigurationError: the tool cannot do what the case asks for.
        """
        protocol = case.protocol
        exact = protocol.num_runs <= _RECOVERABLE_RUNS and protocol.min_secs == 0
        if case.runner is Runner.BENCHMARK_MODEL and not exact:
            raise ConfigurationError(
                "the official tool prints statistics only: raw values of more than "
                f"{_RECOVERABLE_RUNS} runs cannot be worked out",
                hint="set num_runs to 3 and min_secs to 0 in the suite's protocol",
            )
        return self.tool.command(self.flags(case))

    def flags(self, case: Case) -> Flags:
        """Returns what one process of ``case`` is asked to do."""
        return Flags(
            graph=self.paths[case.artifact_sha256],
            use_xnnpack=case.delegate is Delegate.XNNPACK,
            num_threads=case.threads,
            num_runs=case.protocol.num_runs,
            min_secs=case.protocol.min_secs,
            max_secs=case.protocol.max_secs,
            warmup_runs=case.protocol.warmup_runs,
            warmup_min_secs=case.protocol.warmup_min_secs,
            run_delay_s=case.protocol.run_delay_s,
            affinity=case.affinity,
        )


def host_sweep(suite: Suite, targets: Sequence[Target], tool: Tool) -> Sweep:
    """Returns the sweep of a suite over files on this machine."""
    device = this_machine()
    return Sweep(
        name=suite.name,
        cases=cases(suite, targets, device=device, runner=runner_of(tool), tool_sha256=tool.sha256),
        paths={target.sha256: target.path for target in targets},
        tool=tool,
        device=device,
        seed=suite.seed,
    )


def open_session(sweep: Sweep, store: Store) -> Session:
    """Returns the unfinished session of this very sweep, boot and build, else a new one.

    Raises:
        ConfigurationError: the tool cannot do what a case asks for; nothing was stored.
    """
    for case in sweep.cases:
        sweep.command(case)
    return _resumed(sweep, store) or _begun(sweep, store)


def measure(
    sweep: Sweep,
    session: Session,
    store: Store,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Measures all that the sweep plans and ``session`` has not stored yet.

    A failed process is a record and the sweep goes on.
    """
    planned = sweep.planned()
    for invocation in store.invocations(session.id):
        if invocation.outcome is None:  # we were killed between storing and reading it
            store.add_outcome(invocation.id, judge(invocation))
    ledger = _Ledger(store.invocations(session.id))
    waiting = [each for each in planned if ledger.wants(each)]
    if waiting:
        _throw_away(sweep, waiting[0].case, session, store)
    for position, each in enumerate(planned, start=1):
        if ledger.wants(each):
            ledger.add(_invoke(sweep, each, session, store))
        progress(Progress(done=position, total=len(planned)))


def judge(invocation: Invocation) -> Outcome:
    """Returns whether a process measured what its case asks for, from its raw text alone."""
    if invocation.timed_out:
        return Failed(failure=f"timed-out: killed after {invocation.wall_s:.0f} s")
    log = parse_log(invocation.stdout, invocation.stderr, exit_status=invocation.exit_status)
    if not log.ok:
        return Failed(failure=log.failure or "unreadable: the log cannot be trusted")
    mismatch = _mismatch(invocation.case, log)
    if mismatch is not None:
        return Failed(failure=mismatch)
    if not log.inference_us:
        return Failed(failure="no-raw-values: the log does not give each run's latency")
    memory_mb = log.memory_mb or {}
    return Measured(
        init_us=log.init_us,
        first_us=log.first_us,
        inference_us=log.inference_us,
        cpu_us=log.cpu_us,
        nodes_total=log.nodes_total,
        nodes_delegated=log.nodes_delegated,
        partitions=log.partitions,
        memory_mb_peak=memory_mb.get("overall", memory_mb.get("peak")),
        runtime=log.runtime,
    )


def _mismatch(case: Case, log: ToolLog) -> str | None:
    # A log that shows no delegate is evidence for none only: whatever else was asked must be seen.
    seen = log.delegate or Delegate.NONE
    if seen != case.delegate:
        return f"delegate-mismatch: {case.delegate} was asked for, {seen} ran"
    if log.threads is not None and log.threads != case.threads:
        return f"threads-mismatch: {case.threads} were asked for, {log.threads} ran"
    runs = log.runs or 0
    wanted = case.protocol.num_runs
    if runs < wanted or (runs > wanted and case.protocol.min_secs == 0):
        return f"runs-mismatch: {wanted} were asked for, {runs} ran"
    return None


class _Ledger:
    """Which processes are stored, and which cases are given up."""

    def __init__(self, invocations: Sequence[Invocation]) -> None:
        self._stored: set[tuple[str, int]] = set()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._given_up: set[str] = set()
        for invocation in invocations:
            self.add(invocation)

    def add(self, invocation: Invocation) -> None:
        key = invocation.case.key
        self._stored.add((key, invocation.ordinal))
        if isinstance(invocation.outcome, Failed):
            failure = (key, invocation.outcome.code)
            self._failures[failure] += 1
            if self._failures[failure] >= _SAME_FAILURES:
                self._given_up.add(key)

    def wants(self, planned: Planned) -> bool:
        key = planned.case.key
        return key not in self._given_up and (key, planned.ordinal) not in self._stored


def _resumed(sweep: Sweep, store: Store) -> Session | None:
    if sweep.device.boot_id is None:
        return None
    planned = sweep.planned()
    identity = plan_sha256(planned)
    for session in reversed(store.sessions()):
        if session.plan_sha256 == identity and session.device == sweep.device:
            ledger = _Ledger(store.invocations(session.id))
            if not any(ledger.wants(each) for each in planned):
                return None
            _log(store, session, "resumed")
            return session
    return None


def _begun(sweep: Sweep, store: Store) -> Session:
    session = Session(
        id=str(uuid.uuid4()),
        device=sweep.device,
        suite=sweep.name,
        plan_sha256=plan_sha256(sweep.planned()),
        seed=sweep.seed,
        started_at=_now(),
        program=VERSION,
    )
    store.add_session(session)
    return session


def _throw_away(sweep: Sweep, case: Case, session: Session, store: Store) -> None:
    # The first process pays for cold caches; it is logged and never a result.
    execution = _execute(sweep, case)
    _log(
        store,
        session,
        "throw-away",
        case=case.key,
        exit_status=execution.exit_status,
        wall_s=execution.wall_s,
        stdout=execution.stdout,
        stderr=execution.stderr,
    )


def _invoke(sweep: Sweep, planned: Planned, session: Session, store: Store) -> Invocation:
    execution = _execute(sweep, planned.case)
    raw = Invocation(
        session_id=session.id,
        case=planned.case,
        ordinal=planned.ordinal,
        model=str(sweep.paths[planned.case.artifact_sha256]),
        command=execution.command,
        started_at=execution.started_at,
        wall_s=execution.wall_s,
        exit_status=execution.exit_status,
        timed_out=execution.timed_out,
        stdout=execution.stdout,
        stderr=execution.stderr,
        sensed=Sensed(
            run_s=execution.run_s,
            run_queue_wait_s=execution.run_queue_wait_s,
            load_before=execution.load_before,
            load_after=execution.load_after,
        ),
    )
    identity = store.add_invocation(raw)
    outcome = judge(raw)
    store.add_outcome(identity, outcome)
    return replace(raw, id=identity, outcome=outcome)


def _execute(sweep: Sweep, case: Case) -> Execution:
    return execute(
        sweep.command(case),
        limit_s=time_limit_s(sweep.flags(case)),
        environment=sweep.tool.environment(),
    )


def _log(store: Store, session: Session, kind: str, **facts: object) -> None:
    store.add_event(Event(kind=kind, at=_now(), session_id=session.id, facts=facts))


def _now() -> str:
    return datetime.now(UTC).isoformat()
