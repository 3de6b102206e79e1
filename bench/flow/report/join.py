"""Joins latency, size and accuracy on the sha256 of the very file, into the rows of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from bench.core.artifact import Artifact, Format, Role
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.score import Score, TaskScore
from bench.flow.outputs.record import host_score_caveats, output_caveats
from bench.flow.report.frontend import frontend_caveats, frontend_of
from bench.flow.report.results import CaseResult, Timed, all_results
from bench.plan.case import Mode
from bench.plan.device import Device, Kind
from bench.store.store import Store
from models.frontend import SAMPLE_RATE_HZ
from reports.schema import Frontend, Row, Task

QUICK = "quick"


def join(
    store: Store, *, task_set: str | None = None, timed: Sequence[Timed] | None = None
) -> tuple[list[Row], list[Task]]:
    """Returns one row an artifact and device, and the scores per task, of all that a store holds.

    A side that is missing is a gap. Where an artifact was timed in several sessions on a device,
    the newest counts; rows of different sessions then say so.

    Args:
        task_set: which scores to use; by default the set that most artifacts were scored on.
        timed: what ``all_results`` returns of the same store, where that was asked already.

    Raises:
        ConfigurationError: nothing was scored on ``task_set``.
    """
    scores = _scores(store.scores(), task_set)
    artifacts = {each.sha256: each for each in store.artifacts()}
    newest: dict[tuple[str, ...], Row] = {}
    for session, found in all_results(store) if timed is None else timed:
        cases = [each for each in found if each.case.protocol.mode is Mode.BACK_TO_BACK]
        for case in cases:
            if case.artifact is None or case.artifact.role is Role.FRONTEND:
                continue
            row = _row(case, cases, scores.get(case.artifact.sha256), session.device, session.id)
            key = (row.artifact_sha256, row.device, row.runner, row.delegate, str(row.threads))
            newest[key] = row
    rows = _with_session_doubts(list(newest.values()))
    tasks = [
        _task(artifacts[sha256], each)
        for sha256, score in scores.items()
        if sha256 in artifacts
        for each in score.tasks
    ]
    return rows, tasks


def _scores(scores: Iterable[Score], task_set: str | None) -> dict[str, Score]:
    """Returns the newest score of each artifact on one task set: scores of two sets are unlike.

    Those of phones' outputs stay out: they are of a few clips only.
    """
    found = [each for each in scores if each.device is None]
    if task_set is not None:
        found = [each for each in found if each.task_set == task_set]
        if not found:
            raise ConfigurationError(
                f"nothing was scored on the task set {task_set!r}",
                hint=f"frill-bench score --task-set {task_set}",
            )
    if not found:
        return {}
    covered = Counter(
        (each.task_set != QUICK, each.task_set_sha256)
        for each in {(one.artifact_sha256, one.task_set_sha256): one for one in found}.values()
    )
    most = max(covered, key=lambda key: (covered[key], key))[1]
    return {each.artifact_sha256: each for each in found if each.task_set_sha256 == most}


def _row(
    case: CaseResult,
    cases: Sequence[CaseResult],
    score: Score | None,
    device: Device,
    session: str,
) -> Row:
    artifact, summary = case.artifact, case.summary
    assert artifact is not None  # noqa: S101 - the caller leaves out files without a manifest
    frontend, added = frontend_of(case, artifact, cases)
    caveats = {*case.caveats, *frontend_caveats(frontend), *_score_caveats(case, score, device)}
    if added is not None:
        caveats |= set(output_caveats(added.check))
    row: dict[str, Any] = {
        "artifact_sha256": artifact.sha256,
        "student": artifact.name,
        "format": artifact.format.value,
        "family": family_of(artifact.name),
        "device": device.name,
        "runner": case.case.runner.value,
        "runtime": (summary.runtime if summary else None) or "unknown",
        "delegate": case.case.delegate.value,
        "threads": case.case.threads,
        "session": session,
        "processes": summary.processes if summary else 0,
        "sessions": case.spread.sessions if case.spread else 1,
        "session_spread_ratio": case.spread.range_ratio if case.spread else None,
        "includes_frontend": frontend in (Frontend.IN_GRAPH, Frontend.ADDED),
        "frontend": frontend.value,
        "audio_s_per_inference": artifact.hop_samples / SAMPLE_RATE_HZ,
        "size_bytes": artifact.size_bytes,
        "parameters": artifact.parameters,
        "macs": artifact.macs,
        "caveats": ";".join(sorted({caveat.kind.value for caveat in caveats})),
    }
    row |= _latency(case, artifact, added)
    row |= _delegation(artifact, case)
    row |= _accuracy(score)
    row |= _fidelity(artifact)
    return Row(**row)


def _latency(
    case: CaseResult, artifact: Artifact, added: CaseResult | None
) -> Mapping[str, float | None]:
    """Returns the latency columns; the interval of a sum is the sum of the ends, which is wide."""
    summary = case.summary
    if summary is None:
        return {}
    front = added.summary if added else None
    hop_s = artifact.hop_samples / SAMPLE_RATE_HZ

    def per_audio_s(own: float | None, frontend: float | None) -> float | None:
        if own is None or (front is not None and frontend is None):
            return None
        return (own + (frontend or 0.0)) / hop_s

    return {
        "latency_us_median": summary.latency_us_median,
        "latency_us_low": summary.latency_us_low,
        "latency_us_high": summary.latency_us_high,
        "latency_us_min": summary.latency_us_min,
        "latency_us_p5": summary.latency_us_p5,
        "latency_us_p90": summary.latency_us_p90,
        "latency_us_p95": summary.latency_us_p95,
        "first_us_median": summary.first_us_median,
        "process_spread_ratio": summary.process_spread_ratio,
        "memory_mb_peak": summary.memory_mb_peak,
        "init_us_median": summary.init_us_median,
        "frontend_latency_us": front.latency_us_median if front else None,
        "latency_us_per_audio_s": per_audio_s(
            summary.latency_us_median, front.latency_us_median if front else None
        ),
        "latency_us_per_audio_s_low": per_audio_s(
            summary.latency_us_low, front.latency_us_low if front else None
        ),
        "latency_us_per_audio_s_high": per_audio_s(
            summary.latency_us_high, front.latency_us_high if front else None
        ),
    }


def _delegation(artifact: Artifact, case: CaseResult) -> Mapping[str, object]:
    """Returns what was seen in the timed processes, and by name what the manifest says was left."""
    summary = case.summary
    if summary is None:
        return {}
    left = artifact.partitions.left if artifact.partitions else {}
    same = artifact.partitions is not None and (
        artifact.partitions.nodes_delegated == summary.nodes_delegated
    )
    return {
        "partitions": summary.partitions,
        "nodes_delegated": summary.nodes_delegated,
        "nodes_total": summary.nodes_total,
        "operators_left": ";".join(f"{name}:{n}" for name, n in left.items()) if same else None,
    }


def _accuracy(score: Score | None) -> Mapping[str, object]:
    if score is None:
        return {}
    return {
        "score_mean": score.mean,
        "score_low": score.mean_low,
        "score_high": score.mean_high,
        "score_task_set": score.task_set,
        "score_floor_mean": score.floor_mean,
        "chance_mean": fmean(task.chance for task in score.tasks),
    }


def _fidelity(artifact: Artifact) -> Mapping[str, float | None]:
    found = artifact.fidelity
    if found is None:
        return {}
    return {
        "cosine_mean": found.cosine_mean,
        "cosine_min": found.cosine_min,
        "snr_db": found.snr_db,
    }


def _score_caveats(case: CaseResult, score: Score | None, device: Device) -> list[Caveat]:
    if score is None:
        return []
    found = list(score.caveats)
    floor = score.floor_mean
    if floor is not None and score.mean < floor:
        found.append(
            Caveat(kind=CaveatKind.BELOW_FLOOR, evidence=f"{score.mean:.3f} against {floor:.3f}")
        )
    # On a host, one delegate is one code. On a phone, the kernels of fewer bits are others.
    exact = device.kind is Kind.HOST or (case.artifact and case.artifact.format is Format.FLOAT32)
    if score.delegate != case.case.delegate.value or not exact:
        found += host_score_caveats(case.check, scored_by=score.delegate)
    return found


def _with_session_doubts(rows: list[Row]) -> list[Row]:
    """Returns the rows, those of a device that was sat with more than once marked so."""
    sessions: dict[str, set[str]] = {}
    for row in rows:
        sessions.setdefault(row.device, set()).add(row.session)
    kind = CaveatKind.SEVERAL_SESSIONS.value
    return [
        replace(row, caveats=";".join(sorted({*filter(None, row.caveats.split(";")), kind})))
        if len(sessions[row.device]) > 1
        else row
        for row in rows
    ]


def _task(artifact: Artifact, task: TaskScore) -> Task:
    return Task(
        artifact_sha256=artifact.sha256,
        student=artifact.name,
        format=artifact.format.value,
        task=task.task,
        metric=task.metric,
        value=task.value,
        low=task.low,
        high=task.high,
        chance=task.chance,
        floor=task.floor,
        test_clips=task.test_clips,
    )


def family_of(name: str) -> str:
    """Returns what a model shares a colour with: its size, else its name."""
    size, _, rest = name.partition("_")
    return size if rest.startswith("w") else name
