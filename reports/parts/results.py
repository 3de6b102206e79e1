"""The table of all results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from bench.core import units
from bench.core.caveats import Caveat, CaveatKind
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
from reports.rows.frontier import Marked
from reports.rows.schema import Row

_BETWEEN_SESSIONS = (
    "how far the medians of several sessions on this device are apart; "
    "intervals are within one session"
)


def results(
    marked: Sequence[Marked],
    notes: Footnotes,
    links: Mapping[str, str] = MappingProxyType({}),
    *,
    most: int | None = None,
) -> Table:
    """Returns the table of all rows; what is the same in all of them is left to ``shared``.

    Args:
        links: address of the page of each file, by its SHA-256.
        most: lines, as for ``Table.first``; the evidence of the others' caveats is in the notes.
    """
    rows = [each.row for each in marked]
    for kind in CaveatKind:  # in the order of kinds, not of rows
        if any(caveat.kind is kind for row in rows for caveat in row.caveats):
            notes.mark_caveats([Caveat(kind=kind)])
    places = {each.row: each for each in marked}
    student, format = file_columns(rows, notes, links=links)
    for row in rows if most is not None and most < len(rows) else ():
        if row.caveats:
            student[1](row)
    columns: list[Column[Row]] = [
        student,
        format,
        (Heading(name="frontier", numeric=False), lambda row: _membership(places[row], notes)),
        *varying_columns(rows),
        *_scores(notes),
        *_latencies(rows, notes),
        *_between_sessions(rows, notes),
        *_sizes(rows, notes),
    ]
    return filled(
        rows,
        columns,
        is_strong=lambda row: row.on_frontier,
        weight=lambda row: row.on_frontier_probability or 0.0,
        most=most,
    )


def _membership(place: Marked, notes: Footnotes) -> Cell:
    if place.membership is None:
        return notes.gap(place.not_eligible)
    on = place.row.on_frontier
    text = f"{'★ ' if on else ''}{place.membership}"
    likely = place.on_frontier_probability
    detail = "" if likely is None else f"{100 * likely:.0f} %"
    return Cell(text=text, detail=detail, order=f"{0 if on else 1}{place.membership}")


def _scores(notes: Footnotes) -> list[Column[Row]]:
    def score(row: Row) -> Cell:
        if row.score_mean is None:
            return notes.gap("not scored")
        ends = interval(row.score_low, row.score_high, units.percent)
        return number(row.score_mean, units.percent, ends)

    def gain(row: Row) -> Cell:
        if row.score_mean is None:
            return notes.gap("not scored")
        if row.score_floor_mean is None:
            return notes.gap("the log-mel floor was not scored")
        return number(row.score_mean - row.score_floor_mean, units.points)

    return [
        (Heading(name="accuracy", unit="%"), score),
        (Heading(name="over floor", unit="points"), gain),
    ]


def _latencies(rows: Sequence[Row], notes: Footnotes) -> list[Column[Row]]:
    def quantity(column: str, words: str, unit: str = "", ends: Sequence[str] = ()) -> Column[Row]:
        scale = units.duration_scale(getattr(row, column) for row in rows)

        def make(row: Row) -> Cell:
            value = getattr(row, column)
            if value is None:
                return notes.gap(row.not_timed)
            low, high = [getattr(row, end) for end in ends] or (None, None)
            return number(value, scale.number, interval(low, high, scale.number))

        return Heading(name=words, unit=f"{scale.unit}{unit}"), make

    per_s = "latency_us_per_audio_s"
    return [
        quantity(per_s, "latency", " per s of audio", (f"{per_s}_low", f"{per_s}_high")),
        frontend_column(rows),
        quantity("latency_us_median", "file alone", ends=("latency_us_low", "latency_us_high")),
        quantity("init_us_median", "load"),
    ]


def _between_sessions(rows: Sequence[Row], notes: Footnotes) -> list[Column[Row]]:
    """Returns how far sessions are apart, where there are several; no interval includes that."""

    def spread(row: Row) -> Cell:
        if row.session_spread_ratio is None:
            return notes.gap("one session only")
        return Cell(
            text=f"±{units.percent(row.session_spread_ratio)}",
            detail=f"{row.sessions} sessions",
            marks=(notes.mark(_BETWEEN_SESSIONS),),
            order=row.session_spread_ratio,
        )

    if all(row.session_spread_ratio is None for row in rows):
        return []
    return [(Heading(name="between sessions", unit="%"), spread)]


def _sizes(rows: Sequence[Row], notes: Footnotes) -> list[Column[Row]]:
    def counted(column: str, words: str, scale_of: Callable[..., units.Scale]) -> Column[Row]:
        scale = scale_of(getattr(row, column) for row in rows)

        def make(row: Row) -> Cell:
            value = getattr(row, column)
            if value is None:
                return notes.gap(f"{words} unknown")
            return number(float(value), scale.number)

        return Heading(name=words, unit=scale.unit), make

    def nodes(row: Row) -> Cell:
        if row.partitions is None or row.nodes_total is None:
            return notes.gap("partitions unknown")
        taken = f"{row.nodes_delegated} of {row.nodes_total} nodes"
        return Cell(text=str(row.partitions), detail=taken, order=float(row.partitions))

    return [
        counted("size_bytes", "size", units.size_scale),
        counted("parameters", "weights", units.count_scale),
        counted("macs", "multiply-adds", units.count_scale),
        (Heading(name="partitions"), nodes),
    ]
