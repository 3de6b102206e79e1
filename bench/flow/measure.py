"""Runs a plan on one device: invoke, store the raw text, then read and judge it.

A session that was cut short is gone on with where it stopped, if device, boot, system build and
plan are the same; whatever kills this program loses at most the process that was running.
"""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from bench.core.version import VERSION
from bench.flow.judge import judge
from bench.flow.sweep import Sweep
from bench.measure.case import Case
from bench.measure.outcome import Failed
from bench.measure.plan import Planned, plan_sha256
from bench.store.records import Event, Invocation, Sensed, Session
from bench.store.store import Store
from bench.tool.host import Execution, execute

_SAME_FAILURES = 2  # a case that failed in one way this often is not tried again


# Returns one process of a case that ran to its end, whatever its exit status.
Execute = Callable[[Case], Execution]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a session is: ``done`` of ``total`` processes are stored or given up."""

    done: int
    total: int


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
    run: Execute | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Measures all that the sweep plans and ``session`` has not stored yet.

    A failed process is a record and the sweep goes on.

    Args:
        run: runs one process; on this machine if not given.

    Raises:
        DeviceError: the device went away for good; what was measured is stored.
    """
    run = run or partial(_run_here, sweep)
    planned = sweep.planned()
    for invocation in store.invocations(session.id):
        if invocation.outcome is None:  # we were killed between storing and reading it
            store.add_outcome(invocation.id, judge(invocation))
    ledger = _Ledger(store.invocations(session.id))
    waiting = [each for each in planned if ledger.wants(each)]
    if waiting:
        _throw_away(run, waiting[0].case, session, store)
    for position, each in enumerate(planned, start=1):
        if ledger.wants(each):
            ledger.add(_invoke(sweep, run, each, session, store))
        progress(Progress(done=position, total=len(planned)))


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
            log(store, session, "resumed")
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


def _run_here(sweep: Sweep, case: Case) -> Execution:
    return execute(
        sweep.command(case),
        limit_s=sweep.limit_s(case),
        environment=sweep.tool.environment(),
    )


def _throw_away(run: Execute, case: Case, session: Session, store: Store) -> None:
    # The first process pays for cold caches; it is logged and never a result.
    execution = run(case)
    log(
        store,
        session,
        "throw-away",
        case=case.key,
        exit_status=execution.exit_status,
        wall_s=execution.wall_s,
        stdout=execution.stdout,
        stderr=execution.stderr,
    )


def _invoke(
    sweep: Sweep, run: Execute, planned: Planned, session: Session, store: Store
) -> Invocation:
    execution = run(planned.case)
    result = execution.result
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
            cores=execution.cores,
            result_base64=None if result is None else base64.b64encode(result).decode(),
        ),
    )
    identity = store.add_invocation(raw)
    outcome = judge(raw)
    store.add_outcome(identity, outcome)
    return replace(raw, id=identity, outcome=outcome)


def log(store: Store, session: Session, kind: str, **facts: object) -> None:
    """Stores an event of a session."""
    store.add_event(Event(kind=kind, at=_now(), session_id=session.id, facts=facts))


def _now() -> str:
    return datetime.now(UTC).isoformat()
