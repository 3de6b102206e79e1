"""What delegates did with files where these were really run, out of a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from bench.core.units import one_line
from bench.flow.report.origin import HERE, IMPORTED, MERGED, origin_of
from bench.measure.outcome import Failed, Measured
from bench.plan.case import Delegate
from bench.store.records import Event, Invocation, Session
from bench.store.store import Store
from reports.lint.findings import Observation

# The codes of failures in which a delegate did not run as it was asked to.
FALLBACKS = (
    *("cpu-fallback", "delegate-failed", "delegate-mismatch", "delegate-not-applied"),
    *("delegate-not-loaded", "delegate-not-seen", "full-delegation-refused", "partial-delegation"),
)
_SHORT = 12  # characters of a hash

_Setup: TypeAlias = tuple[str, str, str, str, str | None, str]  # that one observation is of


def observations(store: Store, files: Iterable[str]) -> dict[str, tuple[Observation, ...]]:
    """Returns what was observed of each file, by its SHA-256, gates included.

    Of each device, tool and delegate only the newest session counts: what an older one saw may have
    been repaired since. Processes without a delegate show nothing, nor do those that failed for
    another reason.
    """
    newest: dict[_Setup, tuple[str, dict[Observation, None]]] = {}
    sessions = {session.id: session for session in store.sessions()}
    events: dict[str | None, list[Event]] = defaultdict(list)
    for kind in (IMPORTED, MERGED):
        for event in store.events(kind=kind):
            events[event.session_id].append(event)
    for process in store.invocations_of_files(list(files)):
        session = sessions[process.session_id]
        seen = _observation(process, session, events)
        if seen is None:
            continue
        case = process.case
        setup = (
            *(case.artifact_sha256, session.device.key, case.tool_sha256, case.delegate),
            *(case.library_sha256, case.inputs_text),
        )
        newest[setup] = _newer(newest.get(setup, ("", {})), session, seen)
    return _by_file(newest)


def _newer(
    known: tuple[str, dict[Observation, None]], session: Session, seen: Observation
) -> tuple[str, dict[Observation, None]]:
    order = f"{session.started_at} {session.id}"
    if order > known[0]:
        return order, {seen: None}
    if order == known[0]:
        known[1][seen] = None
    return known


def _by_file(
    newest: Mapping[_Setup, tuple[str, dict[Observation, None]]],
) -> dict[str, tuple[Observation, ...]]:
    found: dict[str, list[Observation]] = defaultdict(list)
    for setup, (_, seen) in newest.items():
        found[setup[0]] += seen
    return {file: tuple(each) for file, each in found.items()}


def _observation(
    process: Invocation, session: Session, events: Mapping[str | None, list[Event]]
) -> Observation | None:
    case, outcome, device = process.case, process.outcome, session.device
    failure = ""
    nodes: tuple[int | None, int | None, int | None] = (None, None, None)
    match outcome:
        case Failed() if outcome.code in FALLBACKS:
            failure = one_line(outcome.failure)
        case Measured() if case.delegate is not Delegate.NONE:
            nodes = (outcome.nodes_total, outcome.nodes_delegated, outcome.partitions)
        case _:
            return None
    runtime = outcome.runtime if isinstance(outcome, Measured) else None
    origin = origin_of(events[session.id])
    return Observation(
        device=device.name,
        model=device.model or "",
        tool=" ".join(filter(None, (case.runner.value, runtime, case.tool_sha256[:_SHORT]))),
        delegate=case.delegate.value,
        nodes_total=nodes[0],
        nodes_delegated=nodes[1],
        partitions=nodes[2],
        failure=failure,
        session=session.id,
        at=session.started_at,
        origin="" if origin == HERE else origin.text,
        virtual=device.virtual,
    )
