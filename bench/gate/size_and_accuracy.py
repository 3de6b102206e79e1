"""What a gate's log says of its files beside their latency: size, which is exact, and accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from bench.core.score import Difference
from bench.gate.log import Log
from bench.gate.records import Scored
from bench.gate.rule import AccuracyRule
from bench.gate.verdict import Verdict

_Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeJudged:
    """A model's verdict on its size.

    Args:
        model: ``Pair.key``.
        baseline_bytes, candidate_bytes: of the files.
    """

    model: str
    verdict: Verdict
    baseline_bytes: int
    candidate_bytes: int

    @property
    def ratio(self) -> float:
        """Candidate over baseline."""
        return self.candidate_bytes / self.baseline_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyJudged:
    """A model's verdict on its accuracy, and what it rests on."""

    verdict: Verdict
    scored: Scored

    @property
    def mean(self) -> Difference:
        """The difference of the means, which is judged."""
        return self.scored.differences[-1]


def sizes(log: Log) -> tuple[SizeJudged, ...]:
    """Returns the verdicts on sizes, in the order of the log; none where they are not judged."""
    margin = log.opened.size_margin
    if margin is None:
        return ()
    return tuple(
        SizeJudged(
            model=pair.key,
            verdict=_size(pair.baseline_bytes, pair.candidate_bytes, margin),
            baseline_bytes=pair.baseline_bytes,
            candidate_bytes=pair.candidate_bytes,
        )
        for pair in log.opened.models
        if pair.baseline_bytes and pair.candidate_bytes
    )


def accuracies(log: Log) -> tuple[AccuracyJudged, ...]:
    """Returns the verdicts on accuracies, in the order of the log; none where none are judged."""
    rule = log.opened.accuracy
    found = [entry for entry in log.entries if isinstance(entry, Scored)]
    if rule is None:
        return ()
    return tuple(
        AccuracyJudged(
            verdict=judge(each.differences[-1], rule, models=len(log.opened.models)), scored=each
        )
        for each in found
    )


def judge(difference: Difference, rule: AccuracyRule, *, models: int) -> Verdict:
    """Returns what a paired difference, candidate less baseline, says.

    As with a latency, passing goes before condemning. Tails are a normal distribution's, whose
    deviation is taken from the 95 % interval: a bootstrap of a thousand resamples has no tail at a
    thousandth.

    Args:
        models: of the gate, among which the false alarms are divided.
    """
    quantile = NormalDist().inv_cdf
    deviation = (difference.high - difference.low) / (2 * _Z95)
    passes = quantile(1 - rule.wrong_passes_per_model) * deviation
    condemns = quantile(1 - rule.false_alarms_per_gate / models) * deviation
    if difference.value - passes > -rule.margin:
        is_better = difference.value - passes > rule.tolerance
        return Verdict.IMPROVED if is_better else Verdict.SAME
    if difference.value + condemns < -rule.tolerance:
        return Verdict.REGRESSED
    return Verdict.UNDECIDED


def _size(baseline_bytes: int, candidate_bytes: int, margin: float) -> Verdict:
    # Whole numbers on the left: a file that grew by just the margin is not let off by rounding.
    grown = candidate_bytes - baseline_bytes
    if grown > 0 and grown >= margin * baseline_bytes:
        return Verdict.REGRESSED
    return Verdict.IMPROVED if grown <= -margin * baseline_bytes and grown < 0 else Verdict.SAME
