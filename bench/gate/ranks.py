"""The order of a sustained gate's models in the first minute and in the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.gate.log import Log
from bench.gate.verdict import ModelKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """A candidate's place among those of the gate, the fastest first.

    Args:
        first_us, last_us: medians over its stretches, of their first and of their last minutes.
        first, last: its places by these, from 1.
    """

    model: ModelKey
    first_us: float
    last_us: float
    first: int
    last: int


def ranks_of(log: Log) -> tuple[Rank, ...]:
    """Returns the places of all candidates that have a block; none of a gate not sustained."""
    times_us = {}
    for model in (pair.model for pair in log.opened.models):
        stretches = [process for block in log.blocks(model) for process in block.candidate]
        starts_us = [each.start_us for each in stretches if each.start_us is not None]
        if starts_us and len(starts_us) == len(stretches):
            times_us[model] = (median(starts_us), median(each.value_us for each in stretches))
    firsts, lasts = (
        _places({model: both[index] for model, both in times_us.items()}) for index in (0, 1)
    )
    return tuple(
        Rank(
            model=model,
            first_us=times_us[model][0],
            last_us=times_us[model][1],
            first=firsts[model],
            last=lasts[model],
        )
        for model in sorted(times_us, key=lambda model: firsts[model])
    )


def _places(times_us: dict[ModelKey, float]) -> dict[ModelKey, int]:
    """Returns places from 1; equal times share the better one."""
    ordered: Sequence[float] = sorted(times_us.values())
    return {model: ordered.index(time_us) + 1 for model, time_us in times_us.items()}
