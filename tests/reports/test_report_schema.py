from __future__ import annotations

import dataclasses

import pytest
from support.report_rows import rows, tasks, timed

from bench.core.errors import ConfigurationError
from reports import schema
from reports.schema import Frame, Row, Task

FIRST_TWENTY = [
    "artifact_sha256",
    "student",
    "format",
    "device",
    "runner",
    "delegate",
    "threads",
    "latency_us_median",
    "latency_us_low",
    "latency_us_high",
    "includes_frontend",
    "audio_s_per_inference",
    "latency_us_per_audio_s",
    "size_bytes",
    "score_mean",
    "score_low",
    "score_high",
    "score_task_set",
    "on_frontier",
    "caveats",
]


@pytest.fixture
def frame() -> Frame:
    return schema.frame(rows(), Row)


def test_a_frame_gives_back_the_rows_it_was_made_of(frame: Frame) -> None:
    assert schema.read(frame, Row) == rows()
    assert schema.read(schema.frame(tasks(rows()), Task), Task) == tasks(rows())


def test_the_first_twenty_columns_are_the_published_ones(frame: Frame) -> None:
    assert list(frame.columns)[:20] == FIRST_TWENTY


def test_columns_come_back_in_order_whatever_order_they_came_in(frame: Frame) -> None:
    shuffled = frame[sorted(frame.columns)]
    assert list(schema.check(shuffled).columns) == list(frame.columns)


def test_an_unknown_column_is_named_with_the_near_one(frame: Frame) -> None:
    with pytest.raises(ConfigurationError, match="size_byte; did you mean 'size_bytes'"):
        schema.check(frame.rename(columns={"size_bytes": "size_byte"}))


def test_a_missing_column_is_named(frame: Frame) -> None:
    with pytest.raises(ConfigurationError, match="column macs is missing"):
        schema.check(frame.drop(columns="macs"))


def test_a_wrong_dtype_is_named(frame: Frame) -> None:
    with pytest.raises(ConfigurationError, match="column threads is float64, not Int64"):
        schema.check(frame.astype({"threads": "float64"}))


def test_a_null_is_refused_only_where_the_column_must_be_filled(frame: Frame) -> None:
    schema.check(frame.assign(macs=frame["macs"].where(frame["macs"] < 0)))
    with pytest.raises(ConfigurationError, match="column size_bytes has a null"):
        schema.check(frame.assign(size_bytes=frame["size_bytes"].where(frame["size_bytes"] < 0)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "int9"}, "column format holds 'int9'; did you mean 'int8'"),
        ({"frontend": "perhaps"}, "column frontend holds 'perhaps'"),
        ({"caveats": "untrained;dubious"}, "column caveats holds 'dubious'"),
        ({"score_low": 0.9}, "column score_mean lies outside score_low to score_high in row 0"),
    ],
)
def test_a_value_that_means_nothing_is_refused(change: dict[str, object], message: str) -> None:
    row = dataclasses.replace(timed("a", "int8", 100.0, score=0.5), **change)  # type: ignore[arg-type]  # a field of Row
    with pytest.raises(ConfigurationError, match=message):
        schema.frame([row], Row)


def test_every_column_says_what_it_means() -> None:
    for column in (*schema.columns(Row), *schema.columns(Task)):
        assert column.meaning, column.name
