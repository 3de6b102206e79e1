"""What streaming and sustained runs add to a page: a chart and a table for each place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from bench.core import units
from bench.core.device_state.state import thermal_word
from bench.core.units import GAP, Scale
from reports.parts.sections import Section
from reports.parts.table import (
    Cell,
    Footnotes,
    Heading,
    Line,
    Table,
    interval,
    name_cell,
    plain,
    varying_columns,
)
from reports.plots.charts import Chart, Families, Trace, brief, colour_order, dot
from reports.rows import schema
from reports.rows.aspects import shared_sentence
from reports.rows.names import row_names, short_names
from reports.rows.schema import Endurance, Listing, Slice, Stream, Timed

_NEAR_LIMIT = 0.1  # of real time; below, the limit itself would only squeeze the points
_THROTTLED = 1.10
# Which curve a point belongs to.
_OF_CURVE = (
    "artifact_sha256", "student", "format", "device", "runner", "delegate", "threads", "case_key",
)  # fmt: skip


_IDLE = (
    "One inference per hop, idle in between, as when a model follows a stream of audio. Small "
    "numbers: 95 % intervals. "
)
_BUSY = (
    "The file alone, without a pause. Small numbers: the fastest and the slowest of the slices of "
    "the start (the first three) and of the end (the last quarter). "
)

R = TypeVar("R", bound=Timed)
_Column = tuple[Heading, Callable[[R], Cell]]


def streaming(streams: Sequence[Stream], families: Families, notes: Footnotes) -> list[Section]:
    """Returns the cost of each model in the streaming mode, a section for each device."""
    return [
        Section(
            heading=heading,
            sentences=(_IDLE + shared_sentence(rows),),
            charts=(_real_time(rows, families),),
            table=_streams(rows, notes),
        )
        for heading, rows in _places(streams)
    ]


def sustained(
    endurances: Sequence[Endurance], families: Families, notes: Footnotes
) -> list[Section]:
    """Returns the latency of each model over minutes, a section for each device."""
    return [
        Section(
            heading=heading,
            sentences=(_BUSY + shared_sentence(rows),),
            charts=(_curves(rows, families),),
            table=_endurances(rows, notes),
        )
        for heading, rows in _places(endurances)
    ]


def _places(rows: Sequence[R]) -> Iterable[tuple[str, list[R]]]:
    places: dict[str, list[R]] = defaultdict(list)
    for row in rows:
        places[f"{row.setup.device}, {row.setup.runner}"].append(row)
    return places.items()


def _real_time(rows: Sequence[Stream], families: Families) -> Chart:
    names = row_names(rows)
    slowest: dict[str, float] = defaultdict(float)
    for row in rows:
        slowest[names[row]] = max(slowest[names[row]], row.real_time_ratio)
    lanes = sorted(slowest, key=lambda name: (slowest[name], name))
    return Chart(
        name="streaming-real-time",
        title="Share of real time while streaming",
        x_label="latency over the hop, front-end included (%, log scale); from 100 % it cannot "
        "keep up",
        y_label="",
        caption="Bars: 95 % intervals. Hollow markers: a caveat. One inference per hop, idle in "
        "between.",
        dots=tuple(
            dot(
                row,
                families,
                x=(
                    100 * _value_or(row.real_time_ratio_low, row.real_time_ratio),
                    100 * row.real_time_ratio,
                    100 * _value_or(row.real_time_ratio_high, row.real_time_ratio),
                ),
                y=(lanes.index(names[row]),) * 3,
            )
            for row in rows
        ),
        numbers=schema.listing(rows, Stream),
        families=colour_order(families),
        lanes=tuple(brief(name) for name in lanes),
        limit=100.0 if max(slowest.values()) > _NEAR_LIMIT else None,
    )


def _curves(rows: Sequence[Endurance], families: Families) -> Chart:
    names = row_names(rows)
    longest_s = max(row.duration_s for row in rows)
    scale = Scale(unit="min", per=60) if longest_s >= 120 else Scale(unit="s", per=1)
    dots, traces = [], []
    for row in rows:
        places = tuple(
            ((each.at_s + each.until_s) / 2 / scale.per, each.latency_ratio) for each in row.points
        )
        family = families[row.file.family]
        traces.append(Trace(points=places, family=family, cross=_cross(row, places)))
        x, y = places[-1]
        dots.append(dot(row, families, label=brief(names[row]), x=(x,) * 3, y=(y,) * 3))
    return Chart(
        name="sustained-curve",
        title="Latency over time without a pause",
        x_label=f"time ({scale.unit})",
        y_label="latency of the file over its start",
        caption="Each point of a line is a slice's median. Cross: throttled; from here, three "
        "slices in a row are at least 10 % slower than the start. Hollow markers: a caveat.",
        dots=tuple(dots),
        numbers=_points(rows),
        families=colour_order(families),
        levels=(("", 1.0), ("throttled", _THROTTLED)),
        traces=tuple(traces),
    )


def _points(rows: Sequence[Endurance]) -> Listing:
    """Returns all points of all curves, each beside what it is a curve of."""
    places = schema.listing(rows, Endurance).select(_OF_CURVE)
    repeated = [
        place for place, row in zip(places.rows, rows, strict=True) for _ in range(len(row.points))
    ]
    points = schema.listing([point for row in rows for point in row.points], Slice)
    return Listing(columns=places.columns, rows=tuple(repeated)).beside(points)


def _cross(row: Endurance, places: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    pairs = zip(row.points, places, strict=True)
    return next((place for point, place in pairs if point.at_s == row.throttled_after_s), None)


def _streams(rows: Sequence[Stream], notes: Footnotes) -> Table:
    scale = units.duration_scale(row.latency_us_median for row in rows)

    def share(name: str) -> Callable[[Stream], Cell]:
        def make(row: Stream) -> Cell:
            low, middle, high = (getattr(row, f"{name}{end}") for end in ("_low", "", "_high"))
            return Cell(text=_percent(middle), detail=_ends(_percent, low, high), order=middle)

        return make

    def after_idling(row: Stream) -> Cell:
        ends = _ends(scale.number, row.latency_us_low, row.latency_us_high)
        text = scale.number(row.latency_us_median)
        return Cell(text=text, detail=ends, order=row.latency_us_median)

    def over_back_to_back(row: Stream) -> Cell:
        if row.back_to_back_us is None:
            return notes.gap("not timed back to back in the same session")
        ratio = row.latency_us_median / row.back_to_back_us
        return Cell(text=units.ratio(ratio), order=ratio)

    columns: list[_Column[Stream]] = [
        (Heading(name="real time", unit="%"), share("real_time_ratio")),
        (Heading(name="share of a core", unit="%, at most"), share("core_share")),
        (Heading(name="front-end", numeric=False), lambda row: plain(row.frontend)),
        (Heading(name="file alone", unit=f"{scale.unit}, after idling"), after_idling),
        (Heading(name="over back-to-back"), over_back_to_back),
    ]
    return _table(rows, columns, notes, "streaming")


def _endurances(rows: Sequence[Endurance], notes: Footnotes) -> Table:
    scale = units.duration_scale(row.start_us for row in rows)

    def latency(name: str) -> Callable[[Endurance], Cell]:
        def make(row: Endurance) -> Cell:
            low, middle, high = (getattr(row, f"{name}{end}") for end in ("_low", "", "_high"))
            return Cell(
                text=scale.number(middle), detail=_ends(scale.number, low, high), order=middle
            )

        return make

    def end_over_start(row: Endurance) -> Cell:
        ratio = row.end_us / row.start_us
        steady = "" if row.is_steady else "not steady"
        return Cell(text=units.ratio(ratio), detail=steady, order=ratio)

    def throttled(row: Endurance) -> Cell:
        after_s = row.throttled_after_s
        text = "never" if after_s is None else f"{units.significant(after_s)} s"
        return Cell(text=text, order=after_s)

    def minutes(row: Endurance) -> Cell:
        text = units.significant(row.duration_s / 60)
        return Cell(text=text, detail=f"{row.slices} slices", order=row.duration_s)

    def heat(row: Endurance) -> Cell:
        if row.thermal_status_highest is None:
            return notes.gap("the device does not show it")
        word = thermal_word(row.thermal_status_highest)
        return Cell(text=word, order=row.thermal_status_highest)

    def number(value: float | None, scale: float, digits: int) -> Cell:
        if value is None:
            return notes.gap("the device does not show it")
        return Cell(text=f"{value / scale:.{digits}f}", order=value)

    columns: list[_Column[Endurance]] = [
        (Heading(name="minutes"), minutes),
        (Heading(name="throttled after"), throttled),
        (Heading(name="start", unit=scale.unit), latency("start_us")),
        (Heading(name="end", unit=scale.unit), latency("end_us")),
        (Heading(name="end over start"), end_over_start),
        (Heading(name="heat", numeric=False), heat),
        (
            Heading(name="hottest", unit="°C"),
            lambda row: number(row.temp_c_highest, 1, 1),
        ),
        (
            Heading(name="slowest clock", unit="MHz"),
            lambda row: number(row.clock_khz_lowest, 1e3, 0),
        ),
    ]
    return _table(rows, columns, notes, "sustained")


def _table(rows: Sequence[R], own: Sequence[_Column[R]], notes: Footnotes, mode: str) -> Table:
    short = short_names(row.file.student for row in rows)
    names = row_names(rows)

    def student(row: R) -> Cell:
        marks = notes.mark_caveats(row.caveats, of=f"{names[row]} {row.file.format}, {mode}")
        return name_cell(row.file.student, short, marks)

    columns: list[_Column[R]] = [
        (Heading(name="student", numeric=False), student),
        (Heading(name="format", numeric=False), lambda row: plain(row.file.format)),
        *varying_columns(rows),
        *own,
    ]
    return Table(
        headings=tuple(heading for heading, _ in columns),
        lines=tuple(Line(cells=tuple(make(row) for _, make in columns)) for row in rows),
    )


def _percent(share: float | None) -> str:
    return GAP if share is None else units.significant(100 * share)


def _ends(text: Callable[[float | None], str], low: float | None, high: float | None) -> str:
    return interval(text(low), text(high))


def _value_or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
