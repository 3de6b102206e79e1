"""The results that a store holds: of one session, or of those that are the newest of a case."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from bench.core.artifact import Artifact
from bench.flow.outputs.record import read_checks
from bench.flow.report.beside import read_beside
from bench.flow.report.origin import HERE, IMPORTED, MERGED, origin_of
from bench.flow.report.results import CaseResult, SessionResults, Timed
from bench.measure.summary import SessionSpread, between_sessions
from bench.plan.suite import GATE
from bench.store.records import Event, Session
from bench.store.store import Store


def newest_results(store: Store) -> list[Timed]:
    """Returns every session of a store, the oldest first, with its results if a page needs them.

    These are of the sessions that are the newest of any case. The others come without results: a
    page shows nothing of them but the spread between sessions, and they may be a million processes.
    Sessions of gates are left out: they are of old revisions too, and their results are in logs.
    The number of queries does not depend on the number of sessions.
    """
    sessions = {session.id: session for session in sessions_of(store)}
    having = dict(store.sessions_by_case())
    needed = _newest_of_cases(store, list(sessions), having)
    artifacts, checks = _artifacts(store), read_checks(store)
    events: dict[str | None, list[Event]] = defaultdict(list)
    for event in store.events_of(needed):
        events[event.session_id].append(event)
    found = {
        each: SessionResults(sessions[each], events[each], artifacts, checks) for each in needed
    }
    for identity, placed in read_beside(store, found):
        found[identity].add(placed)
    by_session = {identity: results.sorted() for identity, results in found.items()}
    timed = [(session, by_session.get(session.id, [])) for session in sessions.values()]
    keys = {each.case.key for cases in by_session.values() for each in cases}
    spreads = _spreads(store, {each for each in keys if len(having.get(each, ())) > 1})
    return [(session, _with_spreads(cases, spreads)) for session, cases in timed]


def _newest_of_cases(
    store: Store, oldest_first: Sequence[str], having: Mapping[str, Sequence[str]]
) -> set[str]:
    """Returns the sessions that are the newest of any case, of each origin on its own.

    Args:
        having: the sessions of each case.
    """
    place = {identity: number for number, identity in enumerate(oldest_first)}
    events: dict[str | None, list[Event]] = defaultdict(list)
    for kind in (IMPORTED, MERGED):
        for event in store.events(kind=kind):
            events[event.session_id].append(event)
    origins = {identity: origin_of(steps).text for identity, steps in events.items()}
    newest: dict[tuple[str, str], str] = {}
    for case, identities in having.items():
        known = (each for each in identities if each in place)
        for identity in sorted(known, key=place.__getitem__):
            newest[case, origins.get(identity, HERE.text)] = identity
    return set(newest.values())


def sessions_of(store: Store) -> list[Session]:
    """Returns the sessions of a store except those of gates, the oldest first."""
    return [session for session in store.sessions() if session.suite != GATE]


def results(store: Store, session: Session) -> tuple[CaseResult, ...]:
    """Returns the results of a session's cases that have a stored process, sorted by name."""
    found = SessionResults(session, store.events(session.id), _artifacts(store), read_checks(store))
    for _, placed in read_beside(store, {session.id: found}):
        found.add(placed)
    cases = found.sorted()
    return _with_spreads(cases, _spreads(store, {each.case.key for each in cases}))


def _artifacts(store: Store) -> dict[str, Artifact]:
    return {artifact.sha256: artifact for artifact in store.artifacts()}


def _with_spreads(
    cases: Iterable[CaseResult], spreads: Mapping[str, SessionSpread]
) -> tuple[CaseResult, ...]:
    return tuple(replace(each, spread=spreads.get(each.case.key)) for each in cases)


def _spreads(store: Store, keys: Collection[str]) -> dict[str, SessionSpread]:
    """Returns the between-session spread of each case that has several sessions."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for session_id, key, inference_us in store.inference_us(keys):
        if inference_us:
            values[key][session_id].append(median(inference_us))
    spreads = {
        key: between_sessions({each: median(found) for each, found in by_session.items()})
        for key, by_session in values.items()
    }
    return {key: spread for key, spread in spreads.items() if spread is not None}
