"""Measures a sweep on one device: runs each process, stores its raw output, then judges it.

An interrupted session is resumed if device, boot, system build and plan are the same. If this
program is killed, at most the running process is lost.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bench.core import config
from bench.core.hashing import sha256_file
from bench.core.progress import OnProgress, ignore
from bench.core.version import VERSION
from bench.flow.device.device import Device
from bench.flow.device.sweep import Sweep
from bench.flow.measure.judge import judge
from bench.measure.energy import IDLE_POWER, METERED
from bench.measure.outcome import Outcome
from bench.measure.stopping import missing
from bench.plan.case import Case
from bench.plan.device import DeviceRecord
from bench.plan.order import Planned, plan_sha256
from bench.store.records import Invocation, Session
from bench.store.store import Store
from bench.tool.host import Execution

_IDLE_S = 16.5  # eight samples


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOnDevice:
    """A session on a device: each of its processes is stored, then judged."""

    device: Device
    sweep: Sweep
    session: Session
    store: Store

    def warm_up(self, case: Case, command: tuple[str, ...] | None = None) -> None:
        """Runs a process to fill the caches; it is stored as an event, never as a result.

        Args:
            command: replaces that of the sweep.
        """
        execution = self.device.run(case, command)
        self.store.log(
            self.session,
            "throw-away",
            case=case.key,
            exit_status=execution.exit_status,
            wall_s=execution.wall_s,
            stdout=execution.stdout,
            stderr=execution.stderr,
        )

    def read_idle_power(self) -> None:
        """Reads a device's energy meter while it only waits, and stores that as an event."""
        case = next(each for each in self.sweep.cases if each.protocol.mode in METERED)
        idle_s = min(_IDLE_S, case.protocol.max_secs)
        energy = self.device.run(case, ("sleep", f"{idle_s:g}")).telemetry.energy
        if energy is not None and energy.rails:
            self.store.log(self.session, IDLE_POWER, **config.unstructure(energy))

    def with_file(self, path: Path) -> tuple[str, SessionOnDevice]:
        """Returns the SHA-256 of another file, copied to the device, and the session with it.

        Args:
            path: of a file that stays where it is while the device is used.

        Raises:
            DeviceError: the device has no room, or does not come back.
        """
        sha256 = sha256_file(path)
        there = self.device.put({sha256: path})[sha256]
        sweep = replace(
            self.sweep,
            paths={**self.sweep.paths, sha256: path},
            device_paths={**self.sweep.device_paths, sha256: there},
        )
        return sha256, replace(self, sweep=sweep)

    def run(self, planned: Planned, command: tuple[str, ...] | None = None) -> Invocation:
        """Runs one process; returns it, stored and judged.

        Args:
            command: replaces that of the sweep.
        """
        return self.add(planned, self.device.run(planned.case, command))

    def add(self, planned: Planned, execution: Execution) -> Invocation:
        """Stores a process that has ended, then judges it; returns the stored record."""
        raw = Invocation(
            session_id=self.session.id,
            case=planned.case,
            ordinal=planned.ordinal,
            model=str(self.sweep.paths[planned.case.artifact_sha256]),
            command=execution.command,
            started_at=execution.started_at,
            wall_s=execution.wall_s,
            exit_status=execution.exit_status,
            timed_out=execution.timed_out,
            stdout=execution.stdout,
            stderr=execution.stderr,
            telemetry=execution.telemetry,
            limits=self.sweep.limits,
            timeout_s=self.sweep.timeout_s,
            result=execution.result,
        )
        identity = self.store.add_invocation(raw)
        outcome = judge(raw)
        self.store.add_outcome(identity, outcome)
        return replace(raw, id=identity, outcome=outcome)


def open_session(sweep: Sweep, store: Store) -> Session:
    """Returns the unfinished session of the same sweep, boot and build, else a new one.

    Raises:
        ConfigurationError: the tool cannot do what a case asks for; nothing was stored.
    """
    for case in sweep.cases:
        sweep.command(case)
    session = _find_unfinished(sweep, store)
    if session is None:
        identity = plan_sha256(sweep.planned())
        session = new_session(sweep.device, sweep.name, identity, seed=sweep.seed)
        store.add_session(session)
    return session


def new_session(device: DeviceRecord, suite: str, identity: str, *, seed: int) -> Session:
    """Returns a session that begins now; it is not stored yet.

    Args:
        identity: SHA-256 of its plan.
    """
    return Session(
        id=str(uuid.uuid4()),
        device=device,
        suite=suite,
        plan_sha256=identity,
        seed=seed,
        started_at=datetime.now(UTC).isoformat(),
        program=VERSION,
    )


def measure(
    sweep: Sweep,
    session: Session,
    store: Store,
    device: Device,
    *,
    on_progress: OnProgress = ignore,
) -> None:
    """Measures all processes that the sweep needs and ``session`` has not stored yet.

    A failed process is stored and the sweep continues; an invalid one is repeated.

    Args:
        on_progress: takes how many processes are stored, of how many that are needed so far.

    Raises:
        DeviceError: the device was lost for good; what was measured is stored.
    """
    judge_pending(session, store)
    here = SessionOnDevice(device=device, sweep=sweep, session=session, store=store)
    ledger = _Ledger(sweep, store.invocations(session.id))
    first = next(ledger.pending(), None)
    if first is not None:
        here.warm_up(first.case)
        known = any(each.kind == IDLE_POWER for each in store.events(session.id))
        if sweep.energy and not known and not device.is_this_machine:
            here.read_idle_power()
    for each in ledger.pending():
        ledger.add(here.run(each))
        on_progress(*ledger.progress())


def judge_pending(session: Session, store: Store) -> None:
    """Judges processes that were stored without an outcome, because the program was killed."""
    for invocation in store.invocations(session.id):
        if invocation.outcome is None:
            store.add_outcome(invocation.id, judge(invocation))


class _Ledger:
    """The outcomes of a sweep's processes, and the processes that are still needed."""

    def __init__(self, sweep: Sweep, invocations: Sequence[Invocation]) -> None:
        self._sweep = sweep
        self._keys = {case: case.key for case in sweep.cases}
        self._outcomes: dict[str, dict[int, Outcome | None]] = {
            key: {} for key in self._keys.values()
        }
        for invocation in invocations:
            self.add(invocation)

    def add(self, invocation: Invocation) -> None:
        # Processes of other cases, such as those for the output check, are not the sweep's.
        if (key := invocation.case.key) in self._outcomes:
            self._outcomes[key][invocation.ordinal] = invocation.outcome

    def pending(self) -> Iterator[Planned]:
        """Yields each process to run; add its outcome before taking the next one."""
        for each in self._sweep.rounds(self._wants):
            if each.ordinal not in self._outcomes[self._keys[each.case]]:
                yield each

    def _wants(self, case: Case, ordinal: int) -> bool:
        outcomes = self._outcomes[self._keys[case]].items()
        earlier = [outcome for number, outcome in outcomes if number < ordinal]
        return missing(case.protocol, earlier) > 0

    def progress(self) -> tuple[int, int]:
        """Returns how many processes are stored, of how many that are needed so far."""
        stored = sum(map(len, self._outcomes.values()))
        left = sum(
            missing(case.protocol, list(self._outcomes[key].values()))
            for case, key in self._keys.items()
        )
        return stored, stored + left


def _find_unfinished(sweep: Sweep, store: Store) -> Session | None:
    if sweep.device.boot_id is None:
        return None
    identity = plan_sha256(sweep.planned())
    for session in reversed(store.sessions(plan_sha256=identity)):
        if session.device == sweep.device:
            invocations = store.invocations(session.id)
            is_judged = all(each.outcome is not None for each in invocations)
            if is_judged and next(_Ledger(sweep, invocations).pending(), None) is None:
                return None
            store.log(session, "resumed")
            return session
    return None
