"""Rows of the streaming and the sustained mode, in tables of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from bench.core.artifact import SAMPLE_RATE_HZ, Role
from bench.flow.report.energy import amount_columns
from bench.flow.report.frontend import frontend_of
from bench.flow.report.join import Source, device_names
from bench.flow.report.results import CaseResult, Timed
from bench.measure.energy import EnergyUse
from bench.measure.streaming import Streaming
from bench.measure.sustained import Curve
from bench.plan.case import Case, Mode
from reports.rows.schema import Endurance, Power, Slice, Stream

_ENDS = ("real_time_ratio_low", "real_time_ratio_high", "core_share_low", "core_share_high")


def modes(timed: Sequence[Timed]) -> tuple[list[Stream], list[Endurance]]:
    """Returns the rows of files with a manifest in the streaming and in the sustained mode.

    There is one per case, from the newest session that has it; sessions are the oldest first.
    """
    names = device_names(session.device for session, _ in timed)
    streams: dict[tuple[str, str], Stream] = {}
    endurances: dict[tuple[str, str], Endurance] = {}
    for session, cases in timed:
        for case in cases:
            artifact = case.artifact
            if artifact is None:
                continue
            source = Source(case=case, artifact=artifact, session=session, device_names=names)
            if case.streaming is not None and artifact.role is not Role.FRONTEND:
                streams[case.case.key, case.origin.text] = _stream(source, case.streaming, cases)
            if case.curve is not None:
                endurances[case.case.key, case.origin.text] = _endurance(source, case.curve)
    return list(streams.values()), list(endurances.values())


def _stream(source: Source, cost: Streaming, cases: Sequence[CaseResult]) -> Stream:
    case = source.case
    alike = [each for each in cases if each.case.protocol.mode is Mode.STREAMING]
    frontend = frontend_of(
        case, source.artifact, alike, hop_samples=round(cost.hop_s * SAMPLE_RATE_HZ)
    )
    added = frontend.measured
    front = added.streaming.over(cost.hop_s) if added and added.streaming else None
    front_us = added.summary if added else None
    caveats = {*case.caveats, *frontend.caveats, *(added.caveats if added else ())}
    summary = case.summary
    assert summary is not None  # noqa: S101 - a streaming cost needs a summary
    ratio_low, ratio_high, share_low, share_high = (
        _sum(getattr(part, name) for part in (cost, front) if part is not None) for name in _ENDS
    )
    return Stream(
        file=source.file,
        setup=source.setup,
        case_key=case.case.key,
        session=source.session.id,
        processes=summary.processes,
        hop_s=cost.hop_s,
        latency_us_median=summary.latency_us_median,
        latency_us_low=summary.latency_us_low,
        latency_us_high=summary.latency_us_high,
        back_to_back_us=_back_to_back_us(case.case, cases),
        frontend=frontend.kind,
        frontend_us_per_hop=front_us.latency_us_median if front_us else None,
        frontend_us_per_hop_low=front_us.latency_us_low if front_us else None,
        frontend_us_per_hop_high=front_us.latency_us_high if front_us else None,
        real_time_ratio=cost.real_time_ratio + (front.real_time_ratio if front else 0.0),
        real_time_ratio_low=ratio_low,
        real_time_ratio_high=ratio_high,
        core_share=cost.core_share + (front.core_share if front else 0.0),
        core_share_low=share_low,
        core_share_high=share_high,
        caveats=tuple(sorted(caveats)),
        power=_power(case.energy),
    )


def _sum(parts: Iterable[float | None]) -> float | None:
    """Returns an end of the interval of a sum: the sum of the ends, which is wide."""
    ends = list(parts)
    return None if None in ends else sum(end for end in ends if end is not None)


def _back_to_back_us(case: Case, cases: Sequence[CaseResult]) -> float | None:
    medians_us = (
        each.summary.latency_us_median
        for each in cases
        if each.summary is not None
        and each.case.protocol.mode is Mode.BACK_TO_BACK
        and each.case.without_protocol == case.without_protocol
    )
    return next(medians_us, None)


def _endurance(source: Source, curve: Curve) -> Endurance:
    points = curve.points
    return Endurance(
        file=source.file,
        setup=source.setup,
        points=tuple(
            Slice(**asdict(point), latency_ratio=point.latency_us / curve.start_us)
            for point in points
        ),
        case_key=source.case.case.key,
        session=source.session.id,
        slices=len(points),
        duration_s=points[-1].until_s,
        start_us=curve.start_us,
        start_us_low=curve.start_us_low,
        start_us_high=curve.start_us_high,
        end_us=curve.end_us,
        end_us_low=curve.end_us_low,
        end_us_high=curve.end_us_high,
        is_steady=curve.steady_us is not None,
        throttled_after_s=curve.throttled_after_s,
        thermal_status_highest=_highest(point.thermal_status for point in points),
        temp_c_highest=_highest(point.temp_c for point in points),
        clock_khz_lowest=min(
            (point.clock_khz for point in points if point.clock_khz is not None), default=None
        ),
        caveats=tuple(sorted(set(source.case.caveats))),
        power=_power(source.case.energy),
    )


def _power(energy: EnergyUse | None) -> Power:
    if energy is None:
        return Power()
    return Power(
        **amount_columns("energy_j_per_inference", energy.per_inference_j),
        **amount_columns("energy_j_per_hour", energy.per_hour_j),
        **amount_columns("power_w", energy.power_w),
        idle_power_w=energy.idle_w.value if energy.idle_w else None,
        energy_rails=";".join(energy.rails) or None,
        energy_meter=energy.way,
        energy_windows=energy.windows or None,
        energy_plugged=energy.plugged,
        energy_gap=energy.unavailable,
    )


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
