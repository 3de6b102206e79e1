"""The details of each file and each device, out of the results of all sessions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median

from bench.core import units
from bench.core.artifact import Artifact, Tensor
from bench.core.caveats import Caveat
from bench.flow.report.accuracy import file_of
from bench.flow.report.join import device_names
from bench.flow.report.results import CaseResult, Timed
from bench.plan.case import Case, Mode
from bench.plan.device import DeviceRecord
from bench.store.records import Session
from bench.tool.op_profile import OpProfile, OpRow
from reports.rows.details import (
    CheckedOutputs,
    Details,
    DeviceDetails,
    FileDetails,
    OpTime,
    SessionMedian,
    SessionSummary,
)

_DAY_S = 86_400.0
_MOST_LAYERS = 12


def details_of(timed: Sequence[Timed]) -> Details:
    """Returns the details of each file with a manifest and of each device, as first timed.

    Args:
        timed: all sessions, the oldest first, with results where they are the newest of a case.
    """
    names = device_names(session.device for session, _ in timed)
    of_file: dict[str, list[tuple[Session, CaseResult]]] = defaultdict(list)
    of_device: dict[str, list[Timed]] = defaultdict(list)
    for session, cases in timed:
        of_device[session.device.key].append((session, cases))
        for case in cases:
            if case.artifact is not None:
                of_file[case.artifact.sha256].append((session, case))
    sessions = [session for session, _ in timed]
    return Details(
        files=tuple(_file(results, names, sessions) for results in of_file.values()),
        devices=tuple(_device(names[key], sessions) for key, sessions in of_device.items()),
    )


def _file(
    results: Sequence[tuple[Session, CaseResult]],
    names: Mapping[str, str],
    sessions: Sequence[Session],
) -> FileDetails:
    artifact = results[0][1].artifact
    assert artifact is not None  # noqa: S101 - only files with a manifest are here
    at_once = [each for each in results if each[1].case.protocol.mode is Mode.BACK_TO_BACK]
    return FileDetails(
        file=file_of(artifact),
        facts=_facts(artifact),
        caveats=tuple(dict.fromkeys(map(_words, artifact.caveats))),
        medians=tuple(_medians(at_once, names, sessions)),
        operators=_operators(at_once, names, lambda profile: profile.types),
        layers=_operators(at_once, names, lambda profile: profile.ops, most=_MOST_LAYERS),
        checks=_checks(results, names),
    )


def _medians(
    results: Sequence[tuple[Session, CaseResult]],
    names: Mapping[str, str],
    sessions: Sequence[Session],
) -> Iterator[SessionMedian]:
    """Yields the median of each case in each session; an interval only in the newest one."""
    place = {session.id: number for number, session in enumerate(sessions)}
    newest = {case.case.key: (session.id, case) for session, case in results if case.summary}
    for identity, case in newest.values():
        summary = case.summary
        assert summary is not None  # noqa: S101 - only cases with a summary are here
        medians = {identity: summary.latency_us_median}
        if case.spread is not None:
            medians = {**case.spread.medians, **medians}
        for number in sorted(place[each] for each in medians if each in place):
            session = sessions[number]
            is_newest = session.id == identity
            yield SessionMedian(
                device=names[case.case.device],
                setup=_setup(case.case),
                session=session.id,
                started_at=session.started_at,
                day=_days(sessions[0].started_at, session.started_at),
                latency_us=medians[session.id],
                latency_us_low=summary.latency_us_low if is_newest else None,
                latency_us_high=summary.latency_us_high if is_newest else None,
            )


def _facts(artifact: Artifact) -> dict[str, str]:
    fidelity = artifact.fidelity
    tools = ", ".join(f"{name} {version}" for name, version in artifact.tools.items())
    left = artifact.partitions
    facts = {
        "role": artifact.role.value,
        "size": units.size(artifact.size_bytes),
        "parameters": f"{artifact.parameters:,}",
        "multiply-adds": "" if artifact.macs is None else f"{artifact.macs:,}",
        "inputs": _tensors(artifact.inputs),
        "outputs": _tensors(artifact.outputs),
        "front-end": artifact.frontend,
        "window and hop": "" if artifact.window_samples is None else _window(artifact),
        "XNNPACK on the host": ""
        if left is None
        else f"{left.nodes_delegated} of {left.nodes_total} operators in "
        f"{units.counted(left.partitions, 'partition')}",
        "operators in float": ", ".join(f"{n} {op}" for op, n in artifact.float_ops.items()),
        "fidelity to its float32 source": ""
        if fidelity is None
        else f"mean cosine {fidelity.cosine_mean:.5f}, worst {fidelity.cosine_min:.4f}, on "
        f"{fidelity.patches} held-out inputs",
        "weights": artifact.weights.value,
        "made by": "; ".join(filter(None, (artifact.provenance, tools))),
        "SHA-256": artifact.sha256,
    }
    return {name: text for name, text in facts.items() if text}


def _tensors(tensors: Iterable[Tensor]) -> str:
    return ", ".join(f"{each.name} {each.dtype} {list(each.shape)}" for each in tensors)


def _window(artifact: Artifact) -> str:
    window, hop = artifact.audio()
    return f"{window:,} and {hop:,} samples at 16 kHz"


def _words(caveat: Caveat) -> str:
    return f"{caveat.text}{f' ({caveat.evidence})' if caveat.evidence else ''}"


def _setup(case: Case) -> str:
    parts = [case.delegate.value, units.counted(case.threads, "thread"), case.protocol.text]
    if case.affinity:
        parts.append(f"cores {case.affinity}")
    return ", ".join([*parts, f"tool {case.tool_sha256[:8]}"])


def _days(begun: str, at: str) -> float:
    passed = datetime.fromisoformat(at) - datetime.fromisoformat(begun)
    return passed.total_seconds() / _DAY_S


def _operators(
    results: Sequence[tuple[Session, CaseResult]],
    names: Mapping[str, str],
    rows: Callable[[OpProfile], Sequence[OpRow]],
    *,
    most: int | None = None,
) -> tuple[OpTime, ...]:
    """Returns so many rows of the newest op profile on each device, the slowest first."""
    newest = {case.case.device: case.profile for _, case in results if case.profile is not None}
    return tuple(
        OpTime(
            device=names[device],
            node_type=each.node_type,
            nodes=each.nodes,
            avg_us=each.avg_us,
            percent=each.percent,
            within_delegate=each.within_delegate,
            name=each.name,
        )
        for device, profile in newest.items()
        for each in sorted(rows(profile), key=lambda each: -each.avg_us)[:most]
    )


def _checks(
    results: Sequence[tuple[Session, CaseResult]], names: Mapping[str, str]
) -> tuple[CheckedOutputs, ...]:
    checks = {case.check.case: case.check for _, case in results if case.check is not None}
    return tuple(
        CheckedOutputs(
            device=names.get(each.device, "unknown"),
            delegate=each.delegate.value,
            verdict=each.verdict.value,
            evidence=each.evidence,
        )
        for each in checks.values()
    )


def _device(name: str, sessions: Sequence[Timed]) -> DeviceDetails:
    discards = Counter(
        _words(caveat) for _, cases in sessions for case in cases for caveat in case.discards
    )
    return DeviceDetails(
        device=name,
        facts=device_facts(sessions[-1][0].device),
        sessions=tuple(_session(session, cases) for session, cases in sessions),
        discards=tuple(discards.most_common()),
    )


def device_facts(device: DeviceRecord) -> dict[str, str]:
    """Returns name to text of what a device is."""
    facts = {
        "kind": f"{device.kind}{', virtual' if device.virtual else ''}",
        "model": device.model or "",
        "processor": device.cpu or "",
        "cores": "" if device.cores is None else str(device.cores),
        "cores left out": device.cores_left_out or "",
        "instruction set": device.abi,
        "newest system build": device.os_build,
    }
    return {what: text for what, text in facts.items() if text}


def _session(session: Session, cases: Sequence[CaseResult]) -> SessionSummary:
    spreads = [each.summary.process_spread_ratio for each in cases if each.summary is not None]
    sampled = [each.sampled for each in cases if each.sampled is not None]
    temps = [each.temp_c_max for each in sampled if each.temp_c_max is not None]
    clocks = [each.clock_khz_min for each in sampled if each.clock_khz_min is not None]
    caps = [each.cap_khz_min for each in sampled if each.cap_khz_min is not None]
    return SessionSummary(
        session=session.id,
        suite=session.suite,
        started_at=session.started_at,
        os_build=session.device.os_build,
        cases=len(cases),
        failed=sum(each.failed for each in cases),
        discarded=sum(each.discarded for each in cases),
        spread_ratio=median(spreads) if spreads else None,
        temp_c_max=max(temps, default=None),
        clock_khz_min=min(clocks, default=None),
        cap_khz_min=min(caps, default=None),
    )
