"""A device's noise, and the cost of a gate there, from comparing files with themselves.

In an A/A log both sides are equal, so its processes can be resampled (bootstrap) into blocks, each
with a new coin. For these simulated gates the correct verdict is known. The real rule decides them,
which gives for each number of processes per side how often the verdict is correct, and after how
many blocks. The number to use has the lowest cost of an unchanged model per correct verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.core.caveats import Caveat
from bench.core.errors import ConfigurationError
from bench.gate.calibration.bimodality import Modes, modes
from bench.gate.decision import Outcome, block_sd, decide, smallest_slowdown
from bench.gate.findings import log_ratio
from bench.gate.history.series import Environment
from bench.gate.log import Log
from bench.gate.records import Block
from bench.gate.rule import Rule
from bench.gate.signed_rank import FloatArray
from bench.gate.verdict import ModelKey

SCHEMA_VERSION = 2
LEAST_BLOCKS = 12
MOST_BLOCKS = 500
MANY_MODELS = 30
MARGINS = (0.02, 0.03, 0.05, 0.10)

_RULE = Rule()
_OF_MANY = _RULE.for_models(MANY_MODELS)
_SIDES = (1, 2, 3)  # processes per side
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelClass:
    """Models of about the same latency, on which the noise of a block depends.

    Latency and not format: a scheduler's tick, a governor's window and a timer's resolution affect
    a short inference equally whatever its kernels are, and a long one differently.

    Args:
        name: the decade of a model's median value.
        models: name and format of each.
        blocks, discarded: of all of them.
        process_s: median time from one process to the next.
        block_sd, block_sd_plain: robust and plain standard deviation of the log-ratios.
        second_slower: median slowdown of the second process of a block, a share.
        modes: of the processes; ``None`` where there is only one.
        processes_per_side: recommended for a gate.
        smallest_slowdown: that a gate detects at the cap with 95 % power, a share.
        red_alone, red_of_many: false alarms of gates of one model, and of ``MANY_MODELS``.
        costs: for each number of processes per side and each of ``MARGINS``.
    """

    name: str
    models: tuple[str, ...]
    blocks: int
    discarded: int
    process_s: float
    block_sd: float
    block_sd_plain: float
    second_slower: float
    modes: Modes | None
    processes_per_side: int
    smallest_slowdown: float
    red_alone: RedGates
    red_of_many: RedGates
    costs: tuple[Cost, ...]

    def cost(self, margin: float, processes_per_side: int) -> Cost | None:
        """Returns the cost at the largest simulated margin that is not above ``margin``.

        That of the smallest margin if all are above; ``None`` for other processes per side.
        """
        costs = [each for each in self.costs if each.processes_per_side == processes_per_side]
        not_above = [each for each in costs if each.margin <= margin * (1 + 1e-9)]
        return (not_above or costs[::-1])[-1] if costs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The calibration of one device.

    Args:
        environment: that it is valid for, with one process per side.
        measured_at: ISO 8601 with its offset from UTC.
        log: the path of the run's log.
        program: version of frill-bench that measured.
        ended: why the run ended.
        caveats: of all its models.
        classes: the fastest models first.
    """

    environment: Environment
    device: str
    measured_at: str
    session_id: str
    log: str
    program: str
    ended: str
    caveats: tuple[Caveat, ...]
    classes: tuple[ModelClass, ...]
    schema_version: int = SCHEMA_VERSION

    @property
    def processes_per_side(self) -> int:
        """The largest number that any class needs: a gate uses one number for all models."""
        return max(each.processes_per_side for each in self.classes)

    def gate_s(self, models: Sequence[str], *, margin: float, processes_per_side: int) -> float:
        """Returns the duration of a gate in seconds if no model is slower; nan if not simulated.

        A model that was not measured takes the mean of the classes.
        """
        costs = [each.cost(margin, processes_per_side) for each in self.classes]
        cost_s = {
            model: cost.unchanged_s
            for each, cost in zip(self.classes, costs, strict=True)
            for model in each.models
            if cost
        }
        simulated_s = [cost.unchanged_s for cost in costs if cost]
        mean = sum(simulated_s) / len(simulated_s) if simulated_s else math.nan
        return sum(cost_s.get(model, mean) for model in models)


def same_rule(blocks: int) -> Rule:
    """Returns the rule of an A/A run: a single analysis, after this many blocks.

    Raises:
        ConfigurationError: too few or too many blocks.
    """
    if not LEAST_BLOCKS <= blocks <= MOST_BLOCKS:
        raise ConfigurationError(
            f"a calibration of {blocks} blocks per model",
            hint=f"measure {LEAST_BLOCKS} to {MOST_BLOCKS}: --blocks 60",
        )
    return replace(_RULE, analyses=(blocks,), passing_shares=(1.0,), rejection_shares=(1.0,))


def classes(log: Log, process_s: Mapping[ModelKey, float]) -> tuple[ModelClass, ...]:
    """Returns the model classes of an A/A log, the fastest first; deterministic.

    Models with fewer than ``LEAST_BLOCKS`` blocks and failed models are left out.

    Args:
        process_s: median time from one process of a model to the next.

    Raises:
        ConfigurationError: the log compares different files, or has several processes per side.
    """
    opened = log.opened
    if opened.rule.processes_per_side != 1 or any(
        pair.baseline_sha256 != pair.candidate_sha256 for pair in opened.models
    ):
        raise ConfigurationError(
            "not a log of files against themselves with one process per side",
            hint="measure one: frill-bench calibrate",
        )
    decades: dict[int, dict[ModelKey, Sequence[Block]]] = {}
    for model, standing in log.standings.of.items():
        blocks = standing.blocks
        if standing.failure is None and len(blocks) >= LEAST_BLOCKS:
            value_us = float(np.median(np.exp(_values(blocks))))
            decade = math.floor(math.log10(value_us / 1000))
            decades.setdefault(decade, {})[model] = blocks
    return tuple(
        _class(
            decade,
            models,
            sum(len(log.standings.of[model].discarded) for model in models),
            float(np.median([process_s[model] for model in models])),
        )
        for decade, models in sorted(decades.items())
    )


def _class(
    decade: int, blocks: Mapping[ModelKey, Sequence[Block]], discarded: int, process_s: float
) -> ModelClass:
    rng = np.random.default_rng(1)
    runs = [_values(own) for own in blocks.values()]
    ratios = np.array([log_ratio(block) for own in blocks.values() for block in own])
    attempts = 1 + discarded / ratios.size  # per valid block
    noise_by_k = {k: _differences(runs, k) for k in _SIDES}
    costs = tuple(
        _cost(rng, noise_by_k[k], margin, k, attempts * process_s)
        for k in _SIDES
        for margin in MARGINS
    )
    rule = replace(_OF_MANY, processes_per_side=_best(costs))
    noise = noise_by_k[rule.processes_per_side]
    both = np.concatenate([noise, -noise])
    return ModelClass(
        name=_name(decade),
        models=tuple(map(str, blocks)),
        blocks=ratios.size,
        discarded=discarded,
        process_s=process_s,
        block_sd=float(block_sd(ratios)),
        block_sd_plain=float(np.std(ratios, ddof=1)),
        second_slower=math.expm1(-float(np.median(noise_by_k[1]))),
        modes=modes(runs),
        processes_per_side=rule.processes_per_side,
        smallest_slowdown=float(
            smallest_slowdown(both, rule, models=MANY_MODELS, blocks=rule.cap_blocks)
        ),
        red_alone=_red_gates(rng, noise, rule, models=1),
        red_of_many=_red_gates(rng, noise, rule, models=MANY_MODELS),
        costs=costs,
    )


def _name(decade: int) -> str:
    """Returns the name of a decade, such as ``1 to 10 ms``, by the exponent of 10 in ms."""
    unit = min(max(decade // 3, -1), 1)
    lower = 10.0 ** (decade - 3 * unit)
    return f"{lower:g} to {10 * lower:g} {('ms', 's', 'µs')[unit]}"


def _values(blocks: Sequence[Block]) -> FloatArray:
    """Returns the log of each process's value, in the order they ran: float64 [2 * blocks]."""
    both = [sorted((*each.baseline, *each.candidate), key=lambda p: p.position) for each in blocks]
    return np.log([process.value_us for block in both for process in block])


def _differences(runs: Sequence[FloatArray], processes_per_side: int) -> FloatArray:
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
    shape = (rows, _RULE.cap_blocks)
    return np.asarray(
        rng.choice(noise, shape) * rng.choice((-1.0, 1.0), shape) + math.log1p(slowdown)
    )


def _cost(
    rng: np.random.Generator,
    noise: FloatArray,
    margin: float,
    processes_per_side: int,
    process_s: float,
) -> Cost:
    rule = replace(_OF_MANY, margin=margin, processes_per_side=processes_per_side)
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


def _best(costs: Sequence[Cost]) -> int:
    """Returns the number of processes per side to use."""
    # Seconds of an unchanged model, divided by the chance of a correct verdict.
    prices = {
        cost.processes_per_side: cost.unchanged_s / max(cost.passed * cost.caught, 1e-6)
        for cost in costs
        if cost.margin == _RULE.margin
    }
    return max(k for k, price in prices.items() if price <= _EQUAL_COST * min(prices.values()))


def _red_gates(rng: np.random.Generator, noise: FloatArray, rule: Rule, *, models: int) -> RedGates:
    rule = replace(_RULE.for_models(models), processes_per_side=rule.processes_per_side)
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
