"""What gates cost, and how often their verdict is correct, resampled from measured processes.

In an A/A log both sides are equal, so its processes can be resampled (bootstrap) into blocks, each
with a new coin. For these simulated gates the correct verdict is known, and the real rule decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.gate.decision import Outcome, decide
from bench.gate.rule import Rule
from bench.gate.signed_rank import FloatArray

MANY_MODELS = 30
MARGINS = (0.02, 0.03, 0.05, 0.10)
SIDES = (1, 2, 3)  # processes per side

RULE = Rule()
OF_MANY = RULE.for_models(MANY_MODELS)
_ROWS = 1000
_GATES = 500
_EQUAL_COST = 1.1  # costs within 10 % count as equal; more processes have more power
_WARM_UPS = 2  # warm-up processes before the first block of a model


@dataclass(frozen=True, slots=True, kw_only=True)
class RedGates:
    """False alarms: red gates of unchanged models.

    Args:
        share: of the simulated gates.
        high: upper end of its exact one-sided 95 % interval (Clopper and Pearson 1934).
    """

    share: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of comparing one of ``MANY_MODELS`` models.

    Args:
        passed: share of unchanged models that pass.
        caught: share of models slower by the margin that are flagged as regressed.
        unchanged_s, slower_s: mean wall time of these two kinds of models.
    """

    processes_per_side: int
    margin: float
    passed: float
    caught: float
    unchanged_s: float
    slower_s: float

    @property
    def correct_s(self) -> float:
        """The seconds of an unchanged model, divided by the chance of a correct verdict."""
        return self.unchanged_s / max(self.passed * self.caught, 1e-6)


def differences(runs: Sequence[FloatArray], processes_per_side: int) -> FloatArray:
    """Returns the log-ratios of all blocks of consecutive processes: float64 [blocks].

    The side that began is the numerator; the sides alternate, as in a gate.
    """
    windows = np.concatenate(
        [np.lib.stride_tricks.sliding_window_view(run, 2 * processes_per_side)[::2] for run in runs]
    )
    return np.asarray(windows[:, ::2].min(axis=1) - windows[:, 1::2].min(axis=1))


def _resample(
    rng: np.random.Generator, noise: FloatArray, rows: int, slowdown: float
) -> FloatArray:
    """Returns blocks resampled with replacement, each with a coin: float64 [rows, cap]."""
    shape = (rows, RULE.cap_blocks)
    return np.asarray(
        rng.choice(noise, shape) * rng.choice((-1.0, 1.0), shape) + math.log1p(slowdown)
    )


def cost_of(
    noise: FloatArray,
    margin: float,
    processes_per_side: int,
    process_s: float,
) -> Cost:
    """Returns the cost of models with this noise.

    Args:
        noise: the log-ratios of blocks of equal files, float64 [blocks].
        process_s: time from one process to the next.
    """
    rng = np.random.default_rng(1)
    rule = replace(OF_MANY, margin=margin, processes_per_side=processes_per_side)
    (unchanged, unchanged_blocks), (slower, slower_blocks) = (
        decide(_resample(rng, noise, _ROWS, each), rule, models=MANY_MODELS)
        for each in (0.0, margin)
    )
    unchanged_s, slower_s = (
        (2 * processes_per_side * float(blocks.mean()) + _WARM_UPS) * process_s
        for blocks in (unchanged_blocks, slower_blocks)
    )
    return Cost(
        processes_per_side=processes_per_side,
        margin=margin,
        passed=float(np.isin(unchanged, (Outcome.SAME, Outcome.IMPROVED)).mean()),
        caught=float((slower == Outcome.REGRESSED).mean()),
        unchanged_s=unchanged_s,
        slower_s=slower_s,
    )


def best(costs: Sequence[Cost]) -> int:
    """Returns the number of processes per side to use."""
    prices = {cost.processes_per_side: cost.correct_s for cost in costs}
    return max(k for k, price in prices.items() if price <= _EQUAL_COST * min(prices.values()))


def red_gates(rng: np.random.Generator, noise: FloatArray, rule: Rule, *, models: int) -> RedGates:
    """Returns the false alarms of gates of so many models with this noise."""
    rule = replace(RULE.for_models(models), processes_per_side=rule.processes_per_side)
    outcome, _ = decide(_resample(rng, noise, _GATES * models, 0.0), rule, models=models)
    regressed = (outcome == Outcome.REGRESSED).reshape(_GATES, models)
    red = int(regressed.any(axis=1).sum())
    return RedGates(share=red / _GATES, high=_upper_bound(red, _GATES))


def _upper_bound(count: int, n: int) -> float:
    """Returns the share for which ``count`` or fewer of n have a probability of 5 %."""
    low, high = count / n, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        chance = sum(
            math.comb(n, k) * middle**k * (1 - middle) ** (n - k) for k in range(count + 1)
        )
        low, high = (middle, high) if chance > 0.05 else (low, middle)
    return high
