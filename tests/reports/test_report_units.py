from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core import units


@pytest.mark.parametrize(
    ("value_us", "text"),
    [
        (0.0, "0 µs"),
        (0.5, "0.500 µs"),
        (175.04, "175 µs"),
        (999.6, "1\u202f000 µs"),
        (1300.0, "1.30 ms"),
        (9_400_000.0, "9.40 s"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_a_duration_has_three_significant_digits_and_a_fitting_unit(
    value_us: float | None, text: str
) -> None:
    assert units.duration(value_us) == text


def test_sizes_count_a_million_bytes_to_a_megabyte() -> None:
    assert units.size(40_380_000) == "40.4 MB"
    assert units.size(910_000) == "910 kB"
    assert units.size(999) == "999 B"


def test_a_column_has_one_scale_that_its_median_decides() -> None:
    scale = units.duration_scale([76.0, 175.0, 1300.0, None, math.nan])
    assert scale.unit == "µs"
    assert [scale.number(value) for value in (76.0, 1300.0, None)] == ["76.0", "1\u202f300", "–"]


def test_only_none_and_nan_are_absent() -> None:
    assert [units.absent(value) for value in (None, math.nan, 0, 0.0)] == [True, True, False, False]


def test_points_are_signed_and_shares_are_percentages() -> None:
    assert [units.points(value) for value in (0.114, -0.02, 0.0, -0.0001)] == [
        "+11.4",
        "−2.0",
        "0.0",
        "0.0",
    ]
    assert units.percent(0.7714) == "77.1"
    assert units.ratio(2.377) == "2.38×"
    assert units.ratio(25.24, 2) == "25×"


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_three_significant_digits_are_within_half_a_percent(value: float) -> None:
    text = units.significant(value).replace("\u202f", "")
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=0.005001)
