"""Joins latency, size and accuracy by the SHA-256 of the file, into the rows of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.core.artifact import SAMPLE_RATE_HZ, Artifact, Format, Role
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.score import PRESENT_RULE, Score
from bench.flow.outputs.record import host_score_caveats, output_caveats
from bench.flow.report.accuracy import file_of, task_row, with_accuracy
from bench.flow.report.energy import energy_columns
from bench.flow.report.frontend import frontend_of
from bench.flow.report.results import CaseResult, Timed
from bench.flow.report.stored import newest_results
from bench.plan.case import Mode
from bench.plan.device import DeviceRecord, Kind
from bench.store.records import Session
from bench.store.store import Store
from models.audio.tasks import DEMO, QUICK
from reports.rows.schema import File, Frontend, Row, Setup, Task, grouped

_MOST_SESSIONS = 4  # in one caveat
_FROM_SUMMARY = (
    *("latency_us_median", "latency_us_low", "latency_us_high", "latency_us_min"),
    *("latency_us_p5", "latency_us_p90", "latency_us_p95", "process_spread_ratio"),
    *("init_us_median", "first_us_median", "memory_mb_peak"),
    *("nodes_total", "nodes_delegated", "partitions"),
)
_SHORT = 8  # letters of a hash or a UUID
UNKNOWN_PROTOCOL = "unknown"  # of an imported log


def join(
    store: Store,
    *,
    task_set: str | None = None,
    timed: Sequence[Timed] | None = None,
    scored: Sequence[Score] | None = None,
    with_imported: bool = False,
) -> tuple[list[Row], list[Task]]:
    """Returns a row per hop of each case that was timed back to back, and the scores per task.

    The hops are those that the artifact was scored at, else its manifest's. A missing latency or
    score is a gap. Where a case was timed in several sessions, the newest is used; a merged one
    never replaces one that was measured here. Two cases are never one row: they differ in file,
    device, tool, delegate or its library, threads, cores or protocol, and the rows contain these.
    Rows of one device from several sessions have a caveat that names the sessions.

    Args:
        task_set: which scores to use; by default the set that most artifacts were scored on.
        timed: the result of ``newest_results`` of the same store, if it was read already.
        scored: the scores of the same store, if they were read already.
        with_imported: imported rows may be on a frontier with measured ones.

    Raises:
        ConfigurationError: nothing was scored on ``task_set``.
    """
    scores = _scores(store.scores() if scored is None else scored, task_set)
    timed = newest_results(store) if timed is None else timed
    artifacts = _artifacts(store, timed, scores)
    names = _device_names(timed, with_imported=with_imported)
    newest: dict[tuple[str, int | None, str], Row] = {}
    for session, results in timed:
        energies = grouped(
            (each for each in results if each.energy is not None),
            lambda each: each.case.without_protocol,
        )
        cases = [each for each in results if each.case.protocol.mode is Mode.BACK_TO_BACK]
        frontends = [each for each in cases if _is_frontend(each)]
        for case in cases:
            if case.artifact is None or _is_frontend(case):
                continue
            source = Source(
                case=case,
                artifact=case.artifact,
                session=session,
                device_names=names,
                keeps_apart=not with_imported,
            )
            at_hops = scores.get(case.artifact.sha256, {})
            hops: list[int | None] = [*sorted(at_hops)]
            for hop in hops or [case.artifact.hop_samples]:
                row = _row(source, frontends, at_hops, hop)
                if energies:
                    alike = energies.get(case.case.without_protocol, ())
                    by_mode = {each.case.protocol.mode: each.energy for each in alike}
                    row = replace(row, **energy_columns(by_mode, row.audio_s_per_inference))
                newest[case.case.key, hop, case.origin.text] = row
    tasks = [
        task_row(artifacts[sha256], score, each)
        for sha256, at_hops in scores.items()
        if sha256 in artifacts
        for _, score in sorted(at_hops.items())
        for each in score.tasks
    ]
    return _with_session_caveats(list(newest.values())), tasks


def _is_frontend(case: CaseResult) -> bool:
    return case.artifact is not None and case.artifact.role is Role.FRONTEND


def _artifacts(store: Store, timed: Sequence[Timed], scored: Iterable[str]) -> dict[str, Artifact]:
    """Returns each timed or scored artifact that has a manifest, by SHA-256."""
    found = {
        case.artifact.sha256: case.artifact
        for _, cases in timed
        for case in cases
        if case.artifact is not None
    }
    if all(sha256 in found for sha256 in scored):  # ten thousand take a second
        return found
    return found | {each.sha256: each for each in store.artifacts()}


def _device_names(timed: Sequence[Timed], *, with_imported: bool) -> dict[str, str]:
    """Returns the name of each device; with imported rows theirs are as their owner gave them."""
    devices = [session.device for session, _ in timed]
    if not with_imported:
        return device_names(devices)
    known = device_names(each for each in devices if each.kind is not Kind.UNKNOWN)
    return {each.key: each.name for each in devices} | known


def device_names(devices: Iterable[DeviceRecord]) -> dict[str, str]:
    """Returns the name of each device by its key; equal names get a part of the key."""
    names = {device.key: device.name for device in devices}
    counted = Counter(names.values())
    return {
        key: name if counted[name] == 1 else f"{name} ({key[:_SHORT]})"
        for key, name in names.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The sources of a row of any mode.

    Args:
        artifact: of the case.
        device_names: of all devices of the report, by key.
        keeps_apart: imported rows are on no frontier with measured ones.
    """

    case: CaseResult
    artifact: Artifact
    session: Session
    device_names: dict[str, str]
    keeps_apart: bool = True

    @property
    def file(self) -> File:
        """The file of the row."""
        return file_of(self.artifact)

    @property
    def setup(self) -> Setup:
        """How and where it was run: the identity of the case without the file."""
        case, origin = self.case.case, self.case.origin
        return Setup(
            device=self.device_names[case.device],
            runner=case.runner.value,
            tool_sha256=case.tool_sha256,
            runtime=self.case.runtime or "unknown",
            delegate=case.delegate.value,
            library_sha256=case.library_sha256,
            library_options=case.library_options,
            full_delegation=case.full_delegation,
            threads=case.threads or None,
            affinity=case.affinity,
            fixed_performance=case.fixed_performance,
            warm_cache=case.warm_cache,
            protocol=UNKNOWN_PROTOCOL if origin.is_imported else case.protocol.text,
            given_inputs=case.inputs_text,
            signature=case.signature.text if case.signature else "",
            origin=origin.text,
            kept_apart=self.keeps_apart and origin.is_imported,
        )


def _scores(scores: Iterable[Score], task_set: str | None) -> dict[str, dict[int, Score]]:
    """Returns the score of each artifact at each hop on one task set; two sets are not comparable.

    It is the newest, but one of a former rule never stands in for one of the present rule. Scores
    of phones' outputs are left out: they are of a few clips only. So are those in a condition.
    """
    candidates = [each for each in scores if each.device is None and not each.condition]
    if task_set is not None:
        candidates = [each for each in candidates if each.task_set == task_set]
        if not candidates:
            raise ConfigurationError(
                f"nothing was scored on the task set {task_set!r}",
                hint=f"frill-bench score --task-set {task_set}",
            )
    if not candidates:
        return {}
    covered = Counter(
        (each.task_set not in (QUICK, DEMO), each.task_set_sha256)
        for each in {(one.artifact_sha256, one.task_set_sha256): one for one in candidates}.values()
    )
    most = max(covered, key=lambda key: (covered[key], key))[1]
    at_hops: dict[str, dict[int, Score]] = {}
    of_set = [each for each in candidates if each.task_set_sha256 == most]
    for each in sorted(of_set, key=lambda each: each.rule == PRESENT_RULE):  # stable
        at_hops.setdefault(each.artifact_sha256, {})[each.hop_samples] = each
    return at_hops


def _row(
    source: Source,
    frontends: Sequence[CaseResult],
    at_hops: Mapping[int, Score],
    hop_samples: int | None,
) -> Row:
    case, artifact, fidelity = source.case, source.artifact, source.artifact.fidelity
    timed = case.summary or case.printed
    score = None if hop_samples is None else at_hops.get(hop_samples)
    frontend = frontend_of(case, artifact, frontends, hop_samples=hop_samples)
    added = frontend.measured
    caveats = {
        *case.caveats,
        *frontend.caveats,
        *_score_caveats(case, score, source.session.device),
        *(() if hop_samples is None else _below_floor(at_hops, hop_samples)),
        *(output_caveats(added.check) if added else ()),
    }
    row = Row(
        file=source.file,
        setup=source.setup,
        case_key=case.case.key,
        session=source.session.id,
        processes=timed.processes if timed else 0,
        sessions=case.spread.sessions if case.spread else 1,
        session_spread_ratio=case.spread.range_ratio if case.spread else None,
        includes_frontend=frontend.kind in (Frontend.IN_GRAPH, Frontend.ADDED),
        frontend=frontend.kind,
        audio_s_per_inference=None if hop_samples is None else hop_samples / SAMPLE_RATE_HZ,
        size_bytes=artifact.size_bytes,
        parameters=artifact.parameters,
        macs=artifact.macs,
        cosine_mean=fidelity.cosine_mean if fidelity else None,
        cosine_min=fidelity.cosine_min if fidelity else None,
        snr_db=fidelity.snr_db if fidelity else None,
        caveats=tuple(sorted(caveats)),
    )
    return with_accuracy(_with_latency(row, case, added), score)


def _with_latency(row: Row, case: CaseResult, added: CaseResult | None) -> Row:
    """Returns the row with latencies; the interval of a sum has the sums of the ends: wide."""
    summary, front = case.summary or case.printed, added.summary if added else None
    if summary is None:
        return row

    def per_audio_s(name: str) -> float | None:
        model_us = getattr(summary, name)
        frontend_us = getattr(front, name) if front else 0.0
        if model_us is None or frontend_us is None or not row.audio_s_per_inference:
            return None
        return float(model_us + frontend_us) / row.audio_s_per_inference

    return replace(
        row,
        **{name: getattr(summary, name) for name in _FROM_SUMMARY},
        latency_us_mean=case.printed.latency_us_mean if case.printed else None,
        frontend_us_per_hop=front.latency_us_median if front else None,
        frontend_us_per_hop_low=front.latency_us_low if front else None,
        frontend_us_per_hop_high=front.latency_us_high if front else None,
        latency_us_per_audio_s=per_audio_s("latency_us_median"),
        latency_us_per_audio_s_low=per_audio_s("latency_us_low"),
        latency_us_per_audio_s_high=per_audio_s("latency_us_high"),
        operators_left=_operators_left(summary.nodes_delegated, case.artifact),
    )


def _operators_left(nodes_delegated: int | None, artifact: Artifact | None) -> str | None:
    """Returns the operators outside the partitions, if these are those of the manifest."""
    split = artifact.partitions if artifact else None
    if split is None or split.nodes_delegated != nodes_delegated:
        return None
    return ";".join(f"{name}:{count}" for name, count in split.left.items())


def _score_caveats(case: CaseResult, score: Score | None, device: DeviceRecord) -> list[Caveat]:
    if score is None:
        return []
    caveats = list(score.caveats)
    # On a host the kernels are the same. On a phone those of formats below float32 may differ.
    exact = device.kind is Kind.HOST or (case.artifact and case.artifact.format is Format.FLOAT32)
    if score.delegate != case.case.delegate.value or not exact:
        caveats += host_score_caveats(case.check, scored_by=score.delegate)
    return caveats


def _below_floor(at_hops: Mapping[int, Score], hop_samples: int) -> list[Caveat]:
    """Returns the caveat of a model below the log-mel floor at this hop or at its shortest one."""
    for hop in (hop_samples, min(at_hops, default=hop_samples)):
        score = at_hops.get(hop)
        floor = score.floor_mean if score else None
        if score is not None and floor is not None and score.mean < floor:
            where = "" if hop == hop_samples else f" at a hop of {hop / SAMPLE_RATE_HZ:.3g} s"
            evidence = f"{score.mean:.3f} against {floor:.3f}{where}"
            return [Caveat(kind=CaveatKind.BELOW_FLOOR, evidence=evidence)]
    return []


def _with_session_caveats(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows; those of a device with several sessions get a caveat that names them."""
    sessions: dict[str, dict[str, None]] = {}
    for row in rows:
        sessions.setdefault(row.setup.device, {})[row.session] = None
    caveats = {
        device: _sessions_caveat(list(ids)) for device, ids in sessions.items() if len(ids) > 1
    }
    return [
        replace(row, caveats=tuple(sorted({*row.caveats, *caveats.get(row.setup.device, ())})))
        for row in rows
    ]


def _sessions_caveat(sessions: Sequence[str]) -> tuple[Caveat]:
    names = ", ".join(each[:_SHORT] for each in sessions[:_MOST_SESSIONS])
    left = len(sessions) - _MOST_SESSIONS
    evidence = f"sessions {names}{f' and {left} more' if left > 0 else ''}"
    return (Caveat(kind=CaveatKind.SEVERAL_SESSIONS, evidence=evidence),)
