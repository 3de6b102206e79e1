"""The frontier drawn in text, for a terminal without pictures: pure ``view -> lines``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

from bench.core import units
from bench.core.units import Scale
from reports.plots.axis import log_range, log_ticks
from reports.rows.frontier import Marked, View
from reports.rows.names import row_names

COLUMNS = 78  # as wide as it is where the width is not known
LINES = 16
_FEWEST_COLUMNS = 40
_MARGIN = 8  # columns left of the axis
_OTHER = "·"
_TICK_COLUMNS = 14  # for each tick of the x axis
_FEWEST_TICKS = 4
_ROOM = 0.06  # of the range of accuracies, above and below


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """A file: its letter, name, latency in us per second of audio, accuracy in %."""

    letter: str
    name: str
    x: float
    y: float
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axes:
    """Accuracies from ``low`` to ``high`` over latencies from ``start`` to ``end``, logarithmic."""

    start: float
    end: float
    low: float
    high: float
    width: int

    @classmethod
    def around(cls, points: Sequence[_Point], width: int) -> _Axes:
        """Returns axes that hold all points with room around them."""
        start, end = log_range([point.x for point in points])
        low, high = _range([point.y for point in points])
        return cls(start=start, end=end, low=low, high=high, width=width)

    def line(self, y: float) -> int:
        """Returns the line of an accuracy, from the top."""
        return round((self.high - y) / (self.high - self.low) * (LINES - 1))

    def column(self, x: float) -> int:
        """Returns the column of a latency, from the left."""
        share = math.log(x / self.start) / math.log(self.end / self.start)
        return round(share * (self.width - 1))

    def cell(self, point: _Point) -> tuple[int, int]:
        """Returns line and column of a point."""
        return self.line(point.y), self.column(point.x)

    def cells(self, points: Sequence[_Point]) -> dict[tuple[int, int], _Point]:
        """Returns the point that is drawn in each line and column that has one."""
        cells: dict[tuple[int, int], _Point] = {}
        for point in sorted(points, key=lambda point: (not point.is_on, point.letter == _OTHER)):
            cells.setdefault(self.cell(point), point)
        return cells


def frontier_text(view: View, *, columns: int = COLUMNS) -> list[str]:
    """Returns accuracy against latency per second of audio, drawn in letters, and their legend.

    Points on the frontier have capital letters, from left to right, the others small ones; where
    there are more than letters, the least accurate are dots. Of points in one place the one on the
    frontier is drawn, and the legend names it for the others. Rows that are not eligible for a
    frontier are counted below, with the reason.

    Args:
        columns: how wide the drawing may be; at least 40 are used.
    """
    heading = ", ".join(filter(None, (view.device, view.runner, view.task_set, view.rule)))
    points = _points(view.rows)
    reasons = Counter(each.not_eligible for each in view.rows if each.not_eligible)
    left_out = [
        f"not drawn: {units.counted(count, 'row')}: {why}" for why, count in reasons.items()
    ]
    if not points:
        return [heading, "no row is eligible for a frontier", *left_out]
    scale = units.duration_scale([point.x for point in points])
    axes = _Axes.around(points, max(columns, _FEWEST_COLUMNS) - _MARGIN - 1)
    cells = axes.cells(points)
    return [
        heading,
        f"accuracy (%) over latency with the front-end ({scale.unit} per second of audio)",
        *_drawing(cells, axes, scale),
        *_legend(points, [cells[axes.cell(point)] for point in points], scale),
        *left_out,
    ]


def _points(rows: Sequence[Marked]) -> list[_Point]:
    """Returns the points that may be on the frontier, the fastest first."""
    drawn = [each for each in rows if not each.not_eligible]
    names = row_names([each.row for each in rows])
    drawn.sort(key=lambda each: (each.row.latency_us_per_audio_s or 0.0, names[each.row]))
    on = [each for each in drawn if each.row.on_frontier]
    off = [each for each in drawn if not each.row.on_frontier]
    best = sorted(off, key=lambda each: -(each.row.score_mean or 0.0))[: len(ascii_lowercase)]
    named = {id(each) for each in best}
    letters = dict(zip(map(id, on), ascii_uppercase, strict=False))
    small = [id(each) for each in off if id(each) in named]
    letters |= dict(zip(small, ascii_lowercase, strict=False))
    return [
        _Point(
            letter=letters.get(id(each), _OTHER),
            name=f"{names[each.row]} {each.row.file.format}",
            x=each.row.latency_us_per_audio_s or 0.0,
            y=100 * (each.row.score_mean or 0.0),
            is_on=each.row.on_frontier,
        )
        for each in drawn
    ]


def _drawing(cells: Mapping[tuple[int, int], _Point], axes: _Axes, scale: Scale) -> list[str]:
    ticks = {axes.line(value): f"{value:g}" for value in _even_ticks(axes.low, axes.high)}
    lines = []
    for line in range(LINES):
        label = ticks.get(line, "")
        here = {column: point.letter for (at, column), point in cells.items() if at == line}
        row = "".join(here.get(column, " ") for column in range(axes.width))
        lines.append(f"{label:>{_MARGIN - 1}} {'┤' if label else '│'}{row}".rstrip())
    return [*lines, *_x_axis(axes, scale)]


def _x_axis(axes: _Axes, scale: Scale) -> list[str]:
    axis, labels = ["─"] * axes.width, [" "] * axes.width
    for tick in log_ticks(axes.start, axes.end, max(_FEWEST_TICKS, axes.width // _TICK_COLUMNS)):
        column, text = axes.column(tick), scale.number(tick)
        begin = min(max(0, column - len(text) // 2), axes.width - len(text))
        if any(sign != " " for sign in labels[max(0, begin - 1) : begin + len(text) + 1]):
            continue  # no room for its number
        axis[column] = "┬"
        labels[begin : begin + len(text)] = text
    pad = " " * _MARGIN
    return [f"{pad}└{''.join(axis)}", f"{pad} {''.join(labels)}".rstrip()]


def _legend(points: Sequence[_Point], drawn: Sequence[_Point], scale: Scale) -> list[str]:
    """Returns a line for each point with a letter, those on the frontier first.

    Args:
        drawn: for each point, the one that is drawn in its place.
    """
    named = [each for each in zip(points, drawn, strict=True) if each[0].letter != _OTHER]
    width = max(len(point.name) for point, _ in named)
    lines = [
        f"{'★' if point.is_on else ' '} {point.letter} {point.name:<{width}}  {point.y:5.1f} %  "
        f"{scale.text(point.x)}{'' if seen is point else f'  (at {seen.letter})'}"
        for point, seen in sorted(named, key=lambda each: not each[0].is_on)
    ]
    others = len(points) - len(named)
    lines.append("★ on the frontier, by the estimates")
    return [*lines, f"{_OTHER} {units.counted(others, 'other row')}"] if others else lines


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = max(_ROOM * (high - low), 0.5)
    return low - room, high + room


def _even_ticks(low: float, high: float) -> list[float]:
    """Returns three to seven round numbers in [low, high]."""
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(number * step, 6) for number in range(first, last + 1)]
