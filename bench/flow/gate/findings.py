"""A gate's log as the findings that reports are made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bench.core import units
from bench.core.artifact import Format
from bench.core.caveats import Caveat, CaveatKind
from bench.gate.log import Log
from bench.gate.reasons import reasons
from bench.gate.records import Explained, Opened, Pair, Scored
from bench.gate.rule import Rule
from bench.gate.size_and_accuracy import AccuracyJudged, SizeJudged, accuracies, sizes
from bench.gate.verdict import Judged, Ratio, judge
from bench.gate.verdict import Verdict as Judgement
from reports.gate.rows import Axis, Estimate, Finding, Gate, Verdict

TOO_FEW_CLIPS = "too-few-clips"


def gate_of(
    log: Log,
    *,
    seconds: float,
    exit_code: int,
    undecided_fails: bool,
    started_at: datetime | None = None,
) -> Gate:
    """Returns what a log says, for reports.

    Args:
        seconds: that the gate has taken.
        exit_code: that the program ends with.
    """
    device = log.opened.device
    tools = {pair.observed.get("tool", "") for pair in log.opened.models}
    return Gate(
        title=f"gate on {device.get('name')}",
        device=device,
        tool=" ".join(sorted(filter(None, tools))),
        seconds=seconds,
        exit_code=exit_code,
        findings=findings_of(log),
        undecided_fails=undecided_fails,
        started_at=started_at,
    )


def findings_of(log: Log) -> tuple[Finding, ...]:
    """Returns what a log says of each model, those that were not measured last."""
    pairs = {pair.key: pair for pair in log.opened.models}
    verdicts = judge(log)
    reasons_of = {
        each.model: reasons(pairs[each.model], each)
        for each in log.entries
        if isinstance(each, Explained)
    }
    found = [
        _measured(pairs[each.model], each, verdicts.rule, reasons_of.get(each.model, ()))
        for each in verdicts.models
    ]
    found += [_sized(pairs[each.model], each, log.opened) for each in sizes(log)]
    found += [_scored(pairs[each.scored.model], each, log.opened) for each in accuracies(log)]
    for key, why in log.opened.unmeasured.items():
        model, _, format = key.rpartition(" ")
        found.append(
            Finding(
                model=model,
                format=Format(format),
                axis=Axis.LATENCY,
                verdict=Verdict(why.value),
                margin=log.opened.rule.margin,
            )
        )
    return tuple(found)


def _measured(pair: Pair, judged: Judged, rule: Rule, why: tuple[str, ...]) -> Finding:
    failed = judged.verdict is Judgement.FAILED
    return Finding(
        model=pair.name,
        format=pair.format,
        axis=Axis.LATENCY,
        verdict=Verdict(judged.verdict.value),
        margin=rule.margin,
        ratio=None if failed or judged.ratio is None else _estimate(judged.ratio),
        blocks=None if failed else judged.blocks,
        smallest_slowdown=None if failed else judged.smallest_slowdown,
        discarded=judged.discarded,
        doubt=judged.doubt or "",
        why=(judged.failure,) if judged.failure else why,
        caveats=tuple(
            Caveat(kind=CaveatKind(kind)) for kind in pair.observed.get("caveats", "").split()
        ),
        baseline_sha256=pair.baseline_sha256,
        candidate_sha256=pair.candidate_sha256,
    )


def _sized(pair: Pair, judged: SizeJudged, opened: Opened) -> Finding:
    return Finding(
        model=pair.name,
        format=pair.format,
        axis=Axis.SIZE,
        verdict=Verdict(judged.verdict.value),
        margin=opened.size_margin or 0.0,
        ratio=Estimate(value=judged.ratio),
        why=(
            (f"{judged.candidate_bytes:,} bytes instead of {judged.baseline_bytes:,}",)
            if judged.verdict is Judgement.REGRESSED
            else ()
        ),
        baseline_sha256=pair.baseline_sha256,
        candidate_sha256=pair.candidate_sha256,
    )


def _scored(pair: Pair, judged: AccuracyJudged, opened: Opened) -> Finding:
    mean = judged.mean
    undecided = judged.verdict is Judgement.UNDECIDED
    return Finding(
        model=pair.name,
        format=pair.format,
        axis=Axis.ACCURACY,
        verdict=Verdict(judged.verdict.value),
        margin=opened.accuracy.margin if opened.accuracy else 0.0,
        difference=Estimate(
            value=mean.value, low=min(mean.low, mean.value), high=max(mean.high, mean.value)
        ),
        doubt=TOO_FEW_CLIPS if undecided else "",
        why=tuple(_tasks(judged.scored)) if judged.verdict is not Judgement.SAME else (),
        baseline_sha256=pair.baseline_sha256,
        candidate_sha256=pair.candidate_sha256,
    )


def _tasks(scored: Scored) -> Iterator[str]:
    """Yields each task's difference, the greatest loss first."""
    for each in sorted(scored.differences[:-1], key=lambda each: each.value):
        points, low, high = map(units.points, (each.value, each.low, each.high))
        yield f"{each.task}: {points} points ({low} to {high})"


def _estimate(ratio: Ratio) -> Estimate:
    return Estimate(value=ratio.estimate, low=ratio.low, high=ratio.high)
