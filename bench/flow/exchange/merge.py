"""Adds a parcel to a database, after everything that follows from raw texts was derived again.

The parcel is first put into a database of its own in memory. Only if its outcomes and its rows are
those that its raw texts give there, it is added to the user's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bench.core import config
from bench.core.artifact import check_name
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from bench.core.score import Score
from bench.core.units import one_line
from bench.flow.exchange import derive, logs
from bench.flow.exchange.logs import ImportedLog
from bench.flow.exchange.rows import rows_of
from bench.flow.exchange.unpack import Parcel
from bench.flow.outputs.record import EVENT as CHECK
from bench.flow.outputs.record import Check
from bench.flow.report.origin import IMPORTED, MERGED
from bench.measure.outcome import Outcome
from bench.plan.suite import GATE
from bench.store.records import Event, Invocation, Session
from bench.store.store import Store
from reports.exchange.tables import lines
from reports.rows.schema import grouped

_MEMORY = "sqlite://"
_HINT = "nothing of it was added; ask its owner how it was made"
_ODD = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_NAME = ("artifact_sha256", "student", "format", "device")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What was added to a database; what was there already does not count.

    Args:
        scores_left: scores of the same file, clips, hop and rule as one that is there: it stays.
    """

    file: str
    sessions: int
    processes: int
    artifacts: int
    scores: int
    scores_left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A parcel whose numbers are those of its raw texts.

    Args:
        outcomes: of its processes, derived again.
    """

    parcel: Parcel
    outcomes: Sequence[Outcome]


def merge(store: Store, parcel: Parcel) -> Merged:
    """Adds what a parcel has and a database has not; as ``check`` and ``add``."""
    return add(store, check(parcel))


def check(parcel: Parcel) -> Checked:
    """Returns a parcel after everything that follows from its raw texts was derived again.

    Raises:
        ConfigurationError: a number is another than its raw text gives; names it.
    """
    try:
        outcomes = _checked(parcel)
        with Store.open(_MEMORY) as alone:
            _add(alone, parcel, outcomes)
            _check_rows(parcel, lines(rows_of(alone, "results"), "results"))
    except ConfigurationError as error:  # of an event, whose reader does not know of the parcel
        if parcel.file in error.message:
            raise
        raise _wrong(f"{parcel.file}: {error.message}") from error
    except _ODD as error:  # values that fit their types, and that no program of ours ever stored
        raise _wrong(
            f"{parcel.file}: its rows cannot be derived: {one_line(str(error))}"
        ) from error
    return Checked(parcel=parcel, outcomes=outcomes)


def add(store: Store, checked: Checked) -> Merged:
    """Adds what a parcel has and a database has not.

    Raises:
        ConfigurationError: the database has a session, a process or an artifact of the same
            identity with other contents; names it. Nothing was added.
    """
    _check_conflicts(store, checked.parcel)
    return _add(store, checked.parcel, checked.outcomes, marks=True)


def _checked(parcel: Parcel) -> list[Outcome]:
    """Returns the outcome of each process, derived from its raw text.

    Raises:
        ConfigurationError: one is another than the parcel has, or a record has no place.
    """
    sessions = _sessions(parcel)
    events = _by_session(parcel, sessions)
    _check_places(parcel, sessions)
    derived: dict[tuple[str, str, int], Outcome] = {}
    for identity, own in grouped(parcel.processes, lambda each: each.session_id).items():
        outcomes = derive.outcomes_of(sessions[identity], own, events[identity])
        derived |= {_identity(each): one for each, one in zip(own, outcomes, strict=True)}
    for invocation, packed in zip(parcel.processes, parcel.packed, strict=True):
        claimed = packed.measured or packed.failed
        wrong = derive.difference(claimed, derived[_identity(invocation)])
        if wrong is not None:
            raise _wrong(
                f"{parcel.file}: session {invocation.session_id}, process {invocation.ordinal} of "
                f"{one_line(invocation.model)}: {one_line(wrong)}"
            )
    for score in parcel.scores:
        for problem in derive.score_problems(score):
            sha256 = one_line(score.artifact_sha256)[:12]
            raise _wrong(
                f"{parcel.file}: score of {sha256} on {one_line(score.task_set)}: {problem}"
            )
    return [derived[_identity(each)] for each in parcel.processes]


def _check_places(parcel: Parcel, sessions: dict[str, Session]) -> None:
    """Checks that each process is of a session and device in the parcel, and is there once."""
    seen = set()
    for each in parcel.processes:
        where = f"{parcel.file}: session {one_line(each.session_id)}"
        session = sessions.get(each.session_id)
        if session is None or each.case.device != session.device.key:
            raise _wrong(f"{where}: a process is of another session or device")
        if _identity(each) in seen:
            raise _wrong(f"{where}: has process {each.ordinal} of a case twice")
        seen.add(_identity(each))


def _sessions(parcel: Parcel) -> dict[str, Session]:
    sessions = {each.id: each for each in parcel.sessions}
    if len(sessions) < len(parcel.sessions) or any(each.suite == GATE for each in parcel.sessions):
        raise _wrong(f"{parcel.file}: a session is in it twice, or is that of a gate")
    for each in parcel.sessions:
        check_name(each.id, f"{parcel.file}: session")
        check_name(each.device.name.replace("/", "-"), f"{parcel.file}: device")
        _check_time(parcel, each.started_at)
    hashes = [each.sha256 for each in parcel.artifacts]
    if len(set(hashes)) < len(hashes):
        raise _wrong(f"{parcel.file}: an artifact is in it twice")
    return sessions


def _check_time(parcel: Parcel, text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise _wrong(f"{parcel.file}: {one_line(text)} is not a time") from error


def _by_session(parcel: Parcel, sessions: dict[str, Session]) -> dict[str, list[Event]]:
    """Returns the events of each session; what an imported log claims is checked."""
    events: dict[str, list[Event]] = defaultdict(list)
    for each in parcel.events:
        if each.session_id not in sessions:
            raise _wrong(f"{parcel.file}: an event {one_line(each.kind)} is of no session in it")
        if each.kind == IMPORTED:
            log = config.structure(each.facts, ImportedLog, source=f"{parcel.file}: events.jsonl")
            _check_log(parcel, log, sessions[each.session_id])
        events[each.session_id].append(each)
    for session in sessions.values():
        count = sum(each.kind == IMPORTED for each in events[session.id])
        if count > 1 or (count == 0 and session.suite == logs.SUITE):
            raise _wrong(f"{parcel.file}: session {session.id} has {count} imported logs")
    return events


def _check_log(parcel: Parcel, log: ImportedLog, session: Session) -> None:
    is_whole = logs.is_intact(log)
    if not is_whole or logs.session_id(log) != session.id or logs.device_of(log) != session.device:
        raise _wrong(f"{parcel.file}: session {session.id} is not that of its imported log")


def _check_rows(parcel: Parcel, derived: Sequence[dict[str, object]]) -> None:
    if len(parcel.rows) != len(derived):
        raise _wrong(
            f"{parcel.file}: has {len(parcel.rows)} rows, and its raw texts {len(derived)}"
        )
    for number, (claimed, row) in enumerate(zip(parcel.rows, derived, strict=True), start=1):
        wrong = derive.different_field(claimed, row)
        if wrong is not None:
            name = ", ".join(str(row[column])[:60] for column in _NAME)
            raise _wrong(f"{parcel.file}: row {number} ({one_line(name)}): {one_line(wrong)}")


def _check_conflicts(store: Store, parcel: Parcel) -> None:
    here = {each.id: each for each in store.sessions()}
    for session in parcel.sessions:
        if session.id in here:
            _check_same(parcel, session, here[session.id], "session")
            stored = {_identity(each): each for each in store.invocations(session.id)}
            for each in parcel.processes:
                known = stored.get(_identity(each)) if each.session_id == session.id else None
                if known is not None:
                    _check_same(
                        parcel, each, replace(known, outcome=None, id=0), f"process of {session.id}"
                    )
    artifacts = {each.sha256: each for each in store.artifacts()}
    for artifact in parcel.artifacts:
        mine = artifacts.get(artifact.sha256)
        if mine is not None:
            for field in ("size_bytes", "format", "parameters"):
                if getattr(mine, field) != getattr(artifact, field):
                    raise _wrong(
                        f"{parcel.file}: {artifact.name} {artifact.format}: {field} is "
                        f"{getattr(artifact, field)}, and here of the same file "
                        f"{getattr(mine, field)}"
                    )


def _check_same(parcel: Parcel, theirs: object, ours: object, noun: str) -> None:
    wrong = derive.different_field(config.unstructure(theirs), config.unstructure(ours))
    if wrong is not None:
        raise _wrong(f"{parcel.file}: the database has another {noun}: {one_line(wrong)}")


def _identity(invocation: Invocation) -> tuple[str, str, int]:
    return invocation.session_id, invocation.case.key, invocation.ordinal


def _add(
    store: Store, parcel: Parcel, outcomes: Sequence[Outcome], *, marks: bool = False
) -> Merged:
    """Adds what is not there; after an interruption the rest is added.

    Manifests and scores come last: without them nothing of a half-added parcel is in a report.

    Args:
        marks: each new session gets an event that it was merged.
    """
    artifacts = {each.sha256 for each in store.artifacts()}
    here = {each.id for each in store.sessions()}
    for session in parcel.sessions:
        if session.id not in here:
            store.add_session(session)
        if marks and _is_bare(store, session):
            now = datetime.now(UTC).isoformat()
            facts: dict[str, object] = {"file": parcel.file, "sha256": parcel.sha256}
            store.add_event(Event(kind=MERGED, at=now, session_id=session.id, facts=facts))
    _add_events(store, parcel.events, here)
    with store.writing_together() as together:
        processes = _add_processes(together, parcel, outcomes)
    known = {_place(each) for each in store.scores()}
    for artifact in parcel.artifacts:
        store.add_artifact(artifact)
    scores = [each for each in parcel.scores if _place(each) not in known or not marks]
    for score in scores:
        store.add_score(score)
    return Merged(
        file=parcel.file,
        sessions=sum(each.id not in here for each in parcel.sessions),
        processes=processes,
        artifacts=sum(each.sha256 not in artifacts for each in parcel.artifacts),
        scores=len(scores),
        scores_left=len(parcel.scores) - len(scores),
    )


def _is_bare(store: Store, session: Session) -> bool:
    """Returns whether a session is new, or its first merge was interrupted before it was marked."""
    return not store.events(session.id) and not store.invocations(session.id)


def _place(score: Score) -> tuple[object, ...]:
    """Returns what has one score at a time: a report takes the newest of each."""
    return (
        score.artifact_sha256, score.task_set_sha256, score.hop_samples, score.device, score.rule,
    )  # fmt: skip


def _add_events(store: Store, events: Iterable[Event], here: Collection[str]) -> None:
    """Adds the events that are not there; those of a check that was made here are left out."""
    stored = store.events()
    known = {_sha256(each) for each in stored}
    checked = {_computation(each) for each in stored if each.kind == CHECK}
    for event in events:
        repeats = event.kind == CHECK and _computation(event) in checked
        if _sha256(event) not in known and not (repeats and here):
            store.add_event(event)


def _sha256(event: Event) -> str:
    return sha256_value([event.session_id, event.kind, event.at, event.facts])


def _computation(event: Event) -> tuple[object, ...]:
    """Returns what an output check is of: a device, its system build and a computation."""
    check = config.structure(event.facts, Check, source="an output check")
    return check.device, check.os_build, check.computation


def _add_processes(store: Store, parcel: Parcel, outcomes: Sequence[Outcome]) -> int:
    stored = {_identity(each): each for each in store.invocations()}
    added = 0
    for invocation, outcome in zip(parcel.processes, outcomes, strict=True):
        known = stored.get(_identity(invocation))
        if known is None:
            store.add_outcome(store.add_invocation(invocation), outcome)
            added += 1
        elif known.outcome is None:  # the program was killed in between
            store.add_outcome(known.id, outcome)
    return added


def _wrong(message: str) -> ConfigurationError:
    return ConfigurationError(message, hint=_HINT)
