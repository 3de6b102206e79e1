"""What each picture shows: pure ``frame -> Chart``. How it is drawn is in ``plots``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from bench.core import units
from bench.core.caveats import Effect
from bench.core.units import Scale
from reports import int8, schema
from reports.frontier import Mark
from reports.names import row_names
from reports.schema import Frame, Row

_LABEL_LENGTH = 28


_MOST_FAMILIES = 7  # as many as there are colours
OTHER = "other"

Families: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point with its interval both ways (equal ends where there is none), in displayed units.

    Args:
        label: what stands beside it, before its format in a chart without lanes; may be empty.
        on_frontier: the frontier line goes through it, and it is labelled first.
    """

    label: str
    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float
    family: str
    format: str
    hollow: bool
    on_frontier: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A line from the first to the last of its points, in displayed units.

    Args:
        cross: where something befell it.
    """

    points: tuple[tuple[float, float], ...]
    family: str
    cross: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture before it is drawn; its x axis is logarithmic, or that of its traces.

    Args:
        name: of its files.
        numbers: what the CSV beside it holds.
        levels: labelled horizontal lines.
        lanes: names of y = 0, 1, ... from the bottom; empty for a continuous y.
        limit: an upright line to compare with.
        traces: lines over a linear x from 0; the dots are their ends, or the points around them.
        families: all of the frame, so that each has one colour in all of its charts.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    caption: str
    dots: tuple[Dot, ...]
    numbers: Frame
    families: tuple[str, ...]
    log_y: bool = False
    levels: tuple[tuple[str, float], ...] = ()
    lanes: tuple[str, ...] = ()
    limit: float | None = None
    traces: tuple[Trace, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A row of the numbers behind ``format_ratios``."""

    student: str
    format: str
    device: str
    latency_ratio: float
    latency_ratio_low: float | None
    latency_ratio_high: float | None
    partitions: int | None
    partitions_float32: int | None


def families_of(*frames: Frame) -> Families:
    """Returns what each family is shown as: itself, or "other" beyond the six of most rows."""
    counted = Counter(str(family) for frame in frames for family in frame["family"])
    common = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    own = {family for family, _ in common[: _MOST_FAMILIES - 1]}
    if len(common) <= _MOST_FAMILIES:
        own = set(counted)
    return {family: family if family in own else OTHER for family in counted}


def charts(marked: Frame, families: Families) -> list[Chart]:
    """Returns the charts that a view's marked rows can fill, the most telling one first.

    Args:
        marked: one view's rows.
        families: of the whole frame, so that colours are the same in every view.
    """
    found = [accuracy_latency(marked, families), accuracy_size(marked, families)]
    if not any(found):
        found = [latency_size(marked, families)]
    return [chart for chart in [*found, format_ratios(marked, families)] if chart is not None]


def accuracy_latency(marked: Frame, families: Families) -> Chart | None:
    """Returns accuracy against latency per second of audio; ``None`` if no row has both."""
    chosen = marked[marked["score_mean"].notna() & marked["latency_us_per_audio_s"].notna()]
    rows = schema.read(chosen, Row)
    scale = units.duration_scale(row.latency_us_per_audio_s for row in rows)
    names = row_names(schema.read(marked, Row))
    return _accuracy(
        families,
        chosen,
        [
            _dot(row, names, families, x=_latency(row, scale), y=_score(row), on=row.on_frontier)
            for row in rows
        ],
        name="accuracy-latency",
        title="Accuracy against latency",
        x_label=f"latency per second of audio, front-end included ({scale.unit}, log scale)",
        costs=(
            "latency_us_per_audio_s",
            "latency_us_per_audio_s_low",
            "latency_us_per_audio_s_high",
        ),
    )


def accuracy_size(marked: Frame, families: Families) -> Chart | None:
    """Returns accuracy against file size; ``None`` if no row has a score."""
    chosen = marked[marked["score_mean"].notna()]
    rows = schema.read(chosen, Row)
    marks = schema.read(chosen, Mark)
    scale = units.size_scale(row.size_bytes for row in rows)
    names = row_names(schema.read(marked, Row))
    return _accuracy(
        families,
        chosen,
        [
            _dot(row, names, families, x=_size(row, scale), y=_score(row), on=mark.on_frontier_size)
            for row, mark in zip(rows, marks, strict=True)
        ],
        name="accuracy-size",
        title="Accuracy against size",
        x_label=f"size of the file ({scale.unit}, log scale)",
        costs=("size_bytes",),
    )


def latency_size(marked: Frame, families: Families) -> Chart | None:
    """Returns latency per second of audio against size, for where nothing was scored."""
    chosen = marked[marked["latency_us_per_audio_s"].notna()]
    rows = schema.read(chosen, Row)
    if not rows:
        return None
    names = row_names(schema.read(marked, Row))
    across = units.size_scale(row.size_bytes for row in rows)
    up = units.duration_scale(row.latency_us_per_audio_s for row in rows)
    return Chart(
        name="latency-size",
        title="Latency against size",
        x_label=f"size of the file ({across.unit}, log scale)",
        y_label=f"latency per second of audio ({up.unit}, log scale)",
        caption="Bars: 95 % intervals. Hollow: a caveat. Nothing was scored.",
        dots=tuple(
            _dot(row, names, families, x=_size(row, across), y=_latency(row, up), on=False)
            for row in rows
        ),
        families=shown(families),
        numbers=_numbers(
            chosen,
            (
                "size_bytes",
                "latency_us_per_audio_s",
                "latency_us_per_audio_s_low",
                "latency_us_per_audio_s_high",
                "caveats",
            ),
        ),
        log_y=True,
    )


def format_ratios(marked: Frame, families: Families) -> Chart | None:
    """Returns each format's latency over float32's, a lane a student; ``None`` if none compare."""
    found = [int8.compare(row, base) for row, base in int8.pairs(schema.read(marked, Row))]
    ratios = [each for each in found if isinstance(each, int8.Comparison)]
    if not ratios:
        return None
    names = row_names(schema.read(marked, Row))
    slowest: dict[str, float] = {}
    for each in ratios:
        name = names[each.row]
        slowest[name] = max(each.ratio, slowest.get(name, 0.0))
    lanes = sorted(slowest, key=lambda name: (slowest[name], name))
    return Chart(
        name="format-ratios",
        title="Latency of each format against float32",
        x_label="latency over that of float32, the file alone (log scale); left of 1 is faster",
        y_label="",
        caption="Bars: 95 % intervals of the ratio. Partitions where more than one.",
        dots=tuple(_ratio_dot(each, families, lanes.index(names[each.row])) for each in ratios),
        numbers=schema.frame([_ratio(each) for each in ratios], Ratio),
        families=shown(families),
        lanes=tuple(brief(name) for name in lanes),
        limit=1.0,
    )


def _accuracy(
    families: Families,
    chosen: Frame,
    dots: list[Dot],
    *,
    name: str,
    title: str,
    x_label: str,
    costs: tuple[str, ...],
) -> Chart | None:
    if not dots:
        return None
    levels, note = _levels(schema.read(chosen, Row), dots)
    scores = ("score_mean", "score_low", "score_high", "score_floor_mean", "chance_mean")
    return Chart(
        name=name,
        title=title,
        x_label=x_label,
        y_label="accuracy, mean over the tasks (%)",
        caption="Bars: 95 % intervals. Line: frontier by the estimates. Hollow: a caveat." + note,
        dots=tuple(dots),
        families=shown(families),
        numbers=_numbers(chosen, (*costs, *scores, "on_frontier", "caveats")),
        levels=levels,
    )


def shown(families: Families) -> tuple[str, ...]:
    """Returns the families of all charts, in the order of their colours."""
    names = sorted(set(families.values()) - {OTHER})
    return (*names, OTHER) if OTHER in families.values() else tuple(names)


def _levels(rows: Sequence[Row], dots: Sequence[Dot]) -> tuple[tuple[tuple[str, float], ...], str]:
    """Returns the levels to draw, and a sentence on those that would squeeze the points."""
    floors = {round(row.score_floor_mean, 4) for row in rows if row.score_floor_mean is not None}
    chances = {round(row.chance_mean, 4) for row in rows if row.chance_mean is not None}
    named = [(f"log-mel floor {units.percent(level)} %", 100 * level) for level in sorted(floors)]
    named += [(f"chance {units.percent(level)} %", 100 * level) for level in sorted(chances)]
    low, high = min(dot.y_low for dot in dots), max(dot.y_high for dot in dots)
    room = max(high - low, 12.0)
    drawn = tuple(each for each in named if low - room <= each[1] <= high + room)
    left = [name for name, level in named if (name, level) not in drawn]
    return drawn, f" Off the axis: {', '.join(left)}." if left else ""


def brief(name: str) -> str:
    """Returns a name that is short enough to stand in a chart."""
    return name if len(name) <= _LABEL_LENGTH else f"{name[: _LABEL_LENGTH - 1]}…"


def _dot(
    row: Row,
    names: Mapping[Row, str],
    families: Families,
    *,
    x: tuple[float, float, float],
    y: tuple[float, float, float],
    on: bool,
) -> Dot:
    return Dot(
        label=brief(names[row]),
        x_low=x[0],
        x=x[1],
        x_high=x[2],
        y_low=y[0],
        y=y[1],
        y_high=y[2],
        family=families[row.family],
        format=row.format,
        hollow=any(doubt.effect is not Effect.NOTE for doubt in row.doubts),
        on_frontier=on,
    )


def _latency(row: Row, scale: Scale) -> tuple[float, float, float]:
    middle = row.latency_us_per_audio_s or 0.0
    low, high = row.latency_us_per_audio_s_low, row.latency_us_per_audio_s_high
    return (
        (middle if low is None else low) / scale.per,
        middle / scale.per,
        (middle if high is None else high) / scale.per,
    )


def _score(row: Row) -> tuple[float, float, float]:
    middle = row.score_mean or 0.0
    low = middle if row.score_low is None else row.score_low
    high = middle if row.score_high is None else row.score_high
    return 100 * low, 100 * middle, 100 * high


def _size(row: Row, scale: Scale) -> tuple[float, float, float]:
    size = row.size_bytes / scale.per
    return size, size, size


def _numbers(chosen: Frame, columns: tuple[str, ...]) -> Frame:
    return chosen[["artifact_sha256", "student", "format", "family", "device", *columns]]


def _ratio(each: int8.Comparison) -> Ratio:
    return Ratio(
        student=each.row.student,
        format=each.row.format,
        device=each.row.device,
        latency_ratio=each.ratio,
        latency_ratio_low=each.ratio_low,
        latency_ratio_high=each.ratio_high,
        partitions=each.row.partitions,
        partitions_float32=each.base.partitions,
    )


def _ratio_dot(each: int8.Comparison, families: Families, lane: int) -> Dot:
    partitions = each.row.partitions or 0
    low = each.ratio if each.ratio_low is None else each.ratio_low
    high = each.ratio if each.ratio_high is None else each.ratio_high
    x, y = (low, each.ratio, high), (lane, lane, lane)
    dot = _dot(each.row, {each.row: ""}, families, x=x, y=y, on=False)
    return replace(dot, label=f"{partitions} partitions" if partitions > 1 else "")
