"""What a model costs that hears a stream: one inference a hop."""

from __future__ import annotations

from dataclasses import dataclass

from bench.measure.case import Case
from bench.measure.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """A case's cost per second of audio.

    Args:
        hop_s: audio between two inferences, which the tool sleeps for.
        real_time_ratio: median latency over the hop; above 1 it cannot keep up.
        core_share: cores that it keeps busy, at most: threads times that, or the CPU time where
            the only thread's is known.
    """

    hop_s: float
    real_time_ratio: float
    core_share: float


def streaming(case: Case, summary: Summary) -> Streaming:
    """Returns the cost of a case that was timed in the streaming mode."""
    hop_s = case.protocol.run_delay_s
    busy_us = case.threads * summary.latency_us_median
    if case.threads == 1 and summary.cpu_us_median is not None:
        busy_us = summary.cpu_us_median
    return Streaming(
        hop_s=hop_s,
        real_time_ratio=summary.latency_us_median / 1e6 / hop_s,
        core_share=busy_us / 1e6 / hop_s,
    )
