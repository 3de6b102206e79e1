"""What the streaming and the sustained mode found: rows of a report apart from the latencies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.core.artifact import Artifact, Role
from bench.core.caveats import Caveat
from bench.flow.report.frontend import frontend_caveats, frontend_of
from bench.flow.report.join import family_of
from bench.flow.report.results import CaseResult, Timed
from bench.measure.streaming import Streaming
from bench.measure.sustained import Curve, Point
from bench.plan.case import Case, Mode
from bench.store.records import Session
from reports.schema import Endurance, Slice, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Rows of a report; of each file, device and way to run it those of the newest session."""

    streams: tuple[Stream, ...] = ()
    endurances: tuple[Endurance, ...] = ()
    slices: tuple[Slice, ...] = ()


def modes(timed: Iterable[Timed]) -> Modes:
    """Returns what was found in these modes of files with a manifest, the oldest session first."""
    streams: dict[tuple[object, ...], Stream] = {}
    endured: dict[tuple[object, ...], tuple[Endurance, tuple[Slice, ...]]] = {}
    for session, cases in timed:
        for each in cases:
            artifact = each.artifact
            if artifact is None:
                continue
            key = (artifact.sha256, session.device.name, *_way(each.case))
            if each.streaming is not None and artifact.role is not Role.FRONTEND:
                streams[key] = _stream(each, each.streaming, artifact, session, cases)
            if each.curve is not None:
                row = _endurance(each, each.curve, artifact, session)
                endured[key] = (row, tuple(_slice(row, point) for point in each.curve.points))
    return Modes(
        streams=tuple(streams.values()),
        endurances=tuple(row for row, _ in endured.values()),
        slices=tuple(each for _, slices in endured.values() for each in slices),
    )


def _way(case: Case) -> tuple[str, str, int]:
    return case.runner.value, case.delegate.value, case.threads


def _stream(
    case: CaseResult,
    cost: Streaming,
    artifact: Artifact,
    session: Session,
    cases: Sequence[CaseResult],
) -> Stream:
    alike = [each for each in cases if each.case.protocol.mode is Mode.STREAMING]
    frontend, added = frontend_of(case, artifact, alike)
    front = added.streaming if added else None
    caveats = [*case.caveats, *frontend_caveats(frontend), *(added.caveats if added else ())]
    summary = case.summary
    assert summary is not None  # noqa: S101 - it has a cost
    return Stream(
        artifact_sha256=artifact.sha256,
        student=artifact.name,
        format=artifact.format.value,
        family=family_of(artifact.name),
        device=session.device.name,
        runner=case.case.runner.value,
        runtime=summary.runtime or "unknown",
        delegate=case.case.delegate.value,
        threads=case.case.threads,
        session=session.id,
        processes=summary.processes,
        hop_s=cost.hop_s,
        latency_us_median=summary.latency_us_median,
        latency_us_low=summary.latency_us_low,
        latency_us_high=summary.latency_us_high,
        back_to_back_us=_back_to_back_us(case.case, cases),
        frontend=frontend.value,
        frontend_latency_us=added.summary.latency_us_median if added and added.summary else None,
        real_time_ratio=cost.real_time_ratio + (front.real_time_ratio if front else 0.0),
        core_share=cost.core_share + (front.core_share if front else 0.0),
        caveats=_kinds(caveats),
        **_ends(cost, front),
    )


def _ends(cost: Streaming, front: Streaming | None) -> dict[str, float | None]:
    """Returns the intervals; that of a sum is the sum of the ends, which is wide."""
    found = {}
    for name in ("real_time_ratio", "core_share"):
        for end in (f"{name}_low", f"{name}_high"):
            parts = [getattr(each, end) for each in (cost, front) if each is not None]
            found[end] = None if None in parts else sum(parts)
    return found


def _back_to_back_us(case: Case, cases: Sequence[CaseResult]) -> float | None:
    medians_us = (
        each.summary.latency_us_median
        for each in cases
        if each.summary is not None
        and each.case.protocol.mode is Mode.BACK_TO_BACK
        and each.case.without_protocol == case.without_protocol
    )
    return next(medians_us, None)


def _endurance(case: CaseResult, found: Curve, artifact: Artifact, session: Session) -> Endurance:
    points = found.points
    return Endurance(
        artifact_sha256=artifact.sha256,
        student=artifact.name,
        format=artifact.format.value,
        family=family_of(artifact.name),
        device=session.device.name,
        runner=case.case.runner.value,
        delegate=case.case.delegate.value,
        threads=case.case.threads,
        session=session.id,
        slices=len(points),
        duration_s=points[-1].until_s,
        start_us=found.start_us,
        start_us_low=found.start_us_low,
        start_us_high=found.start_us_high,
        end_us=found.end_us,
        end_us_low=found.end_us_low,
        end_us_high=found.end_us_high,
        is_steady=found.steady_us is not None,
        throttled_after_s=found.throttled_after_s,
        thermal_status_highest=_highest(point.thermal_status for point in points),
        temp_c_highest=_highest(point.temp_c for point in points),
        clock_khz_lowest=min(
            (point.clock_khz for point in points if point.clock_khz is not None), default=None
        ),
        caveats=_kinds(case.caveats),
    )


def _slice(row: Endurance, point: Point) -> Slice:
    return Slice(
        artifact_sha256=row.artifact_sha256,
        student=row.student,
        format=row.format,
        device=row.device,
        runner=row.runner,
        delegate=row.delegate,
        threads=row.threads,
        at_s=point.at_s,
        until_s=point.until_s,
        latency_us=point.latency_us,
        latency_ratio=point.latency_us / row.start_us,
        thermal_status=point.thermal_status,
        temp_c=point.temp_c,
        clock_khz=point.clock_khz,
        cap_khz=point.cap_khz,
    )


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _kinds(caveats: Iterable[Caveat]) -> str:
    return ";".join(sorted({caveat.kind.value for caveat in caveats}))
