import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.caveats import CaveatKind
from bench.measure.outcome import Measured
from bench.measure.summary import median_interval, percentile, summarise

values = st.lists(st.floats(0.1, 1e7), min_size=1, max_size=40)


def measured(*inference_us: float, partitions: int | None = 1, delegated: int = 3) -> Measured:
    return Measured(
        init_us=100.0 + inference_us[0],
        first_us=10 * inference_us[0],
        inference_us=inference_us,
        cpu_us=tuple(value / 2 for value in inference_us),
        nodes_total=3,
        nodes_delegated=delegated,
        partitions=partitions,
        memory_mb_peak=inference_us[-1],
    )


@pytest.mark.parametrize(
    ("n", "ranks"),
    [
        # 1 - 2 P(B < k) by hand: n=5, k=1: 1 - 2/32 = 93.75 %, too little; n=6: 1 - 2/64 = 96.9 %;
        # n=8, k=1: 99.2 %, k=2: 1 - 2 * 9/256 = 93.0 %; n=9, k=2: 1 - 2 * 10/512 = 96.1 %;
        # n=10, k=2: 1 - 2 * 11/1024 = 97.9 %; n=20, k=6: 95.9 % (the textbook table's row).
        (1, None),
        (5, None),
        (6, (1, 6)),
        (8, (1, 8)),
        (9, (2, 8)),
        (10, (2, 9)),
        (20, (6, 15)),
    ],
)
def test_the_interval_has_the_ranks_of_the_table(n: int, ranks: tuple[int, int] | None) -> None:
    descending = [float(rank) for rank in range(n, 0, -1)]
    assert median_interval(descending) == ranks


@given(values)
def test_the_interval_holds_the_median(sample: list[float]) -> None:
    found = median_interval(sample)
    assert (found is None) == (len(sample) < 6)
    if found is not None:
        assert min(sample) <= found[0] <= np.median(sample) <= found[1] <= max(sample)


@given(values, st.floats(0.5, 0.9), st.floats(0.9, 0.999))
def test_more_confidence_is_never_narrower(sample: list[float], low: float, high: float) -> None:
    narrow = median_interval(sample, confidence=low)
    wide = median_interval(sample, confidence=high)
    if narrow is None:
        assert wide is None
    elif wide is not None:
        assert wide[0] <= narrow[0]
        assert wide[1] >= narrow[1]


@pytest.mark.parametrize("n", [6, 9, 15])
def test_the_interval_covers_a_skewed_median_as_often_as_it_says(n: int) -> None:
    generator = np.random.default_rng(4)
    samples = generator.lognormal(0.0, 1.5, (3000, n))
    intervals = [median_interval(list(sample)) for sample in samples]
    covered = sum(found is not None and found[0] <= 1.0 <= found[1] for found in intervals)
    assert covered / 3000 > 0.945


@given(values, st.floats(0, 100))
def test_percentiles_are_those_of_numpy(sample: list[float], percent: float) -> None:
    expected = float(np.percentile(sample, percent))
    assert percentile(sorted(sample), percent) == pytest.approx(expected, rel=1e-9)


def test_a_case_is_the_median_of_its_processes_medians() -> None:
    found = summarise([measured(9, 1, 2), measured(4, 5, 90), measured(7, 8, 6)])
    assert found.latency_us_median == 5  # of 2, 5 and 7
    assert found.latency_us_min == 1
    assert (found.processes, found.iterations) == (3, 9)
    assert found.process_spread_ratio == 1.0  # (7 - 2) / 5
    assert found.cpu_us_median == 2.5
    assert found.init_us_median == 107  # of 109, 104 and 107
    assert found.first_us_median == 70
    assert found.memory_mb_peak == 90
    assert found.latency_us_p5 == pytest.approx(1.4)  # 0.4 of the way from 1 to 2
    assert found.latency_us_p90 == pytest.approx(25.2)  # 0.2 of the way from 9 to 90
    assert found.latency_us_p95 == pytest.approx(57.6)


def test_fewer_than_six_processes_have_no_interval_and_say_so() -> None:
    found = summarise([measured(1, 2, 3)] * 5)
    assert found.latency_us_low is None
    assert found.latency_us_high is None
    assert [caveat.kind for caveat in found.caveats] == [CaveatKind.FEW_PROCESSES]


def test_six_processes_have_an_interval_and_no_doubt() -> None:
    found = summarise([measured(value) for value in (1, 2, 3, 4, 5, 6)])
    assert (found.latency_us_low, found.latency_us_high) == (1, 6)
    assert found.caveats == ()


def test_a_split_graph_is_noted_with_its_pieces() -> None:
    found = summarise([measured(1, partitions=2, delegated=2)] * 6)
    assert [caveat.kind for caveat in found.caveats] == [CaveatKind.PARTLY_DELEGATED]
    assert found.caveats[0].evidence == "2 of 3 nodes in 2 partitions"
