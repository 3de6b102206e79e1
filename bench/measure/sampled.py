"""Summary of the samples that were taken while long processes ran."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.core.device_state.state import Clock
from bench.core.device_state.telemetry import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSummary:
    """A summary of the samples of a case's processes; ``None`` where the device hides a value.

    Args:
        processes: number of sampled processes.
        samples: number of samples of all of them.
        clock_khz_min, cap_khz_min: the lowest clock, and the lowest cap, of the fastest cores.
        temp_c_max: of the hottest zone.
    """

    processes: int
    samples: int
    clock_khz_min: float | None
    cap_khz_min: float | None
    temp_c_max: float | None


def summarise_samples(processes: Iterable[Sequence[Sample]]) -> SampleSummary | None:
    """Returns the summary of processes' samples; ``None`` if there are none."""
    sampled = [samples for samples in processes if samples]
    if not sampled:
        return None
    samples = [sample for process in sampled for sample in process]
    fastest = [max(sample.clocks, key=_max_khz) for sample in samples if sample.clocks]
    return SampleSummary(
        processes=len(sampled),
        samples=len(samples),
        clock_khz_min=min(filter(None, (each.now_khz.number for each in fastest)), default=None),
        cap_khz_min=min(filter(None, (each.cap_khz.number for each in fastest)), default=None),
        temp_c_max=max(filter(None, (each.temp_c.number for each in samples)), default=None),
    )


def _max_khz(clock: Clock) -> float:
    return clock.max_khz.number or 0.0
