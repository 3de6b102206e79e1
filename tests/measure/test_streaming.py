from dataclasses import replace

import pytest

from bench.measure.outcome import Measured
from bench.measure.streaming import streaming
from bench.measure.summary import summarise
from bench.plan.case import Case, Delegate, Mode, Protocol, Runner

CASE = Case(
    artifact_sha256="a" * 64,
    device="d",
    runner=Runner.LITERT_PYTHON,
    tool_sha256="c" * 64,
    delegate=Delegate.XNNPACK,
    threads=1,
    protocol=Protocol(mode=Mode.STREAMING, run_delay_s=0.02),
)


def measured(us: float) -> Measured:
    return Measured(
        init_us=None,
        first_us=None,
        inference_us=(us,),
        cpu_us=(us / 2,),
        nodes_total=None,
        nodes_delegated=None,
        partitions=None,
        memory_mb_peak=None,
    )


# Six processes: their median is 2.5 ms, and the interval goes from the first to the last.
SIX = summarise([measured(1000.0 * n) for n in (0.5, 1, 2, 3, 4, 5)])


def test_one_threads_share_of_a_core_is_its_cpu_time_with_that_times_interval() -> None:
    found = streaming(CASE, SIX)
    assert (found.real_time_ratio_low, found.real_time_ratio, found.real_time_ratio_high) == (
        0.025, 0.125, 0.25,
    )  # fmt: skip
    assert (found.core_share_low, found.core_share, found.core_share_high) == pytest.approx(
        (0.0125, 0.0625, 0.125)
    )


def test_several_threads_keep_at_most_as_many_cores_busy_for_the_latency() -> None:
    found = streaming(replace(CASE, threads=2), SIX)
    assert (found.core_share_low, found.core_share, found.core_share_high) == pytest.approx(
        (0.05, 0.25, 0.5)
    )


def test_too_few_processes_give_no_interval() -> None:
    found = streaming(CASE, summarise([measured(1000.0)]))
    assert found.real_time_ratio == 0.05
    assert (found.real_time_ratio_low, found.core_share_high) == (None, None)
