"""Scores of other benchmarks beside our costs, and our costs as a table for those benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.core.artifact import Artifact, Format
from bench.core.caveats import Caveat
from bench.core.imported_score import ImportedScore, other_name
from reports.parts.documents import to_csv
from reports.rows.schema import Row, column, grouped, listing, maybe

_US_OF_A_MS = 1000
_ONE_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One number of another benchmark, and what the very same file costs on one device.

    It is on no axis with our own scores: its tasks, its heads and its metric are others.
    """

    artifact_sha256: str = column("identity of the file that was scored")
    student: str = column("the model's canonical name, or the name it was added under")
    format: Format = column("number format of the file")  # noqa: RUF009 - a field
    benchmark: str = column("the program that scored it: HEAR, X-ARES or MTEB")
    benchmark_version: str | None = maybe("its version, where its results give it")
    task: str = column("the task, as that program names it")
    split: str = column("the split or fold, as that program names it")
    subset: str = column("the subset, as that program names it; empty where it has none")
    metric: str = column("the metric, as that program names it")
    value: float = column("the score, as that program gives it; no interval")
    deviation: float | None = maybe("standard deviation over its folds, where it gives one")
    task_revision: str | None = maybe("revision of the task's data, where its results give it")
    device: str | None = maybe("what the file was timed on; empty where it was not timed")
    runner: str | None = maybe("program that timed it")
    tool_sha256: str | None = maybe("identity of that program")
    runtime: str | None = maybe("inference runtime and its version")
    delegate: str | None = maybe("delegate that was asked for")
    threads: int | None = maybe("threads of the runner")
    audio_s_per_inference: float | None = maybe("audio that one inference pays for: the hop", "s")
    latency_us_per_audio_s: float | None = maybe(
        "front-end of a hop and file, over the hop", "us/s"
    )
    latency_us_per_audio_s_low: float | None = maybe("lower end of its 95 % interval", "us/s")
    latency_us_per_audio_s_high: float | None = maybe("upper end of its 95 % interval", "us/s")
    size_bytes: int = column("size of the file", "bytes")
    memory_mb_peak: float | None = maybe("highest resident memory", "MiB")
    case_key: str | None = maybe("identity of the case")
    caveats: tuple[Caveat, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one model costs on one device, under the name that MTEB knows it by."""

    model_name: str = column("name of the model's results: organisation and name")
    model_revision: str = column("SHA-256 of the file, the revision of those results")
    ms_per_audio_s: float | None = maybe("front-end of a hop and file, over the hop", "ms/s")
    ms_per_audio_s_low: float | None = maybe("lower end of its 95 % interval", "ms/s")
    ms_per_audio_s_high: float | None = maybe("upper end of its 95 % interval", "ms/s")
    includes_frontend: bool = column("it pays for the front-end")
    ms_per_inference: float | None = maybe("median latency of the file as timed alone", "ms")
    ms_per_inference_low: float | None = maybe("lower end of its 95 % interval", "ms")
    ms_per_inference_high: float | None = maybe("upper end of its 95 % interval", "ms")
    hop_s: float | None = maybe("audio that one inference pays for", "s")
    processes: int = column("how many processes the intervals are over")
    size_mib: float = column("size of the file", "MiB")
    memory_mib_peak: float | None = maybe("highest resident memory of the process", "MiB")
    n_parameters: int | None = maybe("weights of the model")
    macs: int | None = maybe("multiply-accumulates of one inference")
    device: str = column("what it was timed on")
    runtime: str = column("inference runtime and its version")
    delegate: str = column("delegate that was asked for")
    threads: int | None = maybe("threads of the runner")
    runner: str = column("program that timed it")
    tool_sha256: str = column("identity of that program")
    case_key: str = column("identity of the case")
    caveats: tuple[Caveat, ...] = ()


def mteb(rows: Iterable[Row]) -> str:
    """Returns the costs of rows as CSV, a line for each case and hop of a file that was timed.

    ``model_name`` and ``model_revision`` are those of the model's results in MTEB.
    """
    costs = [_cost(row) for row in rows if row.latency_us_median is not None]
    return to_csv(listing(costs, Cost))


def imported(
    scores: Iterable[ImportedScore], rows: Iterable[Row], artifacts: Mapping[str, Artifact]
) -> list[Imported]:
    """Returns each score beside the costs of its file at its manifest's hop, a row for each case.

    A file that was not timed has one row, without latency.

    Args:
        artifacts: by SHA-256; the scores of others are left out.
    """
    costs = grouped(rows, lambda row: row.file.artifact_sha256)
    found: list[Imported] = []
    for score in scores:
        artifact = artifacts.get(score.artifact_sha256)
        if artifact is not None:
            of_file: Sequence[Row] = costs.get(artifact.sha256, ())
            at_hop = [row for row in of_file if row.audio_s_per_inference == artifact.hop_s]
            beside: Sequence[Row | None] = at_hop or (None,)
            found += [_beside(score, artifact, row) for row in beside]
    return found


def _beside(score: ImportedScore, artifact: Artifact, row: Row | None) -> Imported:
    bare = Imported(
        artifact_sha256=artifact.sha256,
        student=artifact.name,
        format=artifact.format,
        benchmark=score.benchmark.value,
        benchmark_version=score.benchmark_version,
        task=score.task,
        split=score.split,
        subset=score.subset,
        metric=score.metric,
        value=score.value,
        deviation=score.deviation,
        task_revision=score.task_revision,
        size_bytes=artifact.size_bytes,
    )
    if row is None:
        return bare
    return replace(
        bare,
        device=row.setup.device,
        runner=row.setup.runner,
        tool_sha256=row.setup.tool_sha256,
        runtime=row.setup.runtime,
        delegate=row.setup.delegate,
        threads=row.setup.threads,
        audio_s_per_inference=row.audio_s_per_inference,
        latency_us_per_audio_s=row.latency_us_per_audio_s,
        latency_us_per_audio_s_low=row.latency_us_per_audio_s_low,
        latency_us_per_audio_s_high=row.latency_us_per_audio_s_high,
        memory_mb_peak=row.memory_mb_peak,
        case_key=row.case_key,
        caveats=row.caveats,
    )


def _cost(row: Row) -> Cost:
    return Cost(
        model_name=other_name(row.file.student, row.file.format),
        model_revision=row.file.artifact_sha256,
        ms_per_audio_s=_ms(row.latency_us_per_audio_s),
        ms_per_audio_s_low=_ms(row.latency_us_per_audio_s_low),
        ms_per_audio_s_high=_ms(row.latency_us_per_audio_s_high),
        includes_frontend=row.includes_frontend,
        ms_per_inference=_ms(row.latency_us_median),
        ms_per_inference_low=_ms(row.latency_us_low),
        ms_per_inference_high=_ms(row.latency_us_high),
        hop_s=row.audio_s_per_inference,
        processes=row.processes,
        size_mib=row.size_bytes / _ONE_MIB,
        memory_mib_peak=row.memory_mb_peak,
        n_parameters=row.parameters,
        macs=row.macs,
        device=row.setup.device,
        runtime=row.setup.runtime,
        delegate=row.setup.delegate,
        threads=row.setup.threads,
        runner=row.setup.runner,
        tool_sha256=row.setup.tool_sha256,
        case_key=row.case_key,
        caveats=row.caveats,
    )


def _ms(us: float | None) -> float | None:
    return None if us is None else us / _US_OF_A_MS
