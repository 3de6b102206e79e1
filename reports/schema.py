"""The columns of the tidy frames that reports are made of, and the check on entry."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar, get_args, get_type_hints

import pandas as pd

from bench.core.artifact import Format
from bench.core.caveats import Caveat, CaveatKind
from bench.core.config import near
from bench.core.errors import ConfigurationError

R = TypeVar("R")
Frame: TypeAlias = pd.DataFrame


class Frontend(StrEnum):
    """How the log-mel front-end is paid for in the latency per second of audio."""

    IN_GRAPH = "in graph"
    ADDED = "added"
    MISSING = "missing"
    NONE_NEEDED = "none needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a tidy frame.

    Args:
        dtype: in pandas' words.
        nullable: whether a row may lack it.
        meaning: one line.
        unit: empty for text and pure numbers.
    """

    name: str
    dtype: str
    nullable: bool
    meaning: str
    unit: str


def column(meaning: str, unit: str = "", **default: object) -> Any:
    """Returns a field of a row, which carries what it means and its unit."""
    return dataclasses.field(metadata={"meaning": meaning, "unit": unit}, **default)  # type: ignore[call-overload]  # default=... or nothing


def maybe(meaning: str, unit: str = "") -> Any:
    """Returns such a field that a row may lack."""
    return column(meaning, unit, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One artifact on one device: latency, size and accuracy of the very same file."""

    artifact_sha256: str = column("identity of the very file that was timed, scored and weighed")
    student: str = column("the model's canonical name, or the name it was added under")
    format: str = column("number format of the file")
    device: str = column("what it was timed on")
    runner: str = column("program that timed it")
    delegate: str = column("delegate that was seen to run")
    threads: int = column("threads of the runner")
    latency_us_median: float | None = maybe("median latency of the file as timed alone", "us")
    latency_us_low: float | None = maybe("lower end of its 95 % interval over processes", "us")
    latency_us_high: float | None = maybe("upper end of its 95 % interval over processes", "us")
    includes_frontend: bool = column("latency per second of audio pays for the front-end")
    audio_s_per_inference: float | None = maybe("audio that one inference pays for: the hop", "s")
    latency_us_per_audio_s: float | None = maybe("latency per second of audio", "us/s")
    size_bytes: int = column("size of the file", "bytes")
    score_mean: float | None = maybe("mean accuracy over the tasks", "[0, 1]")
    score_low: float | None = maybe("lower end of its 95 % interval", "[0, 1]")
    score_high: float | None = maybe("upper end of its 95 % interval", "[0, 1]")
    score_task_set: str | None = maybe("which tasks were scored")
    on_frontier: bool = column("no row is faster and as accurate or better", default=False)
    caveats: str = column("kinds of doubt, joined by semicolons; empty for none", default="")
    family: str = column("what shares a colour in plots")
    runtime: str = column("inference runtime and its version")
    session: str = column("the sitting in which it was timed")
    processes: int = column("how many processes the interval is over")
    init_us_median: float | None = maybe("median time to load the model", "us")
    frontend: str = column("in graph, added, missing or none needed")
    frontend_latency_us: float | None = maybe("median latency of one run of the front-end", "us")
    latency_us_per_audio_s_low: float | None = maybe("lower end of its 95 % interval", "us/s")
    latency_us_per_audio_s_high: float | None = maybe("upper end of its 95 % interval", "us/s")
    parameters: int | None = maybe("weights of the model")
    macs: int | None = maybe("multiply-accumulates of one inference")
    partitions: int | None = maybe("pieces in which the delegate took the graph")
    nodes_delegated: int | None = maybe("operators that the delegate took")
    nodes_total: int | None = maybe("operators of the graph")
    operators_left: str | None = maybe("operators outside the delegate, as HARD_SWISH:18;MEAN:2")
    score_floor_mean: float | None = maybe(
        "mean accuracy of the log-mel floor, same clips", "[0, 1]"
    )
    chance_mean: float | None = maybe("mean accuracy of guessing", "[0, 1]")
    cosine_mean: float | None = maybe("mean cosine of embeddings to the float32 source's")
    cosine_min: float | None = maybe("worst cosine of embeddings to the float32 source's")
    snr_db: float | None = maybe("signal to noise against the float32 source's embeddings", "dB")
    latency_us_min: float | None = maybe("fastest inference of all processes", "us")
    latency_us_p5: float | None = maybe("5th percentile of all inferences", "us")
    latency_us_p90: float | None = maybe("90th percentile of all inferences", "us")
    latency_us_p95: float | None = maybe("95th percentile of all inferences", "us")
    first_us_median: float | None = maybe("median first inference of a process", "us")
    process_spread_ratio: float | None = maybe("range of the processes' medians over theirs")
    memory_mb_peak: float | None = maybe("highest resident memory", "MiB")
    sessions: int = column("sessions of this very case on the device", default=1)
    session_spread_ratio: float | None = maybe("range of their medians over their median")

    @property
    def name(self) -> str:
        """Student and format, as people say it."""
        return f"{self.student}.{self.format}"

    @property
    def doubts(self) -> tuple[Caveat, ...]:
        """Its caveats."""
        return doubts_of(self.caveats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One artifact's score on one task."""

    artifact_sha256: str = column("identity of the file that was scored")
    student: str = column("the model's name")
    format: str = column("number format of the file")
    task: str = column("what was classified or searched for")
    metric: str = column("balanced_accuracy or top1")
    value: float = column("the score", "[0, 1]")
    low: float = column("lower end of its 95 % interval", "[0, 1]")
    high: float = column("upper end of its 95 % interval", "[0, 1]")
    chance: float = column("what guessing scores", "[0, 1]")
    floor: float | None = maybe("what the log-mel floor scores on the same clips", "[0, 1]")
    test_clips: int = column("clips or queries judged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One artifact that heard a stream on one device: one inference a hop, idle in between."""

    artifact_sha256: str = column("identity of the very file that was timed")
    student: str = column("the model's name")
    format: str = column("number format of the file")
    family: str = column("what shares a colour in plots")
    device: str = column("what it was timed on")
    runner: str = column("program that timed it")
    runtime: str = column("inference runtime and its version")
    delegate: str = column("delegate that was seen to run")
    threads: int = column("threads of the runner")
    session: str = column("the sitting in which it was timed")
    processes: int = column("how many processes the intervals are over")
    hop_s: float = column("audio between two inferences", "s")
    latency_us_median: float = column("median latency of the file alone, after idling", "us")
    latency_us_low: float | None = maybe("lower end of its 95 % interval", "us")
    latency_us_high: float | None = maybe("upper end of its 95 % interval", "us")
    back_to_back_us: float | None = maybe("its median latency without idling, same session", "us")
    frontend: str = column("in graph, added, missing or none needed")
    frontend_latency_us: float | None = maybe("median latency of one run of the front-end", "us")
    real_time_ratio: float = column("latency with the front-end over the hop")
    real_time_ratio_low: float | None = maybe("lower end of its 95 % interval")
    real_time_ratio_high: float | None = maybe("upper end of its 95 % interval")
    core_share: float = column("cores kept busy, at most, with the front-end")
    core_share_low: float | None = maybe("lower end of its 95 % interval")
    core_share_high: float | None = maybe("upper end of its 95 % interval")
    caveats: str = column("kinds of doubt, joined by semicolons; empty for none", default="")

    @property
    def doubts(self) -> tuple[Caveat, ...]:
        """Its caveats."""
        return doubts_of(self.caveats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endurance:
    """One artifact that ran for minutes without a pause on one device, the file alone."""

    artifact_sha256: str = column("identity of the very file that was timed")
    student: str = column("the model's name")
    format: str = column("number format of the file")
    family: str = column("what shares a colour in plots")
    device: str = column("what it was timed on")
    runner: str = column("program that timed it")
    delegate: str = column("delegate that was asked for")
    threads: int = column("threads of the runner")
    session: str = column("the sitting in which it was timed")
    slices: int = column("points of its curve")
    duration_s: float = column("from the first slice's begin to the last one's end", "s")
    start_us: float = column("median of the first three slices", "us")
    start_us_low: float = column("fastest of them", "us")
    start_us_high: float = column("slowest of them", "us")
    end_us: float = column("median of the last quarter of the slices", "us")
    end_us_low: float = column("fastest of them", "us")
    end_us_high: float = column("slowest of them", "us")
    is_steady: bool = column("the last two quarters differ by at most 3 %")
    throttled_after_s: float | None = maybe("begin of three slices 10 % slower than the start", "s")
    thermal_status_highest: float | None = maybe("Android's, 0 for none")
    temp_c_highest: float | None = maybe("of the processor, else of the skin", "degrees Celsius")
    clock_khz_lowest: float | None = maybe("of the fastest cores, after a slice", "kHz")
    caveats: str = column("kinds of doubt, joined by semicolons; empty for none", default="")

    @property
    def doubts(self) -> tuple[Caveat, ...]:
        """Its caveats."""
        return doubts_of(self.caveats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One point of the curve of an ``Endurance``; those of one row follow each other."""

    artifact_sha256: str = column("identity of the file")
    student: str = column("the model's name")
    format: str = column("number format of the file")
    device: str = column("what it was timed on")
    runner: str = column("program that timed it")
    delegate: str = column("delegate that was asked for")
    threads: int = column("threads of the runner")
    at_s: float = column("begin, since the first one's", "s")
    until_s: float = column("end, since the first one's begin", "s")
    latency_us: float = column("median, or the mean where the tool tells no median", "us")
    latency_ratio: float = column("over the start of its curve")
    thermal_status: float | None = maybe("after it; 0 for none")
    temp_c: float | None = maybe("after it, of the processor, else of the skin", "degrees Celsius")
    clock_khz: float | None = maybe("after it, of the fastest cores", "kHz")
    cap_khz: float | None = maybe("after it, what they might reach", "kHz")

    @property
    def curve(self) -> tuple[str, str, str, str, int]:
        """What tells whose curve it is on, as for an ``Endurance``."""
        return self.artifact_sha256, self.device, self.runner, self.delegate, self.threads


def doubts_of(caveats: str) -> tuple[Caveat, ...]:
    """Returns the caveats whose kinds are joined by semicolons."""
    return tuple(Caveat(kind=CaveatKind(kind)) for kind in caveats.split(";") if kind)


_DTYPES: dict[object, str] = {str: "str", bool: "bool", int: "Int64", float: "float64"}

# (low, middle, high) of every quantity that has an interval.
_INTERVALS = (
    ("latency_us_low", "latency_us_median", "latency_us_high"),
    ("latency_us_per_audio_s_low", "latency_us_per_audio_s", "latency_us_per_audio_s_high"),
    ("score_low", "score_mean", "score_high"),
    ("low", "value", "high"),
    ("low", "effect", "high"),
    ("real_time_ratio_low", "real_time_ratio", "real_time_ratio_high"),
    ("core_share_low", "core_share", "core_share_high"),
    ("start_us_low", "start_us", "start_us_high"),
    ("end_us_low", "end_us", "end_us_high"),
)


def columns(record: type[object]) -> tuple[Column, ...]:
    """Returns the columns of a frame of ``record``, a dataclass, in the order of its fields."""
    types = get_type_hints(record)
    found = []
    for field in dataclasses.fields(record):  # type: ignore[arg-type]  # records are dataclasses
        kinds = get_args(types[field.name]) or (types[field.name],)
        found.append(
            Column(
                name=field.name,
                dtype=_DTYPES[kinds[0]],
                nullable=type(None) in kinds,
                meaning=field.metadata.get("meaning", ""),
                unit=field.metadata.get("unit", ""),
            )
        )
    return tuple(found)


def frame(items: Iterable[R], record: type[R]) -> Frame:
    """Returns a checked tidy frame, one row for each of ``items``, which are ``record``."""
    listed = list(items)
    return check(
        pd.DataFrame(
            {
                column.name: pd.Series(
                    [getattr(item, column.name) for item in listed], dtype=column.dtype
                )
                for column in columns(record)
            }
        ),
        record,
    )


def read(tidy: Frame, record: type[R]) -> list[R]:
    """Returns the rows of a frame that holds at least the columns of ``record``."""
    listed = []
    for values in tidy[[column.name for column in columns(record)]].to_dict("records"):
        listed.append(record(**{str(key): _plain(value) for key, value in values.items()}))
    return listed


def with_columns(tidy: Frame, items: Iterable[R], record: type[R]) -> Frame:
    """Returns ``tidy`` with the columns of ``items``, one a row, in place of any so named."""
    added = frame(items, record)
    kept = tidy.drop(columns=[name for name in added.columns if name in tidy.columns])
    return pd.concat([kept.reset_index(drop=True), added], axis=1)


def check(tidy: Frame, record: type[object] = Row) -> Frame:
    """Returns ``tidy`` with its columns in order, once each is known to be as declared.

    Raises:
        ConfigurationError: names the column that is unknown, missing, of a wrong dtype, null where
            it must not be, or holds what it cannot mean.
    """
    declared = columns(record)
    known = [column.name for column in declared]
    for name in tidy.columns:
        if name not in known:
            raise ConfigurationError(
                f"unknown column {name}{near(str(name), known)}",
                hint="the columns are in reports/schema.py",
            )
    for column in declared:
        _check_column(tidy, column)
    _check_words(tidy, "format", tuple(Format))
    _check_words(tidy, "frontend", tuple(Frontend))
    if "caveats" in tidy:
        kinds = tidy["caveats"].str.split(";").explode()
        _check_words(pd.DataFrame({"caveats": kinds[kinds != ""]}), "caveats", tuple(CaveatKind))
    _check_intervals(tidy)
    return tidy[known].reset_index(drop=True)


def _plain(value: Any) -> Any:
    return None if pd.isna(value) else value


def _check_column(tidy: Frame, column: Column) -> None:
    if column.name not in tidy.columns:
        raise ConfigurationError(
            f"column {column.name} is missing", hint=f"add it: {column.meaning}"
        )
    found = str(tidy[column.name].dtype)
    if found != column.dtype:
        raise ConfigurationError(
            f"column {column.name} is {found}, not {column.dtype}",
            hint=f"convert it with astype({column.dtype!r})",
        )
    if not column.nullable and bool(tidy[column.name].isna().any()):
        raise ConfigurationError(
            f"column {column.name} has a null", hint=f"fill it: {column.meaning}"
        )


def _check_words(tidy: Frame, column: str, words: tuple[str, ...]) -> None:
    for word in tidy[column].unique() if column in tidy else ():
        if word not in words:
            raise ConfigurationError(
                f"column {column} holds {word!r}{near(str(word), [str(known) for known in words])}",
                hint=f"one of {', '.join(words)}",
            )


def _check_intervals(tidy: Frame) -> None:
    for low, middle, high in _INTERVALS:
        if middle not in tidy:
            continue
        outside = (tidy[low] > tidy[middle]) | (tidy[middle] > tidy[high])
        if bool(outside.any()):
            raise ConfigurationError(
                f"column {middle} lies outside {low} to {high} in row "
                f"{int(outside.to_numpy().argmax())}",
                hint="an interval holds its own estimate",
            )
