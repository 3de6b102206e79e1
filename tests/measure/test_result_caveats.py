from dataclasses import replace

import pytest

from bench.core.caveats import CaveatKind, Effect
from bench.measure.outcome import Measured, Statistics
from bench.measure.result_caveats import convention_differs, threads_change_nothing, wide_interval
from bench.measure.streaming import streaming
from bench.measure.summary import Summary, summarise
from bench.plan.case import Case, Delegate, Mode, Protocol, Runner


def summary(*values_us: float, cpu: bool = False) -> Summary:
    return summarise(
        [
            Measured(
                init_us=None,
                first_us=None,
                inference_us=(value,),
                cpu_us=(value / 2,) if cpu else None,
                nodes_total=None,
                nodes_delegated=None,
                partitions=None,
                memory_mb_peak=None,
            )
            for value in values_us
        ]
    )


def fifty(avg_us: float) -> Statistics:
    return Statistics(runs=50, avg_us=avg_us, min_us=None, max_us=None, std_us=None)


def test_an_interval_wider_than_asked_for_is_noted_with_its_width() -> None:
    found = wide_interval(Protocol(ci_width=0.01), summary(98, 99, 100, 100, 101, 102))
    assert found is not None
    assert found.kind is CaveatKind.WIDE_INTERVAL
    assert found.effect is Effect.NOTE
    assert found.evidence == "4.0% wide, 1.0% was asked for, after 6 processes"
    assert wide_interval(Protocol(ci_width=0.04), summary(98, 99, 100, 100, 101, 102)) is None
    assert wide_interval(Protocol(), summary(98, 99, 100, 100, 101, 102)) is None


def test_a_conventional_mean_more_than_five_percent_off_is_noted() -> None:
    found = convention_differs(summary(1000), fifty(1082))
    assert found is not None
    assert "mean of 50 runs is 1.08 ms, +8.2% from the median 1.00 ms" in found.evidence
    assert convention_differs(summary(1000), fifty(951)) is None
    assert convention_differs(summary(1000), fifty(949)) is not None


def test_threads_that_change_nothing_are_noted_where_there_are_cores_for_them() -> None:
    same = {1: summary(*range(100, 106)), 2: summary(*range(103, 109))}
    found = threads_change_nothing(same, 8)
    assert found is not None
    assert found.kind is CaveatKind.THREADS_CHANGE_NOTHING
    assert found.evidence == "with 1, 2 threads it took 100 to 108 µs"
    assert threads_change_nothing(same, 1) is None  # two threads of one core change nothing
    assert threads_change_nothing(same, None) is None
    faster = {**same, 4: summary(*range(50, 56))}
    assert threads_change_nothing(faster, 8) is None
    assert threads_change_nothing(faster, 2) == found
    assert threads_change_nothing({1: same[1]}, 8) is None
    assert threads_change_nothing({1: same[1], 2: summary(100)}, 8) is None  # no interval


def test_streaming_costs_a_share_of_real_time_and_of_a_core() -> None:
    case = Case(
        artifact_sha256="a",
        device="d",
        runner=Runner.LITERT_PYTHON,
        tool_sha256="t",
        delegate=Delegate.XNNPACK,
        threads=1,
        protocol=Protocol(mode=Mode.STREAMING, run_delay_s=0.5),
    )
    found = streaming(case, summary(100_000))
    assert (found.hop_s, found.real_time_ratio, found.core_share) == (0.5, 0.2, 0.2)
    assert streaming(case, summary(100_000, cpu=True)).core_share == pytest.approx(0.1)
    # Only the first thread's CPU time is known, so more are counted as busy throughout.
    two = streaming(replace(case, threads=2), summary(100_000, cpu=True))
    assert (two.real_time_ratio, two.core_share) == pytest.approx((0.2, 0.4))
