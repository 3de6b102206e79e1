"""Rates and their intervals: against SciPy's own, by hand, and by simulation with a known truth."""

import numpy as np
import pytest
from support.lazy import Lazy

from models.detection import rates
from models.detection.alarms import AlarmCounter, Averaged, thresholds
from models.detection.rates import Known

stats = Lazy("scipy.stats")

LEVELS = thresholds(0.5)


def test_no_alarm_in_an_hour_has_an_upper_limit_of_3_69() -> None:
    found = rates.per_hour(0, 1.0)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(-np.log(0.025))
    assert rates.per_hour(0, 10.0).high == pytest.approx(0.3689, abs=1e-4)


def test_the_limits_are_those_of_the_published_table() -> None:
    # Garwood (1936), as in every table of Poisson limits: 5 events, 1.62 to 11.67.
    found = rates.per_hour(5, 1.0)
    assert (round(found.low, 2), round(found.high, 2)) == (1.62, 11.67)


@pytest.mark.parametrize("count", [1, 2, 3, 17, 400])
def test_limits_of_a_count_are_those_of_chi_square(count: int) -> None:
    found = rates.per_hour(count, 2.5)
    assert found.low * 2.5 == pytest.approx(stats.chi2.ppf(0.025, 2 * count) / 2)
    assert found.high * 2.5 == pytest.approx(stats.chi2.ppf(0.975, 2 * count + 2) / 2)
    assert stats.poisson.sf(count - 1, found.low * 2.5) == pytest.approx(0.025)
    assert stats.poisson.cdf(count, found.high * 2.5) == pytest.approx(0.025)


@pytest.mark.parametrize(("count", "of"), [(0, 30), (1, 30), (12, 56), (56, 56)])
def test_limits_of_a_share_are_exact(count: int, of: int) -> None:
    found, wanted = rates.share(count, of), stats.binomtest(count, of).proportion_ci()
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


def test_peaks_within_the_refractory_time_are_one_alarm() -> None:
    counter = AlarmCounter(np.array([0.5, 0.8]), refractory=20, own=0)
    scores = np.array([0.6, 0.9, 0.1, 0.7, 0.85, 0.2, 0.9], np.float32)
    ends = np.array([0, 10, 15, 19, 20, 25, 45])
    alarms = counter.add(scores[:3], ends[:3]) + counter.add(scores[3:], ends[3:])
    # At 0.5: at 0, 20 and 45. At 0.8: at 10 and 45, because 20 is only 10 later.
    assert counter.counts.tolist() == [3, 2]
    assert alarms == [0, 1, 3]  # at 0.5: rows of the first part, and of the second


def test_alarms_at_all_thresholds_are_those_of_a_straightforward_loop() -> None:
    rng = np.random.default_rng(2)
    scores = (rng.random(3_000) ** 6).astype(np.float32)
    ends = np.cumsum(rng.integers(1, 900, 3_000))
    counter = AlarmCounter(LEVELS, refractory=5_000, own=0)
    for part in np.array_split(np.arange(3_000), 13):
        counter.add(scores[part], ends[part])
    for index in range(0, len(LEVELS), 197):
        count, ready = 0, -1
        for score, end in zip(scores, ends, strict=True):
            if score >= LEVELS[index] and end >= ready:
                count, ready = count + 1, end + 5_000
        assert counter.counts[index] == count
    assert (np.diff(counter.counts) <= 0).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_averages_do_not_depend_on_blocks_and_begin_at_zero(count: int) -> None:
    scores = np.random.default_rng(3).random(40).astype(np.float32)
    wanted = [
        scores[at - count + 1 : at + 1].mean() if at >= count - 1 else 0.0 for at in range(40)
    ]
    averaged = Averaged(count)
    parts = np.split(scores, [0, 1, 2, 9, 10, 30])
    found = np.concatenate([averaged(part) for part in parts])
    assert found == pytest.approx(np.array(wanted), abs=1e-6)


def simulated(rng: np.random.Generator, hours: float, events: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns alarms and misses at each threshold of a detector whose truth is known.

    Peaks of the background come 40 times an hour, their log-odds normal around -2; those of events
    around 3; both with deviation 2.
    """
    background = 1 / (1 + np.exp(-rng.normal(-2, 2, rng.poisson(40 * hours))))
    peaks = 1 / (1 + np.exp(-rng.normal(3, 2, events)))
    alarms = len(background) - np.searchsorted(np.sort(background), LEVELS, side="left")
    return alarms, rates.missed(list(peaks), LEVELS)


@pytest.mark.parametrize(("hours", "events"), [(8, 60), (8, 1_000), (60, 60)])
def test_the_interval_at_a_matched_rate_holds_the_true_miss_rate(hours: int, events: int) -> None:
    rng = np.random.default_rng(4)
    log_odds = stats.norm.isf(1 / 40, -2, 2)  # which one peak an hour reaches
    truth = stats.norm.cdf(log_odds, 3, 2)
    held = 0
    for _ in range(150):
        alarms, misses = simulated(rng, hours, events)
        found = rates.matched(LEVELS, alarms, misses, hours=hours, events=events, rate=1.0)
        assert found.known is Known.YES
        assert found.miss_rate is not None
        assert found.miss_rate.low <= found.miss_rate.value <= found.miss_rate.high
        held += found.miss_rate.low <= truth <= found.miss_rate.high
    assert held >= 140  # 93 %


@pytest.mark.parametrize(("hours", "known"), [(3.6, Known.UNCLEAR), (3.8, Known.YES)])
def test_too_few_hours_without_an_alarm_cannot_show_a_rate(hours: float, known: Known) -> None:
    none = np.zeros(len(LEVELS), np.int64)
    misses = rates.missed([0.2, 0.9, 0.99], LEVELS)
    found = rates.matched(LEVELS, none, misses, hours=hours, events=3, rate=1.0)
    assert found.known is known
    assert found.hours_needed == pytest.approx(3.689, abs=1e-3)
    assert (found.miss_rate is None) == (known is Known.UNCLEAR)


def test_a_detector_that_is_never_so_quiet_is_not_matched() -> None:
    many = np.full(len(LEVELS), 100)
    misses = rates.missed([0.9], LEVELS)
    found = rates.matched(LEVELS, many, misses, hours=10, events=1, rate=2.0)
    assert (found.known, found.threshold, found.miss_rate) == (Known.NEVER_SO_FEW, None, None)
