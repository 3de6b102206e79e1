"""A device's noise, and the cost of a gate there, from comparing files with themselves.

The log may have each model several times, each time with another protocol of its processes, in
turn. Both the protocol and the number of processes per side that a gate uses follow from what they
cost: the seconds of an unchanged model for each correct verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.core.caveats import Caveat
from bench.core.errors import ConfigurationError
from bench.gate.calibration.bimodality import Modes, modes
from bench.gate.calibration.costs import (
    MANY_MODELS,
    MARGINS,
    OF_MANY,
    RULE,
    SIDES,
    Cost,
    RedGates,
    best,
    cost_of,
    differences,
    red_gates,
)
from bench.gate.calibration.protocols import (
    MeasuredProtocol,
    ProcessProtocol,
    alike,
    choose,
    model_of,
    rise,
    yardstick,
)
from bench.gate.decision import block_sd, smallest_slowdown
from bench.gate.findings import log_ratio
from bench.gate.history.series import Environment
from bench.gate.log import Log
from bench.gate.records import Block
from bench.gate.rule import Rule
from bench.gate.signed_rank import FloatArray
from bench.gate.verdict import Interval, ModelKey

SCHEMA_VERSION = 3
LEAST_BLOCKS = 12
MOST_BLOCKS = 500


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
        protocol: the chosen one, which all of these are of; ``None`` if it is not known, as in
            calibrations of older versions.
        protocols: all that were measured.
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
    protocol: ProcessProtocol | None = None
    protocols: tuple[MeasuredProtocol, ...] = ()

    def measured(self, protocol: ProcessProtocol) -> MeasuredProtocol | None:
        """Returns what a protocol gives; ``None`` if it was not measured."""
        return next((each for each in self.protocols if each.protocol == protocol), None)

    def cost(
        self, margin: float, processes_per_side: int, protocol: ProcessProtocol | None = None
    ) -> Cost | None:
        """Returns the cost at the largest simulated margin that is not above ``margin``.

        That of the smallest margin if all are above; ``None`` for other processes per side, and for
        a protocol that was not measured. Other protocols than the chosen one are only known at the
        rule's margin.

        Args:
            protocol: by default the chosen one.
        """
        known = self.costs
        if protocol not in (None, self.protocol):
            measured = self.measured(protocol)
            known = measured.costs if measured and margin >= RULE.margin * (1 - 1e-9) else ()
        costs = [each for each in known if each.processes_per_side == processes_per_side]
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

    @property
    def protocol(self) -> ProcessProtocol | None:
        """The protocol that gates use; ``None`` if it is not known."""
        return self.classes[0].protocol

    def sides_with(self, protocol: ProcessProtocol) -> int:
        """Returns the processes per side with a protocol; of the chosen one if it is unknown."""
        if protocol == self.protocol:
            return self.processes_per_side
        measured = [each.measured(protocol) for each in self.classes]
        known = [each.processes_per_side for each in measured if each]
        return max(known, default=self.processes_per_side)

    def gate_s(
        self,
        models: Sequence[str],
        *,
        margin: float,
        processes_per_side: int,
        protocol: ProcessProtocol | None = None,
    ) -> float:
        """Returns the duration of a gate in seconds if no model is slower; nan if not simulated.

        A model that was not measured takes the mean of the classes.

        Args:
            protocol: by default the chosen one.
        """
        costs = [each.cost(margin, processes_per_side, protocol) for each in self.classes]
        cost_s = {
            model: cost.unchanged_s
            for each, cost in zip(self.classes, costs, strict=True)
            for model in each.models
            if cost
        }
        simulated_s = [cost.unchanged_s for cost in costs if cost]
        mean = sum(simulated_s) / len(simulated_s) if simulated_s else math.nan
        return sum(cost_s.get(model, mean) for model in models)


def same_rule(blocks: int, *, pairs: int = 1) -> Rule:
    """Returns the rule of an A/A run: a single analysis, after this many blocks.

    Args:
        pairs: of files with themselves, each with one protocol. Nobody reads a verdict on them, so
            the rule accepts as many false alarms as so many pairs need.

    Raises:
        ConfigurationError: too few or too many blocks.
    """
    if not LEAST_BLOCKS <= blocks <= MOST_BLOCKS:
        raise ConfigurationError(
            f"a calibration of {blocks} blocks per model",
            hint=f"measure {LEAST_BLOCKS} to {MOST_BLOCKS}: --blocks 60",
        )
    return replace(
        RULE,
        analyses=(blocks,),
        passing_shares=(1.0,),
        rejection_shares=(1.0,),
        false_alarms_per_gate=max(RULE.false_alarms_per_gate, 1.01 * pairs * 0.5**blocks),
    )


def classes(log: Log, process_s: Mapping[ModelKey, float]) -> tuple[ModelClass, ...]:
    """Returns the model classes of an A/A log, the fastest first; deterministic.

    Left out are models that failed, or that have fewer than ``LEAST_BLOCKS`` blocks with any of the
    protocols.

    Args:
        process_s: median time from one process of a model to the next, by the model's key in the
            log.

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
    protocols = tuple(dict.fromkeys(ProcessProtocol.of(pair.observed) for pair in opened.models))
    decades: dict[int, list[_Measured]] = {}
    for each in _measured(log, process_s):
        value_us = float(np.median(np.exp(_values(each.blocks[protocols[-1]]))))  # the longest
        decades.setdefault(math.floor(math.log10(value_us / 1000)), []).append(each)
    measured = [_with_each(decades[decade], protocols) for decade in sorted(decades)]
    if not measured:
        return ()
    chosen, _ = choose(measured, [len(decades[decade]) for decade in sorted(decades)])
    return tuple(
        _class(decade, decades[decade], alternatives, chosen)
        for decade, alternatives in zip(sorted(decades), measured, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """A model; with each protocol its valid blocks, how many others, and the time of a process."""

    model: ModelKey
    blocks: Mapping[ProcessProtocol | None, Sequence[Block]]
    discarded: Mapping[ProcessProtocol | None, int]
    process_s: Mapping[ProcessProtocol | None, float]


def _measured(log: Log, process_s: Mapping[ModelKey, float]) -> list[_Measured]:
    """Returns the models of a log that have enough blocks with all protocols."""
    keys: dict[ModelKey, dict[ProcessProtocol | None, ModelKey]] = {}
    for pair in log.opened.models:
        keys.setdefault(model_of(pair), {})[ProcessProtocol.of(pair.observed)] = pair.model
    found = []
    for model, own in keys.items():
        standings = {protocol: log.standings.of[key] for protocol, key in own.items()}
        if all(
            len(each.blocks) >= LEAST_BLOCKS and each.failure is None for each in standings.values()
        ):
            found.append(
                _Measured(
                    model=model,
                    blocks={protocol: each.blocks for protocol, each in standings.items()},
                    discarded={key: len(each.discarded) for key, each in standings.items()},
                    process_s={protocol: process_s[key] for protocol, key in own.items()},
                )
            )
    return found


def _with_each(
    models: Sequence[_Measured], protocols: Sequence[ProcessProtocol | None]
) -> tuple[MeasuredProtocol, ...]:
    """Returns what each protocol gives for a class of models."""
    rises = {each: _rise(models, protocols, each) for each in protocols}
    return tuple(
        _with_protocol(models, each, rises[each], _runs(models, alike(rises, each)))
        for each in protocols
    )


def _rise(
    models: Sequence[_Measured],
    protocols: Sequence[ProcessProtocol | None],
    protocol: ProcessProtocol | None,
) -> Interval | None:
    longest = yardstick(protocols, protocol)
    if longest is None:
        return None
    return rise([(each.blocks[protocol], each.blocks[longest]) for each in models])


def _runs(
    models: Sequence[_Measured], protocols: Sequence[ProcessProtocol | None]
) -> list[FloatArray]:
    """Returns the values of consecutive processes of each model with each of these protocols."""
    return [_values(each.blocks[protocol]) for each in models for protocol in protocols]


def _with_protocol(
    models: Sequence[_Measured],
    protocol: ProcessProtocol | None,
    rise: Interval | None,
    runs: Sequence[FloatArray],
) -> MeasuredProtocol:
    ratios = np.array([log_ratio(block) for each in models for block in each.blocks[protocol]])
    discarded = sum(each.discarded[protocol] for each in models)
    attempts = 1 + discarded / ratios.size  # per valid block
    process_s = float(np.median([each.process_s[protocol] for each in models]))
    costs = tuple(
        cost_of(differences(runs, k), RULE.margin, k, attempts * process_s) for k in SIDES
    )
    return MeasuredProtocol(
        protocol=protocol,
        blocks=ratios.size,
        discarded=discarded,
        process_s=process_s,
        block_sd=float(block_sd(ratios)),
        rise=rise,
        processes_per_side=best(costs),
        costs=costs,
    )


def _class(
    decade: int, models: Sequence[_Measured], protocols: tuple[MeasuredProtocol, ...], chosen: int
) -> ModelClass:
    rng = np.random.default_rng(2)
    own = protocols[chosen]
    runs = _runs(models, [own.protocol])
    like = _runs(models, alike({each.protocol: each.rise for each in protocols}, own.protocol))
    ratios = np.array([log_ratio(block) for each in models for block in each.blocks[own.protocol]])
    rule = replace(OF_MANY, processes_per_side=own.processes_per_side)
    noise = differences(runs, own.processes_per_side)
    both = np.concatenate([noise, -noise])
    attempts = 1 + own.discarded / own.blocks  # per valid block
    return ModelClass(
        name=_name(decade),
        models=tuple(str(each.model) for each in models),
        blocks=own.blocks,
        discarded=own.discarded,
        process_s=own.process_s,
        block_sd=own.block_sd,
        block_sd_plain=float(np.std(ratios, ddof=1)),
        second_slower=math.expm1(-float(np.median(differences(runs, 1)))),
        modes=modes(runs),
        processes_per_side=own.processes_per_side,
        smallest_slowdown=float(
            smallest_slowdown(both, rule, models=MANY_MODELS, blocks=rule.cap_blocks)
        ),
        red_alone=red_gates(rng, noise, rule, models=1),
        red_of_many=red_gates(rng, noise, rule, models=MANY_MODELS),
        costs=tuple(
            cost_of(differences(like, k), margin, k, attempts * own.process_s)
            for k in SIDES
            for margin in MARGINS
        ),
        protocol=own.protocol,
        protocols=protocols,
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
