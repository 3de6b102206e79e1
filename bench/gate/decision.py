"""The group-sequential test: the decisions of a rule on the blocks of models so far."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench.gate.rule import Analysis, Rule
from bench.gate.signed_rank import FloatArray, p_at_least, p_at_most

_POWER = 0.95
_SIGNED_RANK = 1.05  # above sqrt(pi / 3), its loss against a test of the mean on normal noise
_NORMAL = 1.4826  # a normal distribution's standard deviation over its median absolute deviation


class Outcome(IntEnum):
    """The state of a model; all but ``OPEN`` end its blocks."""

    OPEN = 0
    SAME = 1
    IMPROVED = 2
    REGRESSED = 3
    CAPPED = 4
    HOPELESS = 5


def decide(
    log_ratios: FloatArray, rule: Rule, *, models: int, time_limits: Sequence[int] = ()
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Returns the decisions of the analyses of these blocks; a decided model is not analysed again.

    At an analysis a model is ``SAME`` if "slower by the margin or more" is rejected, else
    ``REGRESSED`` if "slower by the tolerance or less" is rejected, each at the level that the
    analysis may spend. Swapping a block's processes flips the sign of its log-ratio, and a fair
    coin swaps them: so both tests are exact for any noise, and by the union bound the error rates
    hold over all analyses and models. ``IMPROVED`` is ``SAME`` where "faster by no more than the
    tolerance" is rejected too, at the same level. A two-sided rule makes the same tests in both
    directions: ``SAME`` needs both passing tests, and ``IMPROVED`` is ``REGRESSED`` mirrored.

    Args:
        log_ratios: float64 [rows, blocks], candidate over baseline, in the order measured.
        models: number of tests in the gate, among which the false alarms are divided: of models,
            axes and directions.
        time_limits: blocks at each time limit so far; an analysis there spends
            ``Rule.time_limit_share`` of what is left.

    Returns:
        The ``Outcome`` of each row, int8 [rows]; and the blocks of the analysis that decided, int64
        [rows]: of the last analysis while open, 0 before the first.
    """
    outcome = np.full(len(log_ratios), Outcome.OPEN, np.int8)
    analysed = np.zeros(len(log_ratios), np.int64)
    for analysis in rule.schedule(time_limits):
        rows = np.flatnonzero(outcome == Outcome.OPEN)
        if analysis.blocks > log_ratios.shape[1] or not rows.size:
            break
        if analysis.blocks:
            outcome[rows] = _analyse(log_ratios[rows, : analysis.blocks], rule, analysis, models)
            analysed[rows] = analysis.blocks
    return outcome, analysed


def blocks_missing(log_ratios: FloatArray, rule: Rule, *, models: int) -> int | None:
    """Returns how many more blocks flag a model as regressed if they are like those so far.

    Args:
        log_ratios: float64 [blocks], of a model without an outcome.

    Returns:
        ``None`` if it would not be flagged up to the cap.
    """
    done = log_ratios.size
    for analysis in rule.schedule():
        if analysis.blocks > done:
            further = np.resize(log_ratios, analysis.blocks - done)
            if _regressed(np.append(log_ratios, further), rule, analysis, models):
                return analysis.blocks - done
    return None


def smallest_slowdown(
    log_ratios: FloatArray, rule: Rule, *, models: int, blocks: int | None = None
) -> FloatArray:
    """Returns the smallest slowdown that these blocks would have shown with 95 % power.

    A share, in the normal approximation. On the log scale: the tolerance, plus
    (z(1 - false alarms / models) + z(0.95)) * 1.05 * SD / sqrt(blocks).

    Args:
        log_ratios: float64 [..., blocks], at least 1.
        blocks: for this number of blocks with the same noise, instead of those given.
    """
    quantile = NormalDist().inv_cdf
    z = quantile(1 - rule.false_alarms_per_gate / models) + quantile(_POWER)
    n = log_ratios.shape[-1] if blocks is None else blocks
    slack = z * _SIGNED_RANK * block_sd(log_ratios) / np.sqrt(n)
    return np.asarray(np.expm1(np.log1p(rule.tolerance) + slack))


def block_sd(log_ratios: FloatArray) -> FloatArray:
    """Returns 1.4826 times the median absolute deviation of blocks: float64 [...].

    Rousseeuw and Croux, Alternatives to the median absolute deviation, 1993.
    """
    middle = np.median(log_ratios, axis=-1, keepdims=True)
    return np.asarray(_NORMAL * np.median(np.abs(log_ratios - middle), axis=-1))


def _analyse(
    log_ratios: FloatArray, rule: Rule, analysis: Analysis, models: int
) -> NDArray[np.int8]:
    slow, slower = np.log1p([rule.tolerance, rule.margin])
    level = rule.passing_level(analysis.passing)
    same = p_at_least(log_ratios, slower) <= level
    regressed = _regressed(log_ratios, rule, analysis, models)
    if rule.two_sided:
        same &= p_at_most(log_ratios, -slower) <= level
        improved = _regressed(-log_ratios, rule, analysis, models) & ~same
    else:
        improved = same.copy()
        improved[same] = p_at_least(log_ratios[same], -slow) <= level
    hopeless = np.zeros(len(log_ratios), np.bool_)
    if analysis.planned and analysis.blocks >= rule.hopeless_after_blocks:
        detectable = smallest_slowdown(log_ratios, rule, models=models, blocks=rule.cap_blocks)
        hopeless = detectable > rule.hopeless_margins * rule.margin
    capped = np.full(len(log_ratios), analysis.blocks == rule.cap_blocks)
    return np.select(
        [improved, same, regressed, capped, hopeless],
        [Outcome.IMPROVED, Outcome.SAME, Outcome.REGRESSED, Outcome.CAPPED, Outcome.HOPELESS],
        Outcome.OPEN,
    ).astype(np.int8)


def _regressed(
    log_ratios: FloatArray, rule: Rule, analysis: Analysis, models: int
) -> NDArray[np.bool_]:
    slow = np.log1p(rule.tolerance)
    level = rule.rejection_level(analysis.rejection, models)
    return np.asarray(p_at_most(log_ratios, slow) <= level)
