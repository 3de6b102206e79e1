"""What a session says of each of its cases: computed on read, from the stored outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.core.artifact import Artifact
from bench.core.caveats import Caveat, CaveatKind
from bench.measure.case import Case
from bench.measure.outcome import Failed, Measured
from bench.measure.summary import Summary, summarise
from bench.store.records import Invocation, Sensed
from bench.store.store import Store

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
    """

    case: Case
    name: str
    model: str
    artifact: Artifact | None
    failed: int
    failures: tuple[str, ...]
    summary: Summary | None
    caveats: tuple[Caveat, ...]


def results(store: Store, session_id: str) -> tuple[CaseResult, ...]:
    """Returns every case of a session that has a process stored, by name, delegate and threads."""
    artifacts = {artifact.sha256: artifact for artifact in store.artifacts()}
    by_case: dict[str, list[Invocation]] = {}
    for invocation in store.invocations(session_id):
        by_case.setdefault(invocation.case.key, []).append(invocation)
    found = [
        _result(invocations, artifacts.get(invocations[0].case.artifact_sha256))
        for invocations in by_case.values()
    ]
    return tuple(sorted(found, key=lambda each: (each.name, each.case.delegate, each.case.threads)))


def _result(invocations: Sequence[Invocation], artifact: Artifact | None) -> CaseResult:
    first = invocations[0]
    outcomes = [invocation.outcome for invocation in invocations]
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    summary = summarise(measured) if measured else None
    caveats = [*(artifact.caveats if artifact else ()), *(summary.caveats if summary else ())]
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
    )


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
