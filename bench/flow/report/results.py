"""The results of each case of a session, computed from its stored processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import TypeAlias

from bench.core.artifact import Artifact
from bench.core.caveats import Caveat, CaveatKind
from bench.core.device_state.caches import CacheUse
from bench.core.device_state.telemetry import Telemetry
from bench.flow.outputs.record import Check, Checks, Verdict, checks_on, output_caveats
from bench.flow.phone.drift_probe import probe_caveats
from bench.flow.phone.readiness import session_caveats
from bench.flow.report.energy import energy_of
from bench.flow.report.origin import HERE, Origin, origin_of
from bench.measure.energy import METERED, EnergyUse
from bench.measure.outcome import Failed, Measured, Statistics
from bench.measure.printed import Printed, summarise_printed
from bench.measure.result_caveats import (
    convention_differs,
    input_caveats,
    threads_change_nothing,
    warm_cache,
    wide_interval,
)
from bench.measure.sampled import SampleSummary, summarise_samples
from bench.measure.stopping import counts
from bench.measure.streaming import Streaming, streaming
from bench.measure.summary import SessionSpread, Summary, summarise
from bench.measure.sustained import Curve, Point, curve
from bench.measure.validity import once_each
from bench.plan.case import Case, Mode, Protocol
from bench.plan.device import DeviceRecord, Kind
from bench.store.records import Event, Invocation, Session
from bench.tool.op_profile import OpProfile, parse_op_profile

# The modes whose results show the device's states before and after a process.
SHOWING_STATES = frozenset({Mode.SUSTAINED, *METERED})
_MIXED = "mixed"
_BUSY_SHARE = 0.05  # of a process's time spent waiting for a core


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One case of one session.

    Args:
        name: of the artifact; for a file without manifest, of the file.
        model: path of the timed file.
        artifact: ``None`` for a file without manifest.
        failed: how many processes failed.
        failures: the reasons, each once.
        summary: of the valid processes; ``None`` if there are none, or only their statistics are
            stored.
        caveats: all of them, including those of the artifact.
        sampled_memory_mb_peak: highest sampled resident memory, from a separate process.
        profiles: op profiles, each from a process of its own.
        discarded: how many processes the device's state made invalid.
        discards: why they are invalid, one caveat per kind.
        conventional: one process with the defaults of benchmark_model, 50 runs.
        spread: of the medians of all sessions of this case; ``None`` if there is only one session.
        streaming: the cost per second of audio, in the streaming mode.
        curve: latency over time, in the sustained mode.
        check: the output check; ``None`` if the outputs were not checked.
        sampled: the telemetry while its processes ran; ``None`` if none of them took long.
        runtime: name and version of what ran the graph, where the tool reports it.
        cache: what its processes did with the delegate's cache: ``read``, ``written``,
            ``ignored``, ``unclear`` or ``mixed``; ``None`` without a warm cache.
        energy: of the device's rails, or why it is not known; ``None`` if it was not asked for.
        printed: of imported processes, instead of the summary, where a log has statistics only.
        origin: where the numbers come from.
    """

    case: Case
    name: str
    model: str
    artifact: Artifact | None
    failed: int
    failures: tuple[str, ...]
    summary: Summary | None
    caveats: tuple[Caveat, ...]
    sampled_memory_mb_peak: float | None = None
    profiles: tuple[OpProfile, ...] = ()
    discarded: int = 0
    discards: tuple[Caveat, ...] = ()
    conventional: Statistics | None = None
    spread: SessionSpread | None = None
    streaming: Streaming | None = None
    curve: Curve | None = None
    check: Check | None = None
    sampled: SampleSummary | None = None
    runtime: str | None = None
    cache: str | None = None
    energy: EnergyUse | None = None
    printed: Printed | None = None
    origin: Origin = HERE

    @property
    def profile(self) -> OpProfile | None:
        """The first op profile; ``None`` if there is none."""
        return self.profiles[0] if self.profiles else None

    @property
    def is_bad(self) -> bool:
        """Whether a process failed, the outputs are wrong, or there is no valid process."""
        is_wrong = self.check is not None and self.check.verdict is Verdict.FAILED
        has_none = self.summary is None and self.curve is None and self.printed is None
        return bool(self.failed) or is_wrong or has_none


# A session and the results of its cases.
Timed: TypeAlias = tuple[Session, tuple[CaseResult, ...]]
# The id of the first process of a case, which places it among those of one name, and its result.
Placed: TypeAlias = tuple[int, CaseResult]


class SessionResults:
    """The results of a session's cases that have a stored process, added file by file.

    Processes of companion modes, such as op profiles, are part of the back-to-back case that they
    belong to.
    """

    def __init__(
        self,
        session: Session,
        events: Sequence[Event],
        artifacts: Mapping[str, Artifact],
        checks: Checks,
    ) -> None:
        """Prepares what all its cases share.

        Args:
            events: of the session.
            artifacts: by SHA-256.
        """
        self._device, self._events, self._artifacts = session.device, events, artifacts
        self._checked = checks_on(session.device, checks)
        self._origin = origin_of(events)
        self._caveats = (
            *session_caveats(events), *probe_caveats(events), *self._origin.caveats,
        )  # fmt: skip
        self._found: list[Placed] = []

    def add(self, found: Iterable[Placed]) -> None:
        """Adds what ``of_file`` returned."""
        self._found += found

    def with_artifacts(self, found: Iterable[Placed]) -> list[Placed]:
        """Returns results that came from another process, which leaves their artifacts out."""
        return [
            (at, replace(each, artifact=self._artifacts.get(each.case.artifact_sha256)))
            for at, each in found
        ]

    def of_file(self, invocations: Iterable[Invocation]) -> list[Placed]:
        """Returns the result of each case of a file, given all of its processes in the session."""
        rows: dict[str, list[Invocation]] = defaultdict(list)
        beside: dict[str, dict[Mode, list[Invocation]]] = defaultdict(lambda: defaultdict(list))
        for invocation in invocations:
            case, mode = invocation.case, invocation.case.protocol.mode
            if mode is Mode.OUTPUT_CHECK:  # their result is in the output check
                continue
            if mode.is_companion:
                beside[case.without_protocol][mode].append(invocation)
            else:
                rows[case.key].append(invocation)
        return [(each[0].id, self._case(each, beside)) for each in rows.values()]

    def _case(
        self,
        processes: Sequence[Invocation],
        beside: Mapping[str, Mapping[Mode, Sequence[Invocation]]],
    ) -> CaseResult:
        case = processes[0].case
        at_once = case.protocol.mode is Mode.BACK_TO_BACK
        companions = beside.get(case.without_protocol, {}) if at_once and beside else {}
        result = _result(processes, companions, self._device, self._artifacts)
        check = self._checked.get(case.computation)
        hop_s = result.artifact.hop_s if result.artifact and result.artifact.hop_samples else None
        return replace(
            result,
            caveats=(*result.caveats, *output_caveats(check), *self._caveats),
            check=check,
            energy=energy_of(processes, self._events, hop_s=hop_s),
            origin=self._origin,
        )

    def sorted(self) -> list[CaseResult]:
        """Returns the results by name; of one name in the order in which they were measured."""
        found = [case for _, case in sorted(self._found, key=itemgetter(0))]
        return sorted(_with_thread_caveats(found, self._device), key=_order)


def _order(result: CaseResult) -> tuple[object, ...]:
    case = result.case
    return result.name, case.delegate, list(Mode).index(case.protocol.mode), case.threads


def _result(
    invocations: Sequence[Invocation],
    companions: Mapping[Mode, Sequence[Invocation]],
    device: DeviceRecord,
    artifacts: Mapping[str, Artifact],
) -> CaseResult:
    first = invocations[0]
    protocol = first.case.protocol
    artifact = artifacts.get(first.case.artifact_sha256)
    processes = [each for group in (invocations, *companions.values()) for each in group]
    failed = [each.outcome for each in processes if isinstance(each.outcome, Failed)]
    measured = [
        each for _, each in _with_measured_outcome(invocations) if counts(each, protocol.mode)
    ]
    raw = all(each.inference_us for each in measured)
    known = bool(measured) and not protocol.mode.is_statistics
    summary = summarise(measured) if known and raw else None
    printed = summarise_printed(measured) if known and not raw else None
    beside = {mode: list(_with_measured_outcome(of_mode)) for mode, of_mode in companions.items()}
    conventional = next(
        (each.statistics for _, each in beside.get(Mode.CONVENTIONAL, ()) if each.is_valid), None
    )
    sustained = _curve(invocations) if protocol.mode is Mode.SUSTAINED else None
    uses = [each.cache for each in measured if each.cache is not None]
    caveats = [
        *_device_caveats(device),
        *input_caveats(first.case),
        *(artifact.caveats if artifact else ()),
        *(summary.caveats if summary else printed.caveats if printed else ()),
        *_summary_caveats(summary, protocol, conventional, sustained),
        *once_each([each.caveats for each in measured]),
        *_cache_caveats(invocations, uses),
    ]
    busy = busy_caveat([invocation.telemetry for invocation in invocations])
    if busy is not None and summary is not None and device.kind is Kind.HOST:
        caveats.append(busy)
    discards = [
        each for _, each in _with_measured_outcome(processes) if not counts(each, protocol.mode)
    ]
    return CaseResult(
        case=first.case,
        name=f"{artifact.name}.{artifact.format}" if artifact else Path(first.model).stem,
        model=first.model,
        artifact=artifact,
        failed=len(failed),
        failures=tuple(dict.fromkeys(outcome.failure for outcome in failed)),
        summary=summary,
        caveats=tuple(caveats),
        sampled_memory_mb_peak=next(
            (each.memory_mb_peak for _, each in beside.get(Mode.PEAK_MEMORY, ())), None
        ),
        profiles=tuple(
            found
            for each, _ in beside.get(Mode.OP_PROFILE, ())
            if (found := parse_op_profile(each.stdout)) is not None
        ),
        discarded=len(discards),
        discards=once_each([each.caveats for each in discards]),
        conventional=conventional,
        streaming=streaming(first.case, summary)
        if summary is not None and protocol.mode is Mode.STREAMING
        else None,
        curve=sustained,
        sampled=summarise_samples(each.telemetry.samples for each in processes),
        runtime=measured[0].runtime if measured else None,
        cache=uses[0] if len(set(uses)) == 1 else _MIXED if uses else None,
        printed=printed,
    )


def _summary_caveats(
    summary: Summary | None,
    protocol: Protocol,
    conventional: Statistics | None,
    sustained: Curve | None,
) -> list[Caveat]:
    caveats = []
    if summary is not None:
        caveats.append(wide_interval(protocol, summary))
        if conventional is not None:
            caveats.append(convention_differs(summary, conventional))
    if sustained is not None and sustained.interrupted_s is not None:
        caveats.append(
            Caveat(kind=CaveatKind.INTERRUPTED, evidence=f"for {sustained.interrupted_s:.0f} s")
        )
    return [caveat for caveat in caveats if caveat is not None]


def _cache_caveats(
    invocations: Sequence[Invocation], uses: Sequence[CacheUse]
) -> tuple[Caveat, ...]:
    sizes = (each.telemetry.cache.size_bytes for each in invocations if each.telemetry.cache)
    caveat = warm_cache(uses, next(sizes, None))
    return () if caveat is None else (caveat,)


def _with_thread_caveats(cases: Sequence[CaseResult], device: DeviceRecord) -> list[CaseResult]:
    """Returns the results, with a caveat where the number of threads made no difference."""
    alike: dict[str, list[CaseResult]] = defaultdict(list)
    for each in cases:
        if each.summary is not None:
            alike[each.case.without_threads].append(each)
    caveats: dict[str, tuple[Caveat, ...]] = {}
    for group in alike.values():
        summaries = {each.case.threads: each.summary for each in group if each.summary is not None}
        caveat = threads_change_nothing(summaries, device.cores)
        caveats |= {each.case.key: (caveat,) for each in group if caveat is not None}
    return [
        replace(each, caveats=(*each.caveats, *caveats.get(each.case.key, ()))) for each in cases
    ]


def _device_caveats(device: DeviceRecord) -> list[Caveat]:
    caveats = [Caveat(kind=CaveatKind.VIRTUAL)] if device.virtual else []
    if device.cores_left_out:
        caveats.append(
            Caveat(kind=CaveatKind.CORES_LEFT_OUT, evidence=f"cores {device.cores_left_out}")
        )
    return caveats


def _with_measured_outcome(
    invocations: Iterable[Invocation],
) -> Iterator[tuple[Invocation, Measured]]:
    for invocation in invocations:
        if isinstance(invocation.outcome, Measured):
            yield invocation, invocation.outcome


def _curve(invocations: Sequence[Invocation]) -> Curve | None:
    began = datetime.fromisoformat(invocations[0].started_at)
    points = [
        _point(
            each,
            (datetime.fromisoformat(each.started_at) - began).total_seconds(),
            outcome.statistics.middle_us,
        )
        for each, outcome in _with_measured_outcome(invocations)
        if outcome.statistics is not None
    ]
    return curve(points) if points else None


def _point(invocation: Invocation, at_s: float, latency_us: float) -> Point:
    after = invocation.telemetry.after
    point = Point(at_s=at_s, until_s=at_s + invocation.wall_s, latency_us=latency_us)
    if after is None:
        return point
    fastest = max(after.clocks, key=lambda clock: clock.max_khz.number or 0.0, default=None)
    temps_c = (after.cpu_temp_c.number, after.skin_temp_c.number)
    return replace(
        point,
        clock_khz=fastest.now_khz.number if fastest else None,
        cap_khz=fastest.cap_khz.number if fastest else None,
        thermal_status=after.thermal_status.number,
        temp_c=next((each for each in temps_c if each is not None), None),
    )


def busy_caveat(processes: Sequence[Telemetry]) -> Caveat | None:
    """Returns a caveat if most processes had to wait for a core."""
    shares = [
        each.run_queue_wait_s / (each.run_s + each.run_queue_wait_s)
        for each in processes
        if each.run_s and each.run_queue_wait_s is not None
    ]
    busy = [share for share in shares if share > _BUSY_SHARE]
    if 2 * len(busy) <= len(shares):
        return None
    return Caveat(
        kind=CaveatKind.BUSY_MACHINE,
        evidence=f"{len(busy)} of {len(shares)} processes waited for a core more than "
        f"{_BUSY_SHARE:.0%} of their time, the median one {median(shares):.1%}",
    )
