"""The cost of a model on a stream of audio: one inference per hop."""

from __future__ import annotations

from dataclasses import dataclass

from bench.measure.summary import Summary
from bench.plan.case import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """A case's cost per second of audio.

    Args:
        hop_s: audio between two inferences; the tool sleeps for this time.
        real_time_ratio: median latency over the hop; above 1 it cannot keep up.
        core_share: an upper bound of the cores that it keeps busy: threads times that ratio, or the
            CPU time over the hop if the CPU time of its only thread is known.
        real_time_ratio_low, real_time_ratio_high, core_share_low, core_share_high: their 95 %
            intervals.
    """

    hop_s: float
    real_time_ratio: float
    core_share: float
    real_time_ratio_low: float | None = None
    real_time_ratio_high: float | None = None
    core_share_low: float | None = None
    core_share_high: float | None = None

    def over(self, hop_s: float) -> Streaming:
        """Returns the same latency and CPU time as a cost of another hop."""
        scale = self.hop_s / hop_s
        return Streaming(
            hop_s=hop_s,
            real_time_ratio=scale * self.real_time_ratio,
            core_share=scale * self.core_share,
            real_time_ratio_low=_times(self.real_time_ratio_low, scale),
            real_time_ratio_high=_times(self.real_time_ratio_high, scale),
            core_share_low=_times(self.core_share_low, scale),
            core_share_high=_times(self.core_share_high, scale),
        )


def streaming(case: Case, summary: Summary) -> Streaming:
    """Returns the cost of a case that was timed in the streaming mode."""
    hop_us = 1e6 * case.protocol.run_delay_s
    low_us, middle_us, high_us = (
        summary.latency_us_low, summary.latency_us_median, summary.latency_us_high,
    )  # fmt: skip
    core_us = hop_us / case.threads
    busy_us = (low_us, middle_us, high_us)
    if case.threads == 1 and summary.cpu_us_median is not None:
        busy_us = (summary.cpu_us_low, summary.cpu_us_median, summary.cpu_us_high)
    return Streaming(
        hop_s=case.protocol.run_delay_s,
        real_time_ratio=middle_us / hop_us,
        core_share=busy_us[1] / core_us,
        real_time_ratio_low=_times(low_us, 1 / hop_us),
        real_time_ratio_high=_times(high_us, 1 / hop_us),
        core_share_low=_times(busy_us[0], 1 / core_us),
        core_share_high=_times(busy_us[2], 1 / core_us),
    )


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else factor * value
