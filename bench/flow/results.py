"""What a session says of each of its cases: computed on read, from the stored outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.core.artifact import Artifact
from bench.core.caveats import Caveat, CaveatKind
from bench.measure.case import Case, Mode
from bench.measure.device import Device
from bench.measure.outcome import Failed, Measured
from bench.measure.summary import Summary, summarise
from bench.store.records import Invocation, Sensed, Session
from bench.store.store import Store
from bench.tool.op_profile import OpProfile, parse_op_profile

BUSY_SHARE = 0.05  # of a process's time spent waiting for a core that others had


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One case of one session.

    Args:
        name: of the artifact, or the file's where it has no manifest.
        model: path of the file as it was timed.
        artifact: ``None`` for a file without manifest.
        failed: how many processes failed.
        failures: why, each reason once.
        summary: of the processes that did not; ``None`` if there are none.
        caveats: all doubts, the artifact's own among them.
        sampled_memory_mb_peak: highest resident memory that sampling saw, in a process of its own.
        profile: time by operator, from a process of its own.
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
    profile: OpProfile | None = None


def results(store: Store, session: Session) -> tuple[CaseResult, ...]:
    """Returns every case of a session that has a process stored, by name, delegate and threads.

    Processes that were for something else than the latency are told with the case that they
    belong to.
    """
    artifacts = {artifact.sha256: artifact for artifact in store.artifacts()}
    by_case: dict[str, dict[Mode, list[Invocation]]] = {}
    for invocation in store.invocations(session.id):
        timed = replace(
            invocation.case, protocol=replace(invocation.case.protocol, mode=Mode.BACK_TO_BACK)
        )
        modes = by_case.setdefault(timed.key, {})
        modes.setdefault(invocation.case.protocol.mode, []).append(invocation)
    found = [
        _result(modes, session.device, artifacts)
        for modes in by_case.values()
        if Mode.BACK_TO_BACK in modes
    ]
    return tuple(sorted(found, key=lambda each: (each.name, each.case.delegate, each.case.threads)))


def _result(
    modes: Mapping[Mode, Sequence[Invocation]], device: Device, artifacts: Mapping[str, Artifact]
) -> CaseResult:
    invocations = modes[Mode.BACK_TO_BACK]
    first = invocations[0]
    artifact = artifacts.get(first.case.artifact_sha256)
    outcomes = [invocation.outcome for group in modes.values() for invocation in group]
    timed = [invocation.outcome for invocation in invocations]
    measured = [outcome for outcome in timed if isinstance(outcome, Measured)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    summary = summarise(measured) if measured else None
    caveats = [
        *_device_caveats(device),
        *(artifact.caveats if artifact else ()),
        *(summary.caveats if summary else ()),
    ]
    busy = busy_caveat([invocation.sensed for invocation in invocations])
    if busy is not None and summary is not None:
        caveats.append(busy)
    return CaseResult(
        case=first.case,
        name=f"{artifact.name}.{artifact.format}" if artifact else Path(first.model).stem,
        model=first.model,
        artifact=artifact,
        failed=len(failed),
        failures=tuple(dict.fromkeys(outcome.failure for outcome in failed)),
        summary=summary,
        caveats=tuple(caveats),
        sampled_memory_mb_peak=_sampled_memory_mb(modes.get(Mode.PEAK_MEMORY, ())),
        profile=_profile(modes.get(Mode.OP_PROFILE, ())),
    )


def _device_caveats(device: Device) -> list[Caveat]:
    found = [Caveat(kind=CaveatKind.VIRTUAL)] if device.virtual else []
    if device.cores_left_out:
        found.append(
            Caveat(kind=CaveatKind.CORES_LEFT_OUT, evidence=f"cores {device.cores_left_out}")
        )
    return found


def _sampled_memory_mb(invocations: Sequence[Invocation]) -> float | None:
    for invocation in invocations:
        if isinstance(invocation.outcome, Measured):
            return invocation.outcome.memory_mb_peak
    return None


def _profile(invocations: Sequence[Invocation]) -> OpProfile | None:
    for invocation in invocations:
        if isinstance(invocation.outcome, Measured):
            return parse_op_profile(invocation.stdout)
    return None


def busy_caveat(sensed: Sequence[Sensed]) -> Caveat | None:
    """Returns the doubt that most processes had to wait for their core, if they had."""
    shares = [
        each.run_queue_wait_s / (each.run_s + each.run_queue_wait_s)
        for each in sensed
        if each.run_s and each.run_queue_wait_s is not None
    ]
    busy = [share for share in shares if share > BUSY_SHARE]
    if 2 * len(busy) <= len(shares):
        return None
    return Caveat(
        kind=CaveatKind.BUSY_MACHINE,
        evidence=f"{len(busy)} of {len(shares)} processes waited for a core more than "
        f"{BUSY_SHARE:.0%} of their time, the median one {median(shares):.1%}",
    )
