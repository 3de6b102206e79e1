import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.summary import SessionSpread, between_sessions
from bench.measure.sustained import Point, curve


def by_session(medians: list[float]) -> dict[str, float]:
    return {str(number): value for number, value in enumerate(medians)}


def test_one_session_has_no_spread() -> None:
    assert between_sessions({}) is None
    assert between_sessions({"a": 100}) is None


def test_the_spread_is_the_range_over_the_median() -> None:
    two = {"a": 90.0, "b": 110.0}
    assert between_sessions(two) == SessionSpread(sessions=2, range_ratio=0.2, medians=two)
    wild = between_sessions(by_session([100, 101, 102, 104, 200]))
    assert wild is not None
    assert (wild.sessions, wild.range_ratio) == (5, pytest.approx(100 / 102))


@given(st.lists(st.floats(1, 1e6), min_size=3, max_size=12), st.floats(0.01, 100))
def test_the_spread_has_no_unit(medians: list[float], scale: float) -> None:
    one = between_sessions(by_session(medians))
    other = between_sessions(by_session([scale * each for each in medians]))
    assert one is not None
    assert other is not None
    assert other.range_ratio == pytest.approx(one.range_ratio, abs=1e-9)


def points(*latency_us: float, pause_s: float = 1.0) -> list[Point]:
    """Returns slices of 10 s."""
    return [
        Point(at_s=(10 + pause_s) * n, until_s=(10 + pause_s) * n + 10, latency_us=value)
        for n, value in enumerate(latency_us)
    ]


def test_a_curve_tells_when_it_left_its_start_and_where_it_ends() -> None:
    # The start is 100; 112 alone is no throttling, 115 for good is.
    found = curve(points(99, 100, 101, 112, 100, 115, 118, 120, 130, 131, 131, 130))
    assert found.start_us == 100
    assert found.throttled_after_s == 55
    # The last quarter is 131, 131, 130, the one before 118, 120, 130: not steady yet.
    assert found.steady_us is None
    assert found.interrupted_s is None
    assert (found.start_us_low, found.start_us_high) == (99, 101)
    assert (found.end_us_low, found.end_us, found.end_us_high) == (130, 131, 131)


def test_a_curve_that_stays_is_steady_and_never_throttled() -> None:
    found = curve(points(*[100, 101, 102, 101] * 3))
    assert (found.throttled_after_s, found.steady_us) == (None, 101)


def test_a_curve_of_few_slices_claims_no_steady_state() -> None:
    assert curve(points(100)).steady_us is None
    assert curve(points(*[100] * 7)).steady_us is None


def test_a_pause_long_enough_to_cool_is_told() -> None:
    slices = points(*[100] * 8)
    later = [Point(at_s=500, until_s=510, latency_us=100)]
    assert curve(slices + later).interrupted_s == pytest.approx(500 - 87)
