"""The words of a gate: verdicts, why there is none, intervals, and findings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from bench.core.artifact import Format
from bench.core.caveats import Caveat
from bench.core.errors import ConfigurationError

CONFIDENCE = 0.95


class Axis(StrEnum):
    """The property of a model that is gated."""

    LATENCY = "latency"
    SIZE = "size"
    ACCURACY = "accuracy"


class Verdict(StrEnum):
    """The result for a model on an axis, the most important ones first."""

    REGRESSED = "regressed"
    FAILED = "failed"  # it cannot be measured as requested, on either side
    UNDECIDED = "undecided"
    IMPROVED = "improved"
    NEW = "new"  # only the candidate has it
    REMOVED = "removed"  # only the baseline has it
    SAME = "same"
    UNCHANGED = "unchanged"  # the same file on both sides, so nothing was measured


# Both sides were compared; for the other verdicts there is nothing to compare.
COMPARED = (Verdict.SAME, Verdict.IMPROVED, Verdict.REGRESSED, Verdict.UNDECIDED)
UNMEASURED = (Verdict.NEW, Verdict.REMOVED, Verdict.UNCHANGED)
QUIET = (Verdict.SAME, Verdict.UNCHANGED)


class UndecidedReason(StrEnum):
    """Why a model has no verdict."""

    OPEN = "open"  # the gate goes on, or its log just ends
    CAPPED = "capped"
    NOISE = "hopeless-noise"
    OUT_OF_TIME = "out-of-time"
    INTERRUPTED = "interrupted"
    DEVICE_LOST = "device-lost"
    ENVIRONMENT = "environment-unstable"
    TOO_FEW_CLIPS = "too-few-clips"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ModelKey:
    """What pairs a candidate with its baseline."""

    name: str
    format: Format

    def __str__(self) -> str:
        """Returns the name and the format, as people and coins read them."""
        return f"{self.name} {self.format}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its 95 % interval.

    Args:
        low, high: both ``None`` where the value is exact or too few blocks give no interval. The
            interval of a latency is that of a fixed number of blocks; as the gate stops when it has
            decided, it covers at least 90 %.
    """

    value: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        _require(
            ((self.low is None) == (self.high is None), "an interval needs both ends"),
            (isfinite(low) and isfinite(high), f"{low} to {high} is not an interval"),
            (low <= self.value <= high, f"{self.value} lies outside {low} to {high}"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyEvidence:
    """What the verdict on a latency rests on.

    Args:
        blocks: those that the verdict rests on; later ones are ignored.
        analysis: the interim analysis that decided or gave up, from 1; ``None`` while open.
        smallest_slowdown: a share that so many blocks show with 95 % power, by approximation;
            ``None`` without blocks, as all that follow.
        block_sd: of the log-ratios, robust.
        min_ratio: of the fastest inferences of either side.
        p95_ratio: of the 95th percentile of either side's slowest process: what the fastest of
            several processes hides.
        discarded: reasons' codes and how many blocks each spoiled, by code.
    """

    blocks: int
    analysis: int | None = None
    smallest_slowdown: float | None = None
    block_sd: float | None = None
    min_ratio: Interval | None = None
    p95_ratio: Interval | None = None
    discarded: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One model's verdict on one axis, with its numbers.

    Args:
        margin: a share that the latency or size may grow by, or that the accuracy may lose.
        change: of a latency or a size the ratio of candidate to baseline, sizes are exact; of an
            accuracy the paired difference, candidate less baseline, a share.
        reason: why it is undecided; ``None`` if it is not.
        evidence: of a latency that was measured.
        why: sentences on what regressed or failed.
        baseline_sha256, candidate_sha256: of the files; empty where a side lacks the model.
    """

    model: ModelKey
    axis: Axis
    verdict: Verdict
    margin: float
    change: Interval | None = None
    reason: UndecidedReason | None = None
    evidence: LatencyEvidence | None = None
    why: tuple[str, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    baseline_sha256: str = ""
    candidate_sha256: str = ""

    def __post_init__(self) -> None:
        undecided = self.verdict is Verdict.UNDECIDED
        change, measured = self.change, self.is_compared or self.verdict is Verdict.FAILED
        _require(
            (isfinite(self.margin) and self.margin >= 0, "a margin is a share from 0"),
            (change is None or measured, f"{self.verdict} compares nothing"),
            (change or undecided or not self.is_compared, f"{self.verdict} by how much"),
            (
                change is None or change.value > 0 or self.axis is Axis.ACCURACY,
                "a ratio is above 0",
            ),
            (undecided == (self.reason is not None), "undecided, and only that, has a reason"),
            (not undecided or self.axis is not Axis.SIZE, "a size is exact, so never undecided"),
            (self.verdict is not Verdict.FAILED or self.why, "what failed says why"),
            (self._has_evidence(), "a latency has its blocks and the slowdown they show"),
            where=f"{self.model} {self.axis}: ",
        )

    @property
    def is_compared(self) -> bool:
        """Whether both sides were compared."""
        return self.verdict in COMPARED

    def _has_evidence(self) -> bool:
        evidence = self.evidence
        if self.axis is not Axis.LATENCY or evidence is None:
            return evidence is None and (self.axis is not Axis.LATENCY or not self.is_compared)
        known = [self.change is not None, evidence.smallest_slowdown is not None]
        return known == [evidence.blocks > 0] * 2


def _require(*conditions: tuple[object, str], where: str = "") -> None:
    for holds, problem in conditions:
        if not holds:
            raise ConfigurationError(f"{where}{problem}", hint="correct what the gate reports")
