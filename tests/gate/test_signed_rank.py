import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lazy import Lazy

from bench.gate.signed_rank import estimate, interval, p_at_least, p_at_most, upper_tail

stats = Lazy("scipy.stats")


@pytest.mark.parametrize("n", range(1, 51))
def test_the_tail_is_that_of_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(8):
        differences = rng.normal(rng.normal(0, 0.5), 1, n)
        above = stats.wilcoxon(differences, alternative="greater", method="exact").pvalue
        below = stats.wilcoxon(differences, alternative="less", method="exact").pvalue
        assert p_at_most(differences) == pytest.approx(above, rel=1e-12)
        assert p_at_least(differences) == pytest.approx(below, rel=1e-12)


@pytest.mark.parametrize("n", range(1, 51))
def test_every_value_of_the_statistic_has_its_exact_tail(n: int) -> None:
    # The first ranks positive, the rest negative, then one rank more: all sums from 0 to the top.
    signs = -np.ones(n)
    tail = upper_tail(n)
    assert len(tail) == n * (n + 1) // 2 + 1
    for rank in range(1, n + 1):
        signs[rank - 1] = 1
        differences = signs * np.arange(1, n + 1)
        w = int(rank * (rank + 1) / 2)
        found = stats.wilcoxon(differences, alternative="greater", method="exact").pvalue
        assert tail[w] == pytest.approx(found, rel=1e-12)
    assert tail[0] == 1
    assert tail[-1] == 0.5**n


def test_three_differences_by_hand() -> None:
    # Ranks 1, 2, 3; of the 8 ways to sign them, W >= 5 in two: {2, 3} and {1, 2, 3}.
    assert p_at_most(np.array([-1.0, 2.0, 3.0])) == 2 / 8
    assert p_at_least(np.array([-1.0, 2.0, 3.0])) == 7 / 8
    # Walsh averages -1, 0.5, 1, 2, 2.5, 3; their median 1.5.
    assert estimate(np.array([-1.0, 2.0, 3.0])) == 1.5


def test_zeros_and_ties_speak_against_what_is_to_be_shown() -> None:
    # Sizes 0, 1, 1, 2: the positive 1 gets rank 2 and not 3 or 2.5; W = 2 + 4.
    assert p_at_most(np.array([0.0, 1.0, -1.0, 2.0])) == upper_tail(4)[6]
    assert p_at_most(np.zeros(5)) == p_at_least(np.zeros(5)) == 1
    assert p_at_most(np.full(5, 2.0)) == 0.5**5


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_with_ties_no_p_value_is_below_one_of_ranks_drawn_by_lot(whole: list[int]) -> None:
    values = np.array(whole, float)
    n = len(values)
    ranks = np.arange(1, n + 1)
    rng = np.random.default_rng(0)
    for _ in range(5):
        order = np.lexsort((rng.random(n), np.abs(values)))
        positive = (values[order] > 0) | ((values[order] == 0) & (rng.random(n) < 0.5))
        drawn = upper_tail(n)[int((ranks * positive).sum())]
        assert p_at_most(values) >= drawn * (1 - 1e-12)


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=20),
    st.floats(-0.5, 0.5),
)
def test_one_hypothesis_is_the_other_in_the_mirror(values: list[float], shift: float) -> None:
    differences = np.array(values)
    assert p_at_most(differences, shift) == p_at_least(-differences, -shift)
    assert estimate(-differences) == -estimate(differences)


@pytest.mark.parametrize("n", [6, 7, 8, 11, 15, 20, 34, 60])
@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95])
def test_the_interval_is_all_that_the_test_does_not_refute(n: int, confidence: float) -> None:
    differences = np.random.default_rng(n).standard_t(2, n)
    ends = interval(differences, confidence=confidence)
    assert ends is not None
    low, high = (float(end) for end in ends)
    level = (1 - confidence) / 2
    step = 1e-9
    for inside in (low + step, high - step, float(estimate(differences))):
        assert p_at_most(differences, inside) > level
        assert p_at_least(differences, inside) > level
    assert p_at_most(differences, low - step) <= level
    assert p_at_least(differences, high + step) <= level


def test_no_interval_of_five_differences_holds_95_percent() -> None:
    assert interval(np.arange(5.0), confidence=0.95) is None
    ends = interval(np.arange(6.0), confidence=0.95)
    assert ends is not None
    assert (float(ends[0]), float(ends[1])) == (0, 5)


def test_rows_are_judged_as_if_alone() -> None:
    rows = np.random.default_rng(1).normal(size=(7, 12))
    ends = interval(rows, confidence=0.95)
    assert ends is not None
    for n, row in enumerate(rows):
        alone = interval(row, confidence=0.95)
        assert alone is not None
        assert (ends[0][n], ends[1][n]) == alone
        assert p_at_most(rows, 0.1)[n] == p_at_most(row, 0.1)
        assert estimate(rows)[n] == estimate(row)
