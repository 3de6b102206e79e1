"""The findings on sizes, which are exact, and on accuracies."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist

from bench.core import units
from bench.core.score import Difference
from bench.gate.log import Log
from bench.gate.records import Pair, Scored
from bench.gate.rule import AccuracyRule
from bench.gate.verdict import Axis, Finding, Interval, UndecidedReason, Verdict

_Z95 = NormalDist().inv_cdf(0.975)


def size_findings(log: Log) -> tuple[Finding, ...]:
    """Returns the findings on sizes, in the order of the log; none where they are not compared."""
    margin = log.opened.size_margin
    if margin is None:
        return ()
    return tuple(
        _size_finding(pair, pair.baseline_bytes, pair.candidate_bytes, margin)
        for pair in log.opened.models
        if pair.baseline_bytes and pair.candidate_bytes
    )


def accuracy_findings(log: Log) -> tuple[Finding, ...]:
    """Returns the findings on accuracies, in the order of the log; none where not compared."""
    rule = log.opened.accuracy
    pairs = {pair.model: pair for pair in log.opened.models}
    if rule is None:
        return ()
    return tuple(
        _accuracy_finding(pairs[entry.model], entry, rule, models=len(pairs))
        for entry in log.entries
        if isinstance(entry, Scored)
    )


def _size_verdict(baseline_bytes: int, candidate_bytes: int, margin: float) -> Verdict:
    """Returns the verdict on a size; ``margin`` is a share."""
    # Whole numbers on the left: rounding must not hide a file that grew by exactly the margin.
    grown = candidate_bytes - baseline_bytes
    if grown > 0 and grown >= margin * baseline_bytes:
        return Verdict.REGRESSED
    return Verdict.IMPROVED if grown <= -margin * baseline_bytes and grown < 0 else Verdict.SAME


def accuracy_verdict(difference: Difference, rule: AccuracyRule, *, models: int) -> Verdict:
    """Returns the verdict on a paired difference, candidate less baseline.

    As for a latency, passing is tested before rejecting. The tails are those of a normal
    distribution with the deviation of the 95 % interval, because a bootstrap of a thousand
    resamples has no tail at a thousandth.

    Args:
        models: number of models in the gate, among which the false alarms are divided.
    """
    quantile = NormalDist().inv_cdf
    deviation = (difference.high - difference.low) / (2 * _Z95)
    passing = quantile(1 - rule.wrong_passes_per_model) * deviation
    rejecting = quantile(1 - rule.false_alarms_per_gate / models) * deviation
    if difference.value - passing > -rule.margin:
        is_better = difference.value - passing > rule.tolerance
        return Verdict.IMPROVED if is_better else Verdict.SAME
    if difference.value + rejecting < -rule.tolerance:
        return Verdict.REGRESSED
    return Verdict.UNDECIDED


def _size_finding(pair: Pair, baseline_bytes: int, candidate_bytes: int, margin: float) -> Finding:
    verdict = _size_verdict(baseline_bytes, candidate_bytes, margin)
    grew = f"{candidate_bytes:,} bytes instead of {baseline_bytes:,}"
    return Finding(
        model=pair.model,
        axis=Axis.SIZE,
        verdict=verdict,
        margin=margin,
        change=Interval(value=candidate_bytes / baseline_bytes),
        why=(grew,) if verdict is Verdict.REGRESSED else (),
        baseline_sha256=pair.baseline_sha256,
        candidate_sha256=pair.candidate_sha256,
    )


def _accuracy_finding(pair: Pair, scored: Scored, rule: AccuracyRule, *, models: int) -> Finding:
    mean = scored.differences[-1]
    verdict = accuracy_verdict(mean, rule, models=models)
    undecided = verdict is Verdict.UNDECIDED
    return Finding(
        model=pair.model,
        axis=Axis.ACCURACY,
        verdict=verdict,
        margin=rule.margin,
        change=Interval(
            value=mean.value, low=min(mean.low, mean.value), high=max(mean.high, mean.value)
        ),
        reason=UndecidedReason.TOO_FEW_CLIPS if undecided else None,
        why=() if verdict is Verdict.SAME else tuple(_task_differences(scored)),
        baseline_sha256=pair.baseline_sha256,
        candidate_sha256=pair.candidate_sha256,
    )


def _task_differences(scored: Scored) -> Iterator[str]:
    """Yields each task's difference, the greatest loss first."""
    for each in sorted(scored.differences[:-1], key=lambda each: each.value):
        points, low, high = map(units.points, (each.value, each.low, each.high))
        yield f"{each.task}: {points} points ({low} to {high})"
