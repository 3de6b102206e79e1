"""A gate's log as the findings that reports are made of."""

from __future__ import annotations

from datetime import datetime

from bench.core.artifact import Format
from bench.core.caveats import Caveat, CaveatKind
from bench.gate.judging import Judged, Ratio, judge
from bench.gate.judging import Verdict as Judgement
from bench.gate.log import Log
from bench.gate.records import Pair
from bench.gate.rule import Rule
from reports.gate.rows import Axis, Estimate, Finding, Gate, Verdict


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
    found = [_measured(pairs[each.model], each, verdicts.rule) for each in verdicts.models]
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


def _measured(pair: Pair, judged: Judged, rule: Rule) -> Finding:
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
        why=(judged.failure,) if judged.failure else (),
        caveats=tuple(
            Caveat(kind=CaveatKind(kind)) for kind in pair.observed.get("caveats", "").split()
        ),
        baseline_sha256=pair.baseline_sha256,
        candidate_sha256=pair.candidate_sha256,
    )


def _estimate(ratio: Ratio) -> Estimate:
    return Estimate(value=ratio.estimate, low=ratio.low, high=ratio.high)
