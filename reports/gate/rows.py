"""What a gate found: one row a model, format and axis, and what they have in common."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import isfinite

from bench.core.artifact import Format
from bench.core.caveats import Caveat
from bench.core.errors import ConfigurationError


class Axis(StrEnum):
    """What of a model is gated."""

    LATENCY = "latency"
    SIZE = "size"
    ACCURACY = "accuracy"


class Verdict(StrEnum):
    """What is said of a model on an axis; what people must see comes first."""

    REGRESSED = "regressed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    IMPROVED = "improved"
    NEW = "new"
    REMOVED = "removed"
    SAME = "same"
    UNCHANGED = "unchanged"  # the same file on both sides, so nothing was measured


# Of the two sides; the others have nothing to compare.
COMPARED = (Verdict.SAME, Verdict.IMPROVED, Verdict.REGRESSED, Verdict.UNDECIDED)
QUIET = (Verdict.SAME, Verdict.UNCHANGED)

_REGRESSION, _UNDECIDED, _GOOD = 1, 5, 0
_WORSE_THAN_A_REGRESSION = (130, 2, 70)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An estimate and its 95 % interval.

    Args:
        low, high: ``None``, both, where it is exact or too few blocks give no interval.
    """

    value: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        _demand(
            ((self.low is None) == (self.high is None), "an interval needs both ends"),
            (isfinite(low) and isfinite(high), f"{low} to {high} is no interval"),
            (low <= self.value <= high, f"{self.value} lies outside {low} to {high}"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is said of one model, in one format, on one axis.

    Args:
        ratio: candidate over baseline, of latency or of size; a size is exact.
        difference: of accuracy, candidate less baseline, a share; its interval is paired.
        margin: a share that the ratio may exceed 1 by, or that the accuracy may lose.
        blocks: of a latency, those that the verdict rests on.
        smallest_slowdown: of a latency, the share that so many blocks show with 95 % power.
        discarded: reasons' codes, and how many blocks each spoiled.
        doubt: the code of why it is undecided.
        why: sentences on what regressed or failed.
        baseline_sha256, candidate_sha256: of the files; empty for a side that is not there.
    """

    model: str
    format: Format
    axis: Axis
    verdict: Verdict
    margin: float
    ratio: Estimate | None = None
    difference: Estimate | None = None
    blocks: int | None = None
    smallest_slowdown: float | None = None
    discarded: tuple[tuple[str, int], ...] = ()
    doubt: str = ""
    why: tuple[str, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    baseline_sha256: str = ""
    candidate_sha256: str = ""

    def __post_init__(self) -> None:
        undecided = self.verdict is Verdict.UNDECIDED
        accuracy = self.axis is Axis.ACCURACY
        found = self.difference if accuracy else self.ratio
        _demand(
            (isfinite(self.margin) and self.margin >= 0, "a margin is a share from 0"),
            ((self.ratio if accuracy else self.difference) is None, f"no such {self.axis}"),
            (found is None or self.verdict in COMPARED, f"{self.verdict} compares nothing"),
            (found or undecided or self.verdict not in COMPARED, f"{self.verdict} by how much"),
            (self.ratio is None or self.ratio.value > 0, "a ratio is above 0"),
            (undecided == bool(self.doubt), "undecided, and only that, has a doubt"),
            (not undecided or self.axis is not Axis.SIZE, "a size is exact, so never undecided"),
            (self.verdict is not Verdict.FAILED or self.why, "what failed says why"),
            (self._tells_its_power(), "a latency tells its blocks and the slowdown they show"),
            where=f"{self.name} {self.axis}: ",
        )

    @property
    def name(self) -> str:
        """Model and format."""
        return f"{self.model} {self.format}"

    def _tells_its_power(self) -> bool:
        if self.axis is not Axis.LATENCY or self.verdict not in COMPARED:
            return self.blocks is None and self.smallest_slowdown is None
        told = [self.ratio is not None, self.smallest_slowdown is not None]
        return self.blocks is not None and told == [self.blocks > 0] * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate.

    Args:
        title: names it and its device among others of one build.
        device: facts of it, as they are shown.
        tool: the benchmark program and its identity.
        exit_code: by the table in docs/exit-codes.md.
        undecided_fails: ``--undecided=fail``.
        started_at: in UTC.
    """

    title: str
    device: dict[str, float | str | None]
    tool: str
    seconds: float
    exit_code: int
    findings: tuple[Finding, ...]
    undecided_fails: bool = False
    started_at: datetime | None = None

    def __post_init__(self) -> None:
        twice = [name for name, n in Counter(map(_identity, self.findings)).items() if n > 1]
        has = {finding.verdict for finding in self.findings}
        undecided = self.undecided_fails and Verdict.UNDECIDED in has
        code = self.exit_code
        red = Verdict.REGRESSED in has
        _demand(
            (not twice, f"{' '.join(twice[0]) if twice else ''} is there twice"),
            (isfinite(self.seconds) and self.seconds >= 0, f"{self.seconds} s is no duration"),
            (red or code != _REGRESSION, "exit code 1 without a regression"),
            (
                not red or code in (_REGRESSION, *_WORSE_THAN_A_REGRESSION),
                f"a regression with exit code {code}",
            ),
            (undecided or code != _UNDECIDED, "exit code 5 without what is undecided and fails"),
            (
                code != _GOOD or not (undecided or Verdict.FAILED in has),
                "exit code 0 with what failed",
            ),
        )

    def of(self, *verdicts: Verdict) -> list[Finding]:
        """Returns the findings of these verdicts, in the order of ``Verdict``, then as given."""
        chosen = [finding for finding in self.findings if finding.verdict in verdicts]
        return sorted(chosen, key=lambda finding: list(Verdict).index(finding.verdict))


def _identity(finding: Finding) -> tuple[str, str]:
    return finding.name, finding.axis


def _demand(*holding: tuple[object, str], where: str = "") -> None:
    for holds, problem in holding:
        if not holds:
            raise ConfigurationError(f"{where}{problem}", hint="mend what the gate reports")
