"""The cases of sessions as rows, also those of files without a manifest and those that failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.core.caveats import Caveat
from bench.flow.report.results import CaseResult, Timed
from bench.store.records import Session
from reports.rows.schema import column, maybe


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One case of one session."""

    name: str = column("of the artifact; without manifest that of the file")
    format: str | None = maybe("number format; empty without manifest")
    artifact_sha256: str = column("identity of the file")
    device: str = column("what it was timed on")
    runner: str = column("program that timed it")
    delegate: str = column("delegate that was asked for")
    threads: int = column("threads of the runner")
    mode: str = column("how inferences follow each other")
    latency_us_median: float | None = maybe("median latency of the file alone", "us")
    latency_us_low: float | None = maybe("lower end of its 95 % interval over processes", "us")
    latency_us_high: float | None = maybe("upper end of its 95 % interval over processes", "us")
    latency_us_min: float | None = maybe("fastest inference of all processes", "us")
    init_us_median: float | None = maybe("median time to load the model", "us")
    first_us_median: float | None = maybe("median first inference of a process", "us")
    processes: int = column("valid processes")
    failed_processes: int = column("processes that failed")
    failures: str | None = maybe("why, each reason once")
    is_bad: bool = column("a process failed, outputs are wrong, or no process is valid")
    size_bytes: int | None = maybe("size of the file; empty without manifest", "bytes")
    session: str = column("the session in which it was timed")
    case_key: str = column("identity of the case")
    caveats: tuple[Caveat, ...] = ()


def case_rows(timed: Iterable[Timed]) -> list[CaseRow]:
    """Returns a row for each case of each session."""
    return [_row(session, case) for session, cases in timed for case in cases]


def _row(session: Session, result: CaseResult) -> CaseRow:
    case, summary, artifact = result.case, result.summary, result.artifact
    return CaseRow(
        name=result.name,
        format=artifact.format.value if artifact else None,
        artifact_sha256=case.artifact_sha256,
        device=session.device.name,
        runner=case.runner.value,
        delegate=case.delegate.value,
        threads=case.threads,
        mode=case.protocol.mode.value,
        latency_us_median=summary.latency_us_median if summary else None,
        latency_us_low=summary.latency_us_low if summary else None,
        latency_us_high=summary.latency_us_high if summary else None,
        latency_us_min=summary.latency_us_min if summary else None,
        init_us_median=summary.init_us_median if summary else None,
        first_us_median=summary.first_us_median if summary else None,
        processes=summary.processes if summary else 0,
        failed_processes=result.failed,
        failures="; ".join(result.failures) or None,
        is_bad=result.is_bad,
        size_bytes=artifact.size_bytes if artifact else None,
        session=session.id,
        case_key=case.key,
        caveats=result.caveats,
    )
