"""Measures a sweep on one device: run a process, store its raw text, then read and judge it.

An interrupted session is resumed where it stopped, if device, boot, system build and plan are the
same; whatever kills this program loses at most the process that was running.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bench.core.version import VERSION
from bench.flow.device.device import Device
from bench.flow.device.sweep import Sweep
from bench.flow.measure.outcome import judge
from bench.measure.outcome import Outcome
from bench.measure.stopping import missing
from bench.plan.case import Case
from bench.plan.order import Planned, plan_sha256
from bench.store.records import Invocation, Session
from bench.store.store import Store
from bench.tool.host import Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a session is: ``done`` processes are stored, of ``total`` wanted so far."""

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
    device: Device,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Measures all that the sweep wants and ``session`` has not stored yet.

    A failed process is a record and the sweep goes on; an invalid one is measured again.

    Raises:
        DeviceError: the device went away for good; what was measured is stored.
    """
    read_left(session, store)
    ledger = _Ledger(sweep, store.invocations(session.id))
    first = next(ledger.waiting(), None)
    if first is not None:
        run_warm_up_process(device, first.case, session, store)
    for each in ledger.waiting():
        ledger.add(invoke(sweep, device, each, session, store))
        on_progress(ledger.progress())


def read_left(session: Session, store: Store) -> None:
    """Reads what was stored and not read, by a program that was killed between the two."""
    for invocation in store.invocations(session.id):
        if invocation.outcome is None:
            store.add_outcome(invocation.id, judge(invocation))


class _Ledger:
    """What became of a sweep's processes, and which are wanted still."""

    def __init__(self, sweep: Sweep, invocations: Sequence[Invocation]) -> None:
        self._sweep = sweep
        self._keys = {case: case.key for case in sweep.cases}
        self._outcomes: dict[str, dict[int, Outcome | None]] = {
            key: {} for key in self._keys.values()
        }
        for invocation in invocations:
            self.add(invocation)

    def add(self, invocation: Invocation) -> None:
        # Processes that are for no latency, those for the outputs, are none of the sweep's.
        if (key := invocation.case.key) in self._outcomes:
            self._outcomes[key][invocation.ordinal] = invocation.outcome

    def waiting(self) -> Iterator[Planned]:
        """Yields each process to come; it must be added before the next is asked for."""
        for each in self._sweep.rounds(self._wants):
            if each.ordinal not in self._outcomes[self._keys[each.case]]:
                yield each

    def _wants(self, case: Case, ordinal: int) -> bool:
        found = self._outcomes[self._keys[case]].items()
        return missing(case.protocol, [outcome for n, outcome in found if n < ordinal]) > 0

    def progress(self) -> Progress:
        stored = sum(map(len, self._outcomes.values()))
        left = sum(
            missing(case.protocol, list(self._outcomes[key].values()))
            for case, key in self._keys.items()
        )
        return Progress(done=stored, total=stored + left)


def _resumed(sweep: Sweep, store: Store) -> Session | None:
    if sweep.device.boot_id is None:
        return None
    identity = plan_sha256(sweep.planned())
    for session in reversed(store.sessions()):
        if session.plan_sha256 == identity and session.device == sweep.device:
            found = store.invocations(session.id)
            read = all(each.outcome is not None for each in found)
            if read and next(_Ledger(sweep, found).waiting(), None) is None:
                return None
            store.log(session, "resumed")
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


def run_warm_up_process(device: Device, case: Case, session: Session, store: Store) -> Execution:
    """Returns a process that pays for cold caches; it is stored as an event, never as a result."""
    execution = device.run(case)
    store.log(
        session,
        "throw-away",
        case=case.key,
        exit_status=execution.exit_status,
        wall_s=execution.wall_s,
        stdout=execution.stdout,
        stderr=execution.stderr,
    )
    return execution


def invoke(
    sweep: Sweep,
    device: Device,
    planned: Planned,
    session: Session,
    store: Store,
    *,
    command: tuple[str, ...] | None = None,
) -> Invocation:
    """Returns one process, run, stored as it was and then judged.

    Args:
        command: instead of the sweep's.
    """
    return keep(device.run(planned.case, command), sweep, planned, session, store)


def keep(
    execution: Execution, sweep: Sweep, planned: Planned, session: Session, store: Store
) -> Invocation:
    """Returns a process that has ended, stored as it was and then judged."""
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
        telemetry=execution.telemetry,
        limits=sweep.limits,
        timeout_s=sweep.timeout_s,
        result=execution.result,
    )
    identity = store.add_invocation(raw)
    outcome = judge(raw)
    store.add_outcome(identity, outcome)
    return replace(raw, id=identity, outcome=outcome)


def _now() -> str:
    return datetime.now(UTC).isoformat()
