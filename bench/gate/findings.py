"""The findings of a gate's log: a pure function, so that a replay gives the same findings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from bench.gate.decision import Outcome, block_sd, blocks_missing, decide, smallest_slowdown
from bench.gate.log import Log
from bench.gate.reasons import reasons
from bench.gate.records import (
    Block,
    CloseReason,
    Pair,
    Process,
    Unmeasured,
)
from bench.gate.rule import Rule
from bench.gate.signed_rank import FloatArray, estimate, interval
from bench.gate.size_and_accuracy import accuracy_findings, size_findings
from bench.gate.standing import Standing
from bench.gate.verdict import (
    CONFIDENCE,
    NOISE_FROM_BLOCKS,
    Axis,
    Finding,
    Interval,
    LatencyEvidence,
    ModelKey,
    Undecided,
    UndecidedReason,
    Verdict,
    seems_slower,
)

_VERDICTS: dict[Outcome, tuple[Verdict, UndecidedReason | None]] = {
    Outcome.SAME: (Verdict.SAME, None),
    Outcome.IMPROVED: (Verdict.IMPROVED, None),
    Outcome.REGRESSED: (Verdict.REGRESSED, None),
    Outcome.CAPPED: (Verdict.UNDECIDED, UndecidedReason.CAPPED),
    Outcome.HOPELESS: (Verdict.UNDECIDED, UndecidedReason.NOISE),
}


def findings_of(log: Log) -> tuple[Finding, ...]:
    """Returns all findings of a log, in the order of ``Axis``, then the unmeasured models."""
    return (
        *latency_findings(log),
        *other_block_findings(log),
        *size_findings(log),
        *accuracy_findings(log),
        *unmeasured_findings(log.opened.unmeasured, margin=log.opened.rule.margin),
    )


def unmeasured_findings(models: Iterable[Unmeasured], *, margin: float) -> tuple[Finding, ...]:
    """Returns the findings on models that are not compared."""
    return tuple(
        Finding(model=each.model, axis=Axis.LATENCY, verdict=each.verdict, margin=margin)
        for each in models
    )


def latency_findings(log: Log) -> tuple[Finding, ...]:
    """Returns the finding on the latency of each measured model, in the order of the log."""
    return tuple(_block_finding(log, pair, Axis.LATENCY) for pair in log.opened.models)


def other_block_findings(log: Log) -> tuple[Finding, ...]:
    """Returns the findings on initialisation and peak memory, as far as they are compared."""
    return tuple(
        _block_finding(log, pair, axis) for axis in log.opened.margins for pair in log.opened.models
    )


def exit_codes(log: Log, findings: Collection[Finding], *, undecided: Undecided) -> set[int]:
    """Returns all exit codes that follow from a log's findings; {0} if there are no others."""
    verdicts = {finding.verdict for finding in findings}
    codes = {
        1: Verdict.REGRESSED in verdicts,
        3: log.closed is CloseReason.DEVICE_LOST,
        4: Verdict.FAILED in verdicts or log.closed is CloseReason.ENVIRONMENT,
        5: any(map(undecided.fails, findings)),
    }
    return {code for code, holds in codes.items() if holds} or {0}


def log_ratio(block: Block) -> float:
    """Returns the log of candidate over baseline, each by its fastest process.

    Computed as a difference of logarithms, which swapping the sides negates exactly; the logarithm
    of a quotient is not.
    """
    return math.log(_value_us(block.candidate)) - math.log(_value_us(block.baseline))


def outcome_of(log: Log, model: ModelKey, axis: Axis = Axis.LATENCY) -> tuple[Outcome, int]:
    """Returns a model's outcome on an axis, and after how many blocks, as ``decide``."""
    return _outcome(log.standings.of[model], axis)


def is_open(log: Log, model: ModelKey) -> bool:
    """Returns whether a model needs more blocks, on any axis."""
    return _is_open(log.standings.of[model])


# A gate asks for all models after each block, and only one of them has changed.
@lru_cache(maxsize=4096)
def _outcome(standing: Standing, axis: Axis) -> tuple[Outcome, int]:
    opened = standing.opened
    rule = opened.rule_on(axis)
    ratios = _ratios_on(axis, standing.blocks[: rule.cap_blocks])
    if ratios is None:
        return Outcome.OPEN, 0
    outcome, blocks = decide(
        ratios[np.newaxis], rule, models=opened.tests, time_limits=standing.time_limits
    )
    return Outcome(int(outcome[0])), int(blocks[0])


@lru_cache(maxsize=4096)
def _is_open(standing: Standing) -> bool:
    return standing.failure is None and any(
        _outcome(standing, axis)[0] is Outcome.OPEN
        for axis in (Axis.LATENCY, *standing.opened.margins)
        if _ratios_on(axis, standing.blocks) is not None
    )


def _block_finding(log: Log, pair: Pair, axis: Axis) -> Finding:
    rule, tests = log.opened.rule_on(axis), log.opened.tests
    standing = log.standings.of[pair.model]
    blocks = standing.blocks
    outcome, analysed = _outcome(standing, axis)
    if outcome is not Outcome.OPEN:
        blocks = blocks[:analysed]
    verdict, reason = _verdict(outcome, log.closed)
    ratios = _ratios_on(axis, blocks)
    if ratios is None:
        verdict, reason, blocks = Verdict.UNDECIDED, UndecidedReason.NOT_REPORTED, ()
        ratios = np.empty(0)
    why = reasons(pair, standing.explained) if standing.explained else ()
    if standing.failure is not None:
        verdict, reason, why = Verdict.FAILED, None, (standing.failure,)
    change = _ratio(ratios)
    has_noise = len(blocks) >= NOISE_FROM_BLOCKS
    slower = seems_slower(change, rule.margin) and verdict is Verdict.UNDECIDED
    is_latency = axis is Axis.LATENCY
    start = _ratio(_other_ratios(blocks, _start_us, min)) if is_latency else None
    if start is not None and verdict is Verdict.REGRESSED:
        why = (*_since_the_start(start, change, rule.margin), *why)
    return Finding(
        model=pair.model,
        axis=axis,
        verdict=verdict,
        margin=rule.margin,
        change=change,
        reason=reason,
        evidence=LatencyEvidence(
            blocks=len(blocks),
            analysis=_analysis_number(outcome, analysed, rule),
            blocks_missing=blocks_missing(ratios, rule, models=tests) if slower else None,
            smallest_slowdown=(
                float(smallest_slowdown(ratios, rule, models=tests)) if has_noise else None
            ),
            block_sd=float(block_sd(ratios)) if has_noise else None,
            min_ratio=_ratio(_other_ratios(blocks, _min_us, min)) if is_latency else None,
            p95_ratio=_ratio(_other_ratios(blocks, _p95_us, max)) if is_latency else None,
            start_ratio=start,
            discarded=_discarded(standing),
        ),
        why=why if is_latency or verdict is Verdict.FAILED else (),
        caveats=pair.caveats,
        baseline_sha256=pair.baseline_sha256,
        candidate_sha256=pair.candidate_sha256,
    )


def _discarded(standing: Standing) -> tuple[tuple[str, int], ...]:
    """Returns the reasons of a model's discarded blocks, with their numbers."""
    numbers: Counter[str] = Counter()
    for entry in standing.discarded:
        numbers.update({reason.partition(":")[0] for reason in entry.reasons})
    return tuple(sorted(numbers.items()))


def _since_the_start(start: Interval, end: Interval | None, margin: float) -> Iterator[str]:
    """Yields whether a model that is slower in the last minute was so in the first one."""
    if end is None or start.low is None or start.high is None:
        return
    ratio = f"{start.value:.3f}× ({start.low:.3f} to {start.high:.3f})"
    if start.high < 1 + margin:
        yield (
            f"in the first minute {ratio}, in the last {end.value:.3f}×: it slows down more than "
            "the baseline while it runs without a pause"
        )
    elif start.low > 1:
        yield f"slower from the start: {ratio} in the first minute"


def _ratios_on(axis: Axis, blocks: Sequence[Block]) -> FloatArray | None:
    """Returns the log-ratios of an axis; ``None`` where a process does not show its quantity."""
    if axis is Axis.LATENCY:
        return np.array([log_ratio(block) for block in blocks], np.float64)
    quantity = {Axis.INITIALISATION: _init_us, Axis.MEMORY: _peak_mb}[axis]
    ratios = _other_ratios(blocks, quantity, min)
    return ratios if ratios.size == len(blocks) else None


def _init_us(process: Process) -> float | None:
    return process.init_us


def _peak_mb(process: Process) -> float | None:
    return process.peak_mb


def _min_us(process: Process) -> float | None:
    return process.min_us


def _start_us(process: Process) -> float | None:
    return process.start_us


def _p95_us(process: Process) -> float | None:
    return process.p95_us


def _analysis_number(outcome: Outcome, blocks: int, rule: Rule) -> int | None:
    """Returns the number of the analysis that decided, from 1; ``None`` at a time limit."""
    planned = outcome is not Outcome.OPEN and blocks in rule.analyses
    return rule.analyses.index(blocks) + 1 if planned else None


def _verdict(
    outcome: Outcome, closed: CloseReason | None
) -> tuple[Verdict, UndecidedReason | None]:
    if outcome is not Outcome.OPEN:
        return _VERDICTS[outcome]
    if closed is None or closed is CloseReason.DECIDED:
        return Verdict.UNDECIDED, UndecidedReason.OPEN
    return Verdict.UNDECIDED, UndecidedReason(closed.value)


def _ratio(log_ratios: FloatArray) -> Interval | None:
    """Returns exp of the Hodges-Lehmann estimate with its interval, which needs 6 blocks."""
    if not log_ratios.size:
        return None
    ends = interval(log_ratios, confidence=CONFIDENCE)
    return Interval(
        value=math.exp(estimate(log_ratios)),
        low=math.exp(ends[0]) if ends else None,
        high=math.exp(ends[1]) if ends else None,
    )


def _value_us(side: Sequence[Process]) -> float:
    return min(process.value_us for process in side)


def _other_ratios(
    blocks: Sequence[Block],
    quantity: Callable[[Process], float | None],
    choose: Callable[[list[float]], float],
) -> FloatArray:
    """Returns the log-ratios of another quantity, for the blocks whose processes all have it."""
    ratios = []
    for block in blocks:
        sides = [[quantity(each) for each in side] for side in (block.baseline, block.candidate)]
        complete = [[each for each in side if each is not None] for side in sides]
        if complete == sides:
            baseline, candidate = map(choose, complete)
            ratios.append(math.log(candidate) - math.log(baseline))
    return np.array(ratios, np.float64)
