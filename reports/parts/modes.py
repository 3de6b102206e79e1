"""What streaming and sustained runs add to a page: a chart and a table for each place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.core import units
from bench.core.device_state.state import thermal_word
from bench.core.units import GAP, Scale
from reports.parts.energy import energy_columns
from reports.parts.sections import Section
from reports.parts.table import (
    Cell,
    Column,
    Footnotes,
    Heading,
    Table,
    file_columns,
    filled,
    frontend_column,
    interval,
    number,
    varying_columns,
)
from reports.plots.charts import (
    Chart,
    Families,
    Span,
    Trace,
    brief,
    colour_order,
    dot,
    slowest_last,
    span,
)
from reports.rows import schema
from reports.rows.aspects import shared_sentence
from reports.rows.names import row_names
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


def streaming(streams: Sequence[Stream], families: Families, notes: Footnotes) -> list[Section]:
    """Returns the cost of each model in the streaming mode, a section for each device."""
    return [
        Section(
            heading=heading,
            sentences=(_IDLE + shared_sentence(rows),),
            charts=(_real_time(rows, families),),
            table=_streams(rows, notes),
        )
        for heading, rows in schema.grouped(streams, _place).items()
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
        for heading, rows in schema.grouped(endurances, _place).items()
    ]


def _place(row: Timed) -> str:
    return f"{row.setup.device}, {row.setup.timed_by}"


def _real_time(rows: Sequence[Stream], families: Families) -> Chart:
    names = row_names(rows)
    lanes = slowest_last((names[row], row.real_time_ratio) for row in rows)
    return Chart(
        name="streaming-real-time",
        title="Share of real time while streaming",
        x_label="latency over the hop, front-end included (%, log scale); from 100 % it cannot "
        "keep up",
        y_label="",
        caption="Bars: 95 % intervals. Hollow markers: a caveat. One inference per hop, idle in "
        "between.",
        dots=tuple(
            dot(row, families, x=_real_time_span(row), y=(lanes.index(names[row]),) * 3)
            for row in rows
        ),
        numbers=schema.listing(rows, Stream),
        families=colour_order(families),
        lanes=tuple(map(brief, lanes)),
        limit=100.0 if max(row.real_time_ratio for row in rows) > _NEAR_LIMIT else None,
    )


def _real_time_span(row: Stream) -> Span:
    low, high = row.real_time_ratio_low, row.real_time_ratio_high
    return span(low, row.real_time_ratio, high, lambda ratio: 100 * ratio)


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

    def over_back_to_back(row: Stream) -> Cell:
        if row.back_to_back_us is None:
            return notes.gap("not timed back to back in the same session")
        return number(row.latency_us_median / row.back_to_back_us, units.ratio)

    columns: list[Column[Stream]] = [
        *file_columns(rows, notes, "streaming"),
        *varying_columns(rows),
        (Heading(name="real time", unit="%"), _between("real_time_ratio", _percent)),
        (Heading(name="share of a core", unit="%, at most"), _between("core_share", _percent)),
        frontend_column(rows, ", after idling"),
        (
            Heading(name="file alone", unit=f"{scale.unit}, after idling"),
            _between("latency_us", scale.number, middle="_median"),
        ),
        (Heading(name="over back-to-back"), over_back_to_back),
        *energy_columns(rows, notes),
    ]
    return filled(rows, columns)


def _endurances(rows: Sequence[Endurance], notes: Footnotes) -> Table:
    scale = units.duration_scale(row.start_us for row in rows)

    def end_over_start(row: Endurance) -> Cell:
        steady = "" if row.is_steady else "not steady"
        return number(row.end_us / row.start_us, units.ratio, steady)

    def throttled(row: Endurance) -> Cell:
        after_s = row.throttled_after_s
        text = "never" if after_s is None else f"{units.significant(after_s)} s"
        return Cell(text=text, order=after_s)

    def minutes(row: Endurance) -> Cell:
        text = units.significant(row.duration_s / 60)
        return Cell(text=text, detail=f"{row.slices} slices", order=row.duration_s)

    def shown(name: str, text: Callable[[float], str]) -> Callable[[Endurance], Cell]:
        def make(row: Endurance) -> Cell:
            value = getattr(row, name)
            if value is None:
                return notes.gap("the device does not show it")
            return number(value, text)

        return make

    columns: list[Column[Endurance]] = [
        *file_columns(rows, notes, "sustained"),
        *varying_columns(rows),
        (Heading(name="minutes"), minutes),
        (Heading(name="throttled after"), throttled),
        (Heading(name="start", unit=scale.unit), _between("start_us", scale.number)),
        (Heading(name="end", unit=scale.unit), _between("end_us", scale.number)),
        (Heading(name="end over start"), end_over_start),
        (Heading(name="heat", numeric=False), shown("thermal_status_highest", thermal_word)),
        (Heading(name="hottest", unit="°C"), shown("temp_c_highest", "{:.1f}".format)),
        (
            Heading(name="slowest clock", unit="MHz"),
            shown("clock_khz_lowest", lambda khz: f"{khz / 1e3:.0f}"),
        ),
        *energy_columns(rows, notes),
    ]
    return filled(rows, columns)


def _between(
    name: str, text: Callable[[float | None], str], middle: str = ""
) -> Callable[[Stream | Endurance], Cell]:
    """Returns the function that makes the cell of a number with its interval from a row."""

    def make(row: Stream | Endurance) -> Cell:
        low, value, high = (getattr(row, f"{name}{end}") for end in ("_low", middle, "_high"))
        return number(value, text, interval(low, high, text))

    return make


def _percent(share: float | None) -> str:
    return GAP if share is None else units.significant(100 * share)
