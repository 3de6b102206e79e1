"""The streaming and sustained runs of a database over time: its processes and the telemetry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

from bench.core.artifact import Artifact
from bench.core.device_state.state import Clock, Reading, State
from bench.core.errors import ConfigurationError
from bench.core.units import counted
from bench.flow.report.stored import sessions_of
from bench.measure.outcome import Failed, Measured
from bench.plan.case import Case, Mode
from bench.store.records import Invocation, Session
from bench.store.store import Store
from reports.exchange.trace_events import Counter, Lane, Slice, Track

MODES = (Mode.STREAMING, Mode.SUSTAINED)
_WORDS = {Mode.STREAMING: "process", Mode.SUSTAINED: "slice"}


def tracks_of(store: Store) -> list[Track]:
    """Returns a track for each session that has streaming or sustained cases, the oldest first.

    Its times are from the session's start. A slice is one process: the tools print how long
    inferences took, and not when each began.

    Raises:
        ConfigurationError: there are no such cases.
    """
    sessions = {session.id: session for session in sessions_of(store)}
    artifacts = {artifact.sha256: artifact for artifact in store.artifacts()}
    found: dict[str, Track] = {}
    for identity, invocations in store.invocations_by_session(list(sessions)):
        chosen = [each for each in invocations if each.case.protocol.mode in MODES]
        if chosen:
            found[identity] = _track(sessions[identity], chosen, artifacts)
    if not found:
        raise ConfigurationError(
            f"{store.url}: holds no streaming and no sustained run, which have a course over time",
            hint="measure one: frill-bench run --streaming, or --sustained MIN",
        )
    return [found[identity] for identity in sessions if identity in found]


def _track(
    session: Session, invocations: Sequence[Invocation], artifacts: Mapping[str, Artifact]
) -> Track:
    starts = [session.started_at, *(each.started_at for each in invocations)]
    began_s = min(map(_moment_s, starts))  # a clock that was set can be earlier than its session
    lanes: dict[str, list[Slice]] = {}
    names: dict[str, str] = {}
    counters: list[Counter] = []
    for each in invocations:
        at_us = 1e6 * (_moment_s(each.started_at) - began_s)
        names[each.case.key] = _name(each, artifacts.get(each.case.artifact_sha256))
        lanes.setdefault(each.case.key, []).append(_slice(each, at_us))
        counters += _counters(each, at_us)
    return Track(
        name=f"{session.device.name}, session {session.id[:8]}",
        facts={
            "session": session.id,
            "started": session.started_at,
            "program": session.program,
            "system": session.device.os_build,
            "tool": ", ".join(dict.fromkeys(each.case.tool_sha256 for each in invocations)),
        },
        lanes=tuple(Lane(name=names[key], slices=tuple(of)) for key, of in lanes.items()),
        counters=tuple(sorted(counters, key=lambda each: each.at_us)),
    )


def _moment_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _name(invocation: Invocation, artifact: Artifact | None) -> str:
    case: Case = invocation.case
    named = f"{artifact.name}.{artifact.format}" if artifact else Path(invocation.model).stem
    cores = f", cores {case.affinity}" if case.affinity else ""
    threads = counted(case.threads, "thread")
    return f"{named}, {case.protocol.mode}, {case.delegate}, {threads}{cores}"


def _slice(invocation: Invocation, at_us: float) -> Slice:
    return Slice(
        name=f"{_WORDS[invocation.case.protocol.mode]} {invocation.ordinal + 1}",
        at_us=at_us,
        lasts_us=1e6 * invocation.wall_s,
        facts=dict(_facts(invocation)),
    )


def _facts(invocation: Invocation) -> Iterator[tuple[str, float | str]]:
    match invocation.outcome:
        case Failed(failure=failure):
            yield "failed", failure
        case Measured(inference_us=values, statistics=statistics, caveats=caveats):
            if values:
                yield "latency_us_median", median(values)
                yield "inferences", len(values)
            elif statistics is not None:
                yield "latency_us_middle", statistics.middle_us
                yield "inferences", statistics.runs
            for caveat in caveats:
                yield f"caveat {caveat.kind}", caveat.evidence or caveat.text
        case None:
            yield "outcome", "not read yet"


def _counters(invocation: Invocation, at_us: float) -> Iterator[Counter]:
    """Yields what the device showed before, during and after a process; what it hides is absent."""
    telemetry = invocation.telemetry
    ends = ((telemetry.before, at_us), (telemetry.after, at_us + 1e6 * invocation.wall_s))
    for state, when_us in ends:
        if state is not None:
            yield from _of_state(state, when_us)
    for sample in telemetry.samples:
        when_us = at_us + 1e6 * sample.at_s
        yield from _of_clocks(sample.clocks, when_us)
        yield from _read("temperature, hottest zone", "°C", sample.temp_c, when_us)
        yield from _read("temperature, surface", "°C", sample.surface_temp_c, when_us)
        yield from _read("temperature, skin", "°C", sample.skin_temp_c, when_us)


def _of_state(state: State, at_us: float) -> Iterator[Counter]:
    yield from _of_clocks(state.clocks, at_us)
    zones_c = [zone.temp_c.number for zone in state.zones]
    hottest_c = max((each for each in zones_c if each is not None), default=None)
    yield from _read("temperature, hottest zone", "°C", Reading(value=hottest_c), at_us)
    yield from _read("temperature, processor", "°C", state.cpu_temp_c, at_us)
    yield from _read("temperature, skin", "°C", state.skin_temp_c, at_us)
    yield from _read("temperature, battery", "°C", state.battery_temp_c, at_us)
    yield from _read("thermal status", "0 none to 6 shutdown", state.thermal_status, at_us)


def _of_clocks(clocks: Sequence[Clock], at_us: float) -> Iterator[Counter]:
    for clock in clocks:
        first, last = clock.cores[0], clock.cores[-1]
        cores = f"core {first}" if first == last else f"cores {first} to {last}"
        yield from _read(f"clock, {cores}", "MHz", clock.now_khz, at_us, per=1000)
        yield from _read(f"cap, {cores}", "MHz", clock.cap_khz, at_us, per=1000)


def _read(
    name: str, unit: str, reading: Reading, at_us: float, *, per: float = 1
) -> Iterator[Counter]:
    number = reading.number
    if number is not None:
        yield Counter(name=name, unit=unit, at_us=at_us, value=number / per)
