"""What was seen of a device while processes ran that took long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.core.device_state.state import Clock
from bench.core.device_state.telemetry import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The samples of a case's processes in brief; ``None`` is what the device hides.

    Args:
        processes: that were sampled.
        samples: of all of them.
        clock_khz_min, cap_khz_min: the lowest that the fastest cores had, and might reach.
        temp_c_max: of the hottest zone.
    """

    processes: int
    samples: int
    clock_khz_min: float | None
    cap_khz_min: float | None
    temp_c_max: float | None


def sampled(processes: Iterable[Sequence[Sample]]) -> Sampled | None:
    """Returns the samples of processes in brief; ``None`` where there are none."""
    known = [samples for samples in processes if samples]
    if not known:
        return None
    found = [sample for samples in known for sample in samples]
    fastest = [max(sample.clocks, key=_reach) for sample in found if sample.clocks]
    return Sampled(
        processes=len(known),
        samples=len(found),
        clock_khz_min=min(filter(None, (each.now_khz.number for each in fastest)), default=None),
        cap_khz_min=min(filter(None, (each.cap_khz.number for each in fastest)), default=None),
        temp_c_max=max(filter(None, (each.temp_c.number for each in found)), default=None),
    )


def _reach(clock: Clock) -> float:
    return clock.max_khz.number or 0.0
