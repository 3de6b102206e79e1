from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import nightly_series as nightly
from lab.noise import Floats

from bench.gate.history.change_points import (
    LEAST_RUNS,
    LEAST_STEP,
    change_points,
    levels,
    partition,
    settled_steps,
)

QUIET = np.tile([0.001, -0.001], 60)


def penalty(series: Floats) -> float:
    """Returns 5 ln(n) times the variance of a run, computed again."""
    steps = np.diff(series)
    spread = 1.4826 * np.median(np.abs(steps - np.median(steps)))
    return float(5 * np.log(len(series)) * max(spread**2 / 2, 1e-6))


def cost(series: Floats, bounds: list[int]) -> float:
    parts = [series[start:end] for start, end in pairwise(bounds)]
    squares = sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    return squares + len(parts) * penalty(series)


def segmentations(first: int, end: int) -> Iterator[list[int]]:
    """Returns all bounds of runs ``first`` to ``end`` with segments that are long enough."""
    if end - first >= LEAST_RUNS:
        yield [first, end]
    for change in range(first + LEAST_RUNS, end - LEAST_RUNS + 1):
        yield from ([first, *rest] for rest in segmentations(change, end))


def test_a_step_is_found_where_it_is_with_its_size_and_interval() -> None:
    before, after = np.arange(5) / 1000, np.arange(50, 55) / 1000
    ((index, ratio),) = change_points(np.concatenate([before, after])).items()
    assert index == 5
    # 25 differences around 50: one of 46, two of 47, three of 48, four of 49, five of 50 and so on.
    # Moses: 12.5 - 1.96 sqrt(25 * 11 / 12) = 3.1, so the third from either end.
    assert np.log([ratio.value, ratio.low, ratio.high]) == pytest.approx([0.050, 0.047, 0.053])


@pytest.mark.parametrize("seed", range(40))
def test_no_other_segmentation_is_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 25))
    series = rng.normal(0, 0.01, n) + np.where(np.arange(n) >= rng.integers(n), 0.04, 0)
    found = cost(series, partition(series))
    assert found == pytest.approx(min(cost(series, each) for each in segmentations(0, n)))


def test_ruptures_finds_the_same_segments() -> None:
    ruptures = pytest.importorskip("ruptures")
    rng = np.random.default_rng(3)
    for make in (nightly.anchored, nightly.absolute):
        for kind in ("unchanged", "step", "creep"):
            for series in make(rng, kind, 8):
                theirs = ruptures.Pelt(model="l2", min_size=LEAST_RUNS, jump=1)
                bounds = [0, *theirs.fit_predict(series[:, None], pen=penalty(series))]
                # Its pruning can lose the optimum (its pull request 383): never cheaper than ours.
                ours = partition(series)
                assert ours == bounds or cost(series, ours) < cost(series, bounds)


@given(st.lists(st.floats(-0.1, 0.1), max_size=40), st.floats(-1, 1))
@settings(max_examples=60, deadline=None)
def test_all_that_is_found_is_a_step_between_levels_of_five_runs(
    values: list[float], shift: float
) -> None:
    series = np.array(values, np.float64)
    points = change_points(series)
    bounds = [0, *points, len(series)]
    assert all(end - start >= LEAST_RUNS for start, end in pairwise(bounds)) or not points
    for ratio in points.values():
        assert abs(np.log(ratio.value)) >= np.log1p(LEAST_STEP)
        assert ratio.low is not None
    assert set(settled_steps(series)) <= set(points)


def test_what_was_slower_is_faster_when_the_files_are_exchanged() -> None:
    for series in nightly.anchored(np.random.default_rng(4), "creep", 10):
        forth, back = change_points(series), change_points(-series)
        assert list(forth) == list(back)
        for ratio, mirrored in zip(forth.values(), back.values(), strict=True):
            assert mirrored.low is not None
            assert mirrored.high is not None
            assert ratio.value == pytest.approx(1 / mirrored.value)
            assert [ratio.low, ratio.high] == pytest.approx([1 / mirrored.high, 1 / mirrored.low])


def test_fewer_than_ten_runs_have_no_change_point() -> None:
    for n in range(10):
        assert change_points(np.where(np.arange(n) >= 5, 1.0, 0.0)) == {}
        assert settled_steps(np.where(np.arange(n) >= 5, 1.0, 0.0)) == {}
    assert len(change_points(np.repeat([0.0, 1.0], 5))) == 1


def test_one_bad_run_is_not_a_step() -> None:
    for bad in (0, 5, 60, 119):
        series = QUIET.copy()
        series[bad] += 0.3
        assert change_points(series) == {}


def test_a_step_below_one_per_cent_is_not_found_and_small_ones_add_up() -> None:
    night = np.arange(120)
    assert change_points(QUIET + 0.008 * (night >= 60)) == {}
    assert len(change_points(QUIET + 0.012 * (night >= 60))) == 1
    # Six of 0.6 %, none of which counts by itself.
    creep = QUIET + 0.006 * (night // 18).clip(max=6)
    found = change_points(creep)
    assert len(found) >= 2
    assert 1.02 < np.prod([ratio.value for ratio in found.values()]) < 1.04


def test_levels_are_those_between_the_steps() -> None:
    series = QUIET + 0.05 * (np.arange(120) >= 40)
    found = levels(series, change_points(series))
    assert found[:40] == pytest.approx(np.zeros(40), abs=1e-9)
    assert found[40:] == pytest.approx(np.full(80, 0.05))
    assert levels(np.empty(0), ()).size == 0


def test_a_step_settles_when_five_runs_in_a_row_have_shown_it() -> None:
    series = QUIET + 0.05 * (np.arange(120) >= 60)
    seen = [n for n in range(121) if change_points(series[:n])]
    known = [n for n in range(121) if settled_steps(series[:n])]
    assert seen == list(range(seen[0], 121))
    assert known == list(range(seen[0] + LEAST_RUNS - 1, 121))
    assert seen[0] <= 65
