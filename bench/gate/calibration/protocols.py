"""Protocols of a gate's processes side by side: which have the clocks up, and what each costs.

At the start of a process a phone's clocks are low, and rise. A protocol that measures before they
are up compares values of another state of the device than the one that apps see, and whatever
moves the rise moves them. So of the protocols with as many inferences the one with the longest
warm-up is the yardstick: one whose values are above it by more than the tolerance is not eligible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.gate.calibration.costs import RULE, Cost
from bench.gate.records import Block, Pair, Setup
from bench.gate.signed_rank import FloatArray, estimate, interval
from bench.gate.verdict import Interval, ModelKey

_TOGETHER = 3  # blocks whose processes give one value: their second fastest, as slow ones are noise
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessProtocol:
    """How a process of a gate is measured.

    Args:
        warmup_s: its least warm-up, in seconds.
        num_runs: least inferences after it.
        min_s: least time of these; 0 for exactly so many.
    """

    warmup_s: float
    num_runs: int
    min_s: float = 0.0

    @classmethod
    def of(cls, observed: Setup) -> ProcessProtocol | None:
        """Returns the protocol of a log's model; ``None`` in logs of older versions."""
        warmup_s, num_runs, min_s = observed.warmup_s, observed.num_runs, observed.min_s
        if warmup_s is None or num_runs is None or min_s is None:
            return None
        return cls(warmup_s=warmup_s, num_runs=num_runs, min_s=min_s)

    @property
    def text(self) -> str:
        """In words, such as ``at least 7 inferences and 0.1 s after 0.15 s of warm-up``."""
        return f"{self.inferences} after {self.warmup_s:g} s of warm-up"

    @property
    def inferences(self) -> str:
        """The inferences in words, such as ``at least 7 inferences and 0.1 s``."""
        count = f"{self.num_runs} inference{'s' * (self.num_runs != 1)}"
        return f"at least {count} and {self.min_s:g} s" if self.min_s else count

    def labelled(self, model: ModelKey) -> ModelKey:
        """Returns the key of a model that is measured with several protocols, with this one."""
        return replace(model, name=f"{model.name}{self._label}")

    def unlabelled(self, model: ModelKey) -> ModelKey:
        """Returns the key of the model itself."""
        return replace(model, name=model.name.removesuffix(self._label))

    @property
    def _label(self) -> str:
        return f" ({self.text})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredProtocol:
    """What one protocol gives for a class of models.

    Args:
        protocol: ``None`` where the log does not have it.
        blocks, discarded: of all models.
        process_s: median time from one process to the next.
        block_sd: robust standard deviation of the log-ratios.
        rise: the values over those after the longest warm-up with as many inferences; ``None`` for
            that one itself. Above 1 the clocks had not risen.
        processes_per_side: recommended with this protocol.
        costs: for each number of processes per side, at the rule's margin.
    """

    protocol: ProcessProtocol | None
    blocks: int
    discarded: int
    process_s: float
    block_sd: float
    rise: Interval | None
    processes_per_side: int
    costs: tuple[Cost, ...]

    @property
    def is_eligible(self) -> bool:
        """Whether its values are within the tolerance of those after the longest warm-up."""
        return has_risen(self.rise)

    def correct_s(self, processes_per_side: int) -> float:
        """Returns the seconds of an unchanged model for each correct verdict, at the margin."""
        return next(
            cost.correct_s for cost in self.costs if cost.processes_per_side == processes_per_side
        )


def model_of(pair: Pair) -> ModelKey:
    """Returns the model of a pair of a calibration's log."""
    protocol = ProcessProtocol.of(pair.observed)
    return pair.model if protocol is None else protocol.unlabelled(pair.model)


def yardstick(
    protocols: Sequence[ProcessProtocol | None], protocol: ProcessProtocol | None
) -> ProcessProtocol | None:
    """Returns the protocol with the longest warm-up and as many inferences; ``None`` if it is."""
    if protocol is None:
        return None
    alike = [
        each
        for each in protocols
        if each and (each.num_runs, each.min_s) == (protocol.num_runs, protocol.min_s)
    ]
    longest = max(alike, key=lambda each: each.warmup_s)
    return None if longest == protocol else longest


def has_risen(rise: Interval | None) -> bool:
    """Returns whether values are within the tolerance of those after the longest warm-up."""
    return rise is None or rise.value <= 1 + RULE.tolerance


def alike(
    rises: Mapping[ProcessProtocol | None, Interval | None], protocol: ProcessProtocol | None
) -> list[ProcessProtocol | None]:
    """Returns the protocols whose blocks show the noise of one: itself and its like.

    Once the clocks have risen a longer warm-up changes nothing, so all such protocols with as many
    inferences have one noise, which is known better from the blocks of all of them.

    Args:
        rises: of all protocols.
    """
    if protocol is None or not has_risen(rises[protocol]):
        return [protocol]
    return [
        each
        for each, rise in rises.items()
        if each and has_risen(rise) and each.inferences == protocol.inferences
    ]


def rise(models: Sequence[tuple[Sequence[Block], Sequence[Block]]]) -> Interval | None:
    """Returns the values of a protocol over those after the longest warm-up, with 95 % interval.

    Paired: blocks of one round are neighbours in time. Of a few rounds the second fastest process
    is compared, because other cores and other processes only slow one down.

    Args:
        models: of each the valid blocks with the protocol, and those after the longest warm-up.

    Returns:
        ``None`` if no model has enough rounds in which both are valid.
    """
    together = np.concatenate([_differences(*both) for both in models])
    if not together.size:
        return None
    value = math.exp(estimate(together))
    ends = interval(together, confidence=_CONFIDENCE)
    if ends is None:
        return Interval(value=value)
    return Interval(value=value, low=math.exp(ends[0]), high=math.exp(ends[1]))


def choose(classes: Sequence[Sequence[MeasuredProtocol]], models: Sequence[int]) -> tuple[int, int]:
    """Returns the protocol to use, by its index, and the processes per side.

    Of those that are eligible in every class it is the one with the fewest seconds for each correct
    verdict on an unchanged model, over all models. A gate uses one protocol for all its models, and
    the largest number of processes per side that any class needs.

    Args:
        classes: for each class all protocols, in one order.
        models: how many models each class has.
    """
    prices = {}
    for index, measured in enumerate(zip(*classes, strict=True)):
        per_side = max(each.processes_per_side for each in measured)
        price = sum(n * each.correct_s(per_side) for n, each in zip(models, measured, strict=True))
        prices[not all(each.is_eligible for each in measured), price, index] = per_side
    best = min(prices)
    return best[-1], prices[best]


def _differences(short: Sequence[Block], longest: Sequence[Block]) -> FloatArray:
    """Returns log-ratios of a few rounds each: float64 [rounds // _TOGETHER]."""
    by_round = [{block.index: block for block in blocks} for blocks in (short, longest)]
    rounds = sorted(by_round[0].keys() & by_round[1].keys())
    several = [rounds[at : at + _TOGETHER] for at in range(0, len(rounds), _TOGETHER)]
    levels = [
        [_level([blocks[each] for each in group]) for group in several if len(group) == _TOGETHER]
        for blocks in by_round
    ]
    return np.asarray(np.subtract(*np.array(levels, np.float64)))


def _level(blocks: Sequence[Block]) -> float:
    """Returns the log of the second fastest process of these blocks."""
    values_us = [each.value_us for block in blocks for each in (*block.baseline, *block.candidate)]
    return math.log(sorted(values_us)[1])
