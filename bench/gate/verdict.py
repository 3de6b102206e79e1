"""The vocabulary of a gate: verdicts, undecided reasons, intervals and findings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from bench.core.artifact import Format
from bench.core.caveats import Caveat
from bench.core.errors import ConfigurationError

CONFIDENCE = 0.95
NOISE_FROM_BLOCKS = 2  # one block shows no noise


class Axis(StrEnum):
    """The property of a model that is gated."""

    LATENCY = "latency"
    INITIALISATION = "initialisation"
    MEMORY = "peak memory"
    SIZE = "size"
    ACCURACY = "accuracy"


BLOCK_AXES = (Axis.LATENCY, Axis.INITIALISATION, Axis.MEMORY)  # compared block by block


class Verdict(StrEnum):
    """The result for a model on an axis, the most important ones first."""

    REGRESSED = "regressed"
    FAILED = "failed"  # a side cannot be measured as requested
    UNDECIDED = "undecided"
    IMPROVED = "improved"
    NEW = "new"  # only the candidate has it
    REMOVED = "removed"  # only the baseline has it
    SAME = "same"
    UNCHANGED = "unchanged"  # the same file on both sides, so nothing was measured


# Verdicts of a comparison; for the others there is nothing to compare.
COMPARED = (Verdict.SAME, Verdict.IMPROVED, Verdict.REGRESSED, Verdict.UNDECIDED)
UNMEASURED = (Verdict.NEW, Verdict.REMOVED, Verdict.UNCHANGED)
QUIET = (Verdict.SAME, Verdict.UNCHANGED)
# Between ways to measure one file neither direction is the better one.
BETWEEN_SIDES = {
    Verdict.REGRESSED: "slower",
    Verdict.IMPROVED: "faster",
    Verdict.SAME: "no difference",
}


class UndecidedReason(StrEnum):
    """Why a model has no verdict."""

    OPEN = "open"  # the gate is not finished, or its log ends early
    CAPPED = "capped"
    NOISE = "hopeless-noise"
    OUT_OF_TIME = "out-of-time"
    INTERRUPTED = "interrupted"
    DEVICE_LOST = "device-lost"
    ENVIRONMENT = "environment-unstable"
    TOO_FEW_CLIPS = "too-few-clips"
    NOT_REPORTED = "not-reported"  # the tool does not show this quantity of every process


class Undecided(StrEnum):
    """Which undecided models give exit code 5."""

    WARN = "warn"  # none
    SLOWER = "slower"  # those that seem slower
    FAIL = "fail"  # all

    def fails(self, finding: Finding) -> bool:
        """Returns whether a finding is undecided and gives exit code 5."""
        if finding.verdict is not Verdict.UNDECIDED:
            return False
        return self is Undecided.FAIL or (self is Undecided.SLOWER and finding.seems_slower)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ModelKey:
    """The identity by which a candidate is paired with its baseline.

    Args:
        side: where one file is measured in several ways: the candidate's, such as ``threads=4``.
    """

    name: str
    format: Format
    side: str = ""

    def __str__(self) -> str:
        """Returns name, format and side, for people and for the coin."""
        return " ".join(filter(None, (self.name, self.format, self.side)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its 95 % interval.

    Args:
        low, high: both ``None`` where the value is exact, or there are too few blocks. The interval
            of a latency is for a fixed number of blocks; because the gate stops when it has
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
            (low <= self.value <= high, f"{self.value} is outside {low} to {high}"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyEvidence:
    """The evidence for the verdict on a latency, or what else is compared block by block.

    Args:
        blocks: number of blocks that the verdict is based on; later ones are ignored.
        analysis: the planned analysis that decided or gave up, from 1; ``None`` while open, and at
            a time limit.
        blocks_missing: of an undecided model that seems slower: how many more blocks flag it as
            regressed if they are like those so far; ``None`` if no number up to the cap does.
        smallest_slowdown: that these blocks show with 95 % power, by approximation, a share;
            ``None`` with fewer than two blocks, which show no noise.
        block_sd: robust standard deviation of the log-ratios; ``None`` like it.
        min_ratio: of the fastest inferences of both sides.
        p95_ratio: of the 95th percentiles, of the slowest process of each side.
        start_ratio: in a sustained gate, of the first minutes.
        discarded: codes of reasons, each with the number of blocks that it made invalid.
    """

    blocks: int
    analysis: int | None = None
    blocks_missing: int | None = None
    smallest_slowdown: float | None = None
    block_sd: float | None = None
    min_ratio: Interval | None = None
    p95_ratio: Interval | None = None
    start_ratio: Interval | None = None
    discarded: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One model's verdict on one axis, with its numbers.

    Args:
        margin: a share that the latency or size may grow by, or that the accuracy may lose.
        change: for a latency or a size the ratio of candidate to baseline, exact for sizes; for an
            accuracy the paired difference, candidate less baseline, a share.
        reason: why it is undecided; ``None`` if it is not.
        evidence: for what is compared block by block.
        why: sentences on why it regressed or failed.
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
            (change or undecided or not self.is_compared, f"{self.verdict} needs a change"),
            (
                change is None or change.value > 0 or self.axis is Axis.ACCURACY,
                "a ratio is above 0",
            ),
            (
                undecided == (self.reason is not None),
                "undecided, and no other verdict, has a reason",
            ),
            (not undecided or self.axis is not Axis.SIZE, "a size is exact, so never undecided"),
            (self.verdict is not Verdict.FAILED or self.why, "failed needs its reason"),
            (self._has_evidence(), "a latency needs its blocks and their smallest slowdown"),
            where=f"{self.model} {self.axis}: ",
        )

    @property
    def is_compared(self) -> bool:
        """Whether both sides were compared."""
        return self.verdict in COMPARED

    @property
    def seems_slower(self) -> bool:
        """Whether it is undecided, with an interval wholly above the margin."""
        undecided = self.verdict is Verdict.UNDECIDED and self.axis in BLOCK_AXES
        return undecided and seems_slower(self.change, self.margin)

    def _has_evidence(self) -> bool:
        evidence = self.evidence
        in_blocks = self.axis in BLOCK_AXES
        if not in_blocks or evidence is None:
            return evidence is None and not (in_blocks and self.is_compared)
        has_noise = evidence.blocks >= NOISE_FROM_BLOCKS
        present = (self.change is not None, evidence.smallest_slowdown is not None)
        return present == (evidence.blocks > 0, has_noise)


def seems_slower(ratio: Interval | None, margin: float) -> bool:
    """Returns whether a ratio's interval is wholly above the margin."""
    return ratio is not None and ratio.low is not None and ratio.low > 1 + margin


def _require(*conditions: tuple[object, str], where: str = "") -> None:
    for holds, problem in conditions:
        if not holds:
            raise ConfigurationError(f"{where}{problem}", hint="correct what the gate reports")
