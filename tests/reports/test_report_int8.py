from __future__ import annotations

from typing import Any

import pytest
from support.report_rows import changed, rows, timed

from reports.rows import int8
from reports.rows.int8 import Comparison
from reports.rows.schema import Row

# The first reason, whatever else differs or does not.
OTHER_FORMAT = "The number format differs: int8 kernels run, not float32 ones."


def pair(us: float, *, base_us: float = 100.0, **int8_fields: Any) -> tuple[Row, Row]:
    base = timed("s", "float32", base_us, score=0.5, partitions=1)
    return timed("s", "int8", us, score=0.5, **int8_fields), base


def sentence(us: float, **int8_fields: Any) -> str:
    outcome = int8.compare(*pair(us, **int8_fields))
    assert isinstance(outcome, Comparison)
    return int8.explain(outcome)


@pytest.mark.parametrize(
    ("us", "fields", "wanted"),
    [
        (
            240.0,
            {"partitions": 19, "operators_left": "HARD_SWISH:18"},
            "2.40× the time of float32. It runs in 19 XNNPACK partitions against 1 (HARD_SWISH has "
            "no int8 kernel there), so tensors are handed over 38 times; write hard-swish unfused.",
        ),
        (
            240.0,
            {"partitions": 3, "operators_left": "RFFT2D:1;CAST:2"},
            "2.40× the time of float32. It runs in 3 XNNPACK partitions against 1 (left outside: "
            "RFFT2D, CAST), so tensors are handed over 6 times.",
        ),
        (
            240.0,
            {"partitions": 1},
            "2.40× the time of float32. Partitions are not the cause (one partition, no more than "
            "float32): the int8 kernels themselves are slower on this device.",
        ),
        (
            50.0,
            {"partitions": 1},
            "2.00× as fast as float32. XNNPACK takes it in one partition, no more than float32, "
            "so 8-bit arithmetic and weights of a quarter of the bytes pay off.",
        ),
        (
            50.0,
            {"partitions": 20, "operators_left": "HARD_SWISH:19"},
            "2.00× as fast as float32. That is in spite of 20 XNNPACK partitions against 1 "
            "(HARD_SWISH has no int8 kernel there); tensors are handed over 40 times; write "
            "hard-swish unfused.",
        ),
        (
            101.0,
            {"partitions": 9},
            "As fast as float32 within the interval. It runs in 9 XNNPACK partitions against 1: "
            "what the int8 kernels gain, 18 hand-overs cost.",
        ),
        (
            101.0,
            {"partitions": 1},
            "As fast as float32 within the interval. XNNPACK takes it in one partition, no more "
            "than float32; the int8 kernels gain nothing here.",
        ),
        (
            240.0,
            {"partitions": None},
            "2.40× the time of float32. How XNNPACK split the graphs is not known.",
        ),
        (
            240.0,
            {"partitions": 0},
            "2.40× the time of float32. XNNPACK took no part of the int8 graph.",
        ),
        (
            240.0,
            {"partitions": 1, "latency_us_low": None, "latency_us_high": None},
            "2.40× the time of float32 (no interval). Partitions are not the cause (one partition, "
            "no more than float32): the int8 kernels themselves are slower on this device.",
        ),
    ],
)
def test_the_cause_follows_from_the_numbers(
    us: float, fields: dict[str, object], wanted: str
) -> None:
    verdict, why = wanted.split(". ", 1)
    assert sentence(us, **fields) == f"{verdict}. {OTHER_FORMAT} {why}"


def test_without_a_delegate_partitions_are_not_the_reason() -> None:
    row, base = (changed(each, delegate="none") for each in pair(240.0, partitions=0))
    outcome = int8.compare(row, base)
    assert isinstance(outcome, Comparison)
    assert int8.explain(outcome) == (
        f"2.40× the time of float32. {OTHER_FORMAT} No delegate ran: each format uses built-in "
        "kernels of its own."
    )


def test_the_interval_of_a_ratio_takes_the_unkind_ends_of_both() -> None:
    outcome = int8.compare(*pair(200.0))  # 196 to 205.6 against 98 to 102.8
    assert isinstance(outcome, Comparison)
    assert outcome.ratio == pytest.approx(2.0)
    assert outcome.ratio_low == pytest.approx(196 / 102.8)
    assert outcome.ratio_high == pytest.approx(205.6 / 98)


@pytest.mark.parametrize(
    "field",
    ["session", "delegate", "threads", "runtime", "tool_sha256", "affinity", "library_sha256"],
)
def test_files_timed_otherwise_are_not_compared(field: str) -> None:
    row, base = pair(200.0)
    other = changed(row, **{field: 4 if field == "threads" else "x"})
    assert str(int8.compare(other, base)).startswith(f"not comparable: {field}")
    ((_, outcome),) = int8.compared([other, base])
    assert isinstance(outcome, str)


def test_a_missing_latency_is_said() -> None:
    row, base = pair(200.0, latency_us_median=None, latency_us_low=None, latency_us_high=None)
    ((_, outcome),) = int8.compared([row, base])
    assert int8.explain(outcome) == "Int8 was not timed."


def test_each_student_with_both_formats_has_one_line() -> None:
    assert len(int8.compared(rows())) == 5
    assert int8.compared(rows()[:3]) == []
