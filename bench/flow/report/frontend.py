"""Where the cost of the log-mel front-end of a timed file is counted."""

from __future__ import annotations

from collections.abc import Sequence

from bench.core.artifact import IN_GRAPH, LOG_MEL, Artifact, Role
from bench.core.caveats import Caveat, CaveatKind
from bench.flow.report.results import CaseResult
from reports.rows.schema import Frontend


def frontend_of(
    case: CaseResult, artifact: Artifact, cases: Sequence[CaseResult]
) -> tuple[Frontend, CaseResult | None]:
    """Returns where the front-end's cost is counted, and its measurement where that is added.

    Args:
        cases: of the same session and mode.
    """
    if artifact.frontend == IN_GRAPH:
        return Frontend.IN_GRAPH, None
    if artifact.role is Role.OTHER and artifact.frontend != LOG_MEL:
        return Frontend.NONE_NEEDED, None
    alike = [
        each
        for each in cases
        if each.artifact is not None
        and each.summary is not None
        and each.artifact.role is Role.FRONTEND
        and _serves(each.artifact, artifact)
        and each.case.setup == case.case.setup
    ]
    if not alike:
        return Frontend.MISSING, None
    return Frontend.ADDED, min(alike, key=_median)


def frontend_caveats(frontend: Frontend) -> list[Caveat]:
    """Returns the caveats that follow from where the front-end's cost is counted."""
    kinds = {
        Frontend.ADDED: CaveatKind.FRONTEND_ADDED,
        Frontend.MISSING: CaveatKind.NO_FRONTEND,
    }
    return [Caveat(kind=kinds[frontend])] if frontend in kinds else []


def _serves(frontend: Artifact, artifact: Artifact) -> bool:
    if artifact.frontend == LOG_MEL:
        whole = frontend.window_samples == artifact.window_samples  # not only a hop's new frames
        return whole and frontend.name.startswith("frontend-")
    return frontend.name == artifact.frontend


def _median(case: CaseResult) -> float:
    return case.summary.latency_us_median if case.summary else float("inf")
