"""What a gate's log says of each model: a pure function, so that replaying a log gives it again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

import numpy as np

from bench.gate.decision import Outcome, block_sd, decide, smallest_slowdown
from bench.gate.log import Log
from bench.gate.records import Block, CloseReason, Discarded, Failed, Process
from bench.gate.rule import Rule
from bench.gate.signed_rank import FloatArray, estimate, interval

CONFIDENCE = 0.95
# Said beside every interval: when to stop was chosen by looking at the same blocks.
COVERAGE = "95 % interval of a fixed number of blocks; read after stopping it covers at least 90 %"


class Verdict(StrEnum):
    """What is said of a model's latency."""

    SAME = "same"
    IMPROVED = "improved"
    REGRESSED = "regressed"
    UNDECIDED = "undecided"
    FAILED = "failed"  # it does not run as asked, on either side


class Doubt(StrEnum):
    """Why a model is undecided."""

    OPEN = "open"  # the gate goes on, or its log just ends
    CAPPED = "capped"
    NOISE = "hopeless-noise"
    OUT_OF_TIME = CloseReason.OUT_OF_TIME.value
    INTERRUPTED = CloseReason.INTERRUPTED.value
    DEVICE_LOST = CloseReason.DEVICE_LOST.value
    GUARDS = CloseReason.GUARDS.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A ratio of candidate to baseline.

    Args:
        estimate: exp of the blocks' Hodges-Lehmann estimate.
        low, high: as ``COVERAGE`` says; ``None`` below 6 blocks, where no such interval exists.
    """

    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One model's verdict and what it rests on.

    Args:
        model: ``Pair.key``.
        doubt: of an undecided one, else ``None``.
        look: at which it was decided or given up, from 1; ``None`` while it is open.
        blocks: that the verdict rests on; later ones are ignored.
        ratio: of the arms' values; ``None`` without blocks, as all that follow.
        min_ratio: of the fastest inferences of either arm.
        p95_ratio: of the 95th percentile of either arm's slowest process: what the fastest of
            several processes hides.
        block_sd: robust, of the log-ratios.
        smallest_slowdown: a share that so many blocks show with 95 % power, by approximation.
        discarded: reasons' codes and how many blocks each spoiled, by code.
        failure: of a failed one, which side and why.
    """

    model: str
    verdict: Verdict
    doubt: Doubt | None
    look: int | None
    blocks: int
    ratio: Ratio | None
    min_ratio: Ratio | None
    p95_ratio: Ratio | None
    block_sd: float | None
    smallest_slowdown: float | None
    discarded: tuple[tuple[str, int], ...]
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """A gate's verdicts, one a model, in the order of the log.

    Args:
        closed: why it ended; ``None`` if it did not.
        torn: the log's last line was cut off and left out.
    """

    gate_id: str
    rule: Rule
    models: tuple[Judged, ...]
    closed: CloseReason | None
    torn: bool


def judge(log: Log) -> Verdicts:
    """Returns the verdicts that a log holds."""
    blocks: dict[str, list[Block]] = {pair.key: [] for pair in log.opened.models}
    reasons: dict[str, Counter[str]] = {key: Counter() for key in blocks}
    failures: dict[str, str] = {}
    for entry in log.entries:
        match entry:
            case Block():
                blocks[entry.model].append(entry)
            case Discarded():
                codes = {reason.partition(":")[0] for reason in entry.reasons}
                reasons[entry.model].update(codes)
            case Failed():
                failures[entry.model] = entry.reason
    judged = [_judged(log, key, blocks[key], reasons[key]) for key in blocks]
    return Verdicts(
        gate_id=log.opened.gate_id,
        rule=log.opened.rule,
        models=tuple(_failed(each, failures.get(each.model)) for each in judged),
        closed=log.closed,
        torn=log.torn,
    )


def log_ratio(block: Block) -> float:
    """Returns the log of candidate over baseline, each the fastest of its processes.

    A difference of logarithms, which swapping the arms negates exactly; the log of a quotient is
    not.
    """
    return math.log(_value_us(block.candidate)) - math.log(_value_us(block.baseline))


def standing(blocks: Sequence[Block], rule: Rule, *, models: int) -> tuple[Outcome, int]:
    """Returns where a model stands after its blocks, and the look from 0 as in ``Decisions``."""
    ratios = np.array([[log_ratio(block) for block in blocks[: rule.cap_blocks]]], np.float64)
    found = decide(ratios, rule, models=models)
    return Outcome(int(found.outcome[0])), int(found.look[0])


def _judged(log: Log, key: str, blocks: list[Block], reasons: Counter[str]) -> Judged:
    rule, models = log.opened.rule, len(log.opened.models)
    outcome, look = standing(blocks, rule, models=models)
    if outcome is not Outcome.OPEN:
        blocks = blocks[: rule.looks[look]]
    verdict, doubt = _verdict(outcome, log.closed)
    ratios = np.array([log_ratio(block) for block in blocks], np.float64)
    return Judged(
        model=key,
        verdict=verdict,
        doubt=doubt,
        look=None if outcome is Outcome.OPEN else look + 1,
        blocks=len(blocks),
        ratio=_ratio(ratios),
        min_ratio=_ratio(_beside(blocks, lambda each: each.min_us, min)),
        p95_ratio=_ratio(_beside(blocks, lambda each: each.p95_us, max)),
        block_sd=float(block_sd(ratios)) if blocks else None,
        smallest_slowdown=(
            float(smallest_slowdown(ratios, rule, models=models)) if blocks else None
        ),
        discarded=tuple(sorted(reasons.items())),
    )


def _failed(judged: Judged, failure: str | None) -> Judged:
    if failure is None:
        return judged
    return replace(judged, verdict=Verdict.FAILED, doubt=None, failure=failure)


def _verdict(outcome: Outcome, closed: CloseReason | None) -> tuple[Verdict, Doubt | None]:
    match outcome:
        case Outcome.SAME:
            return Verdict.SAME, None
        case Outcome.IMPROVED:
            return Verdict.IMPROVED, None
        case Outcome.REGRESSED:
            return Verdict.REGRESSED, None
        case Outcome.CAPPED:
            return Verdict.UNDECIDED, Doubt.CAPPED
        case Outcome.HOPELESS:
            return Verdict.UNDECIDED, Doubt.NOISE
        case Outcome.OPEN:
            ended = closed is not None and closed is not CloseReason.DECIDED
            return Verdict.UNDECIDED, Doubt(closed.value) if closed and ended else Doubt.OPEN
        case _:
            assert_never(outcome)


def _ratio(log_ratios: FloatArray) -> Ratio | None:
    if not log_ratios.size:
        return None
    ends = interval(log_ratios, confidence=CONFIDENCE)
    return Ratio(
        estimate=math.exp(estimate(log_ratios)),
        low=math.exp(ends[0]) if ends else None,
        high=math.exp(ends[1]) if ends else None,
    )


def _value_us(arm: Sequence[Process]) -> float:
    return min(process.value_us for process in arm)


def _beside(
    blocks: Sequence[Block],
    time_us: Callable[[Process], float | None],
    choose: Callable[[list[float]], float],
) -> FloatArray:
    """Returns the log-ratios of another statistic, of the blocks where all processes tell it."""
    found = []
    for block in blocks:
        arms = [[time_us(each) for each in arm] for arm in (block.baseline, block.candidate)]
        known = [[each for each in arm if each is not None] for arm in arms]
        if known == arms:
            baseline, candidate = map(choose, known)
            found.append(math.log(candidate) - math.log(baseline))
    return np.array(found, np.float64)
