"""What the log-mel front-end of a timed file costs each hop, and where that is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.artifact import IN_GRAPH, LOG_MEL, SAMPLE_RATE_HZ, Artifact, Role
from bench.core.caveats import Caveat, CaveatKind
from bench.flow.report.results import CaseResult
from models.frontend import FRAME_SAMPLES, new_frames, samples_of
from models.student.buildable import LogMelFrontend
from models.student.spec import InGraphFrontend
from reports.rows.schema import Frontend


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendCost:
    """Where the front-end's cost is counted.

    Args:
        measured: the front-end of the hop's new frames, where it is added.
        caveats: those that follow.
    """

    kind: Frontend
    measured: CaseResult | None = None
    caveats: tuple[Caveat, ...] = ()


def frontend_of(
    case: CaseResult, artifact: Artifact, cases: Sequence[CaseResult], *, hop_samples: int | None
) -> FrontendCost:
    """Returns where the front-end's cost of a hop is counted.

    An app keeps its log-mel frames, so a hop costs the front-end of its new frames. Nothing else
    is charged in its place: the front-end of a whole window is that of a hop of 96 frames only.

    Args:
        cases: of the same session and mode.
        hop_samples: audio between two inferences; ``None`` of what takes no audio.
    """
    if hop_samples is None:
        return FrontendCost(kind=Frontend.NONE_NEEDED)
    if artifact.frontend == IN_GRAPH:
        return FrontendCost(kind=Frontend.IN_GRAPH, caveats=_whole_window(artifact, hop_samples))
    if artifact.role is Role.OTHER and artifact.frontend != LOG_MEL:
        return FrontendCost(kind=Frontend.NONE_NEEDED)
    alike = _frontends(case, cases)
    serving = [
        (each, front) for each, front in alike if _serves(front, artifact, hop_samples=hop_samples)
    ]
    if not serving:
        return _missing(artifact, [front for _, front in alike], hop_samples)
    measured, front = min(serving, key=lambda pair: _median(pair[0]))
    added = Caveat(kind=CaveatKind.FRONTEND_ADDED, evidence=front.name)
    return FrontendCost(kind=Frontend.ADDED, measured=measured, caveats=(added,))


def _frontends(case: CaseResult, cases: Sequence[CaseResult]) -> list[tuple[CaseResult, Artifact]]:
    """Returns the front-ends that ran in the same way: device, tool, delegate, threads, cores."""
    return [
        (each, each.artifact)
        for each in cases
        if each.artifact is not None
        and each.summary is not None
        and each.artifact.role is Role.FRONTEND
        and each.case.setup == case.case.setup
    ]


def _serves(frontend: Artifact, artifact: Artifact, *, hop_samples: int) -> bool:
    if artifact.frontend == LOG_MEL:
        samples = samples_of(new_frames(hop_samples))
        return _is_ours(frontend) and frontend.window_samples == samples
    return frontend.name == artifact.frontend


def _is_ours(frontend: Artifact) -> bool:
    return frontend.name.startswith("frontend-")


def _missing(artifact: Artifact, timed: Sequence[Artifact], hop_samples: int) -> FrontendCost:
    if artifact.frontend == LOG_MEL:
        frames = new_frames(hop_samples)
        needed = LogMelFrontend(InGraphFrontend.DFT, frames).name
        reason = f"{needed} was not timed in the same setup; frill-bench convert {needed}"
        others = [front.name for front in timed if _is_ours(front)]
        if others:
            reason += f" ({others[0]} was, but it is not that of a hop's {frames} new frames)"
    else:
        reason = f"{artifact.frontend} was not timed in the same setup"
    caveat = Caveat(kind=CaveatKind.NO_FRONTEND, evidence=reason)
    return FrontendCost(kind=Frontend.MISSING, caveats=(caveat,))


def _whole_window(artifact: Artifact, hop_samples: int) -> tuple[Caveat, ...]:
    """Returns a note where windows overlap by a frame or more, so that frames are made again."""
    window = artifact.window_samples or hop_samples
    overlap = window - hop_samples
    if artifact.role is not Role.EMBEDDING_WAVEFORM or overlap < FRAME_SAMPLES:
        return ()
    window_s, hop_s = (each / SAMPLE_RATE_HZ for each in (window, hop_samples))
    evidence = f"{window_s:.3g} s of audio for every {hop_s:.3g} s"
    return (Caveat(kind=CaveatKind.WHOLE_WINDOW, evidence=evidence),)


def _median(case: CaseResult) -> float:
    return case.summary.latency_us_median if case.summary else float("inf")
