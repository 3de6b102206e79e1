"""Labels of dots, written where they cover nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from bench.core.artifact import Format
from reports.plots.charts import Chart, Dot
from reports.plots.labels import Box, Label, place
from reports.plots.themes import Style, Theme

_NEAR_PT = 13.0
_CROWD = 24  # more labels than this, and only the frontier is labelled


def label(
    figure: Figure, axes: Axes, chart: Chart, levels: Sequence[Annotation], style: Style
) -> None:
    """Labels the dots where nothing is covered; those without a place stay in the table."""
    tags = sorted(_tags(axes, chart), key=lambda tag: (not tag.bold, tag.y, tag.x))
    texts = [_write(figure, tag, style.theme) for tag in tags]
    wanted = []
    for tag, text in zip(tags, texts, strict=True):
        extent = text.get_window_extent()
        wanted.append(Label(x=tag.x, y=tag.y, width=extent.width, height=extent.height))
    places = place(
        wanted,
        inside=_box(axes.get_window_extent()),
        solid=[
            *[_around(x, y) for x, y in _places(axes, [each.place for each in chart.dots])],
            *[_box(text.get_window_extent()) for text in levels],
        ],
        soft=_lines(axes, chart),
    )
    to_figure = figure.transFigure.inverted()
    for tag, text, box in zip(tags, texts, places, strict=True):
        if box is None:
            text.remove()
            continue
        x, y = to_figure.transform((box.left, box.bottom))
        text.set_position((float(x), float(y)))
        _lead(figure, tag, box, style.theme)


def backing(theme: Theme) -> dict[str, Any]:
    """Returns what is behind a text, so that it can be read over points and lines."""
    return {"facecolor": theme.background, "alpha": 0.75, "linewidth": 0, "pad": 0.4}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """One label for dots of one name that are close enough to share it, or linked."""

    text: str
    x: float
    y: float
    bold: bool


def _tags(axes: Axes, chart: Chart) -> list[_Tag]:
    clusters: dict[int, list[_Placed]] = {}  # by the number of its newest dot
    of_name: dict[str, list[int]] = defaultdict(list)
    links = _links_at(chart)
    named_dots = [each for each in chart.dots if each.label]
    places = _places(axes, [each.place for each in named_dots])
    for number, (dot, (x, y)) in enumerate(zip(named_dots, places, strict=True)):
        placed = _Placed(dot=dot, x=x, y=y, links=links.get(dot.place, frozenset()))
        named = of_name[dot.label]
        alike = [each for each in named if not chart.lanes and placed.joins(clusters[each])]
        of_name[dot.label] = [*(each for each in named if each not in alike), number]
        members = [member for each in alike for member in clusters.pop(each)]
        clusters[number] = [*members, placed]
    tags = [_tag(each, chart) for each in clusters.values()]
    return tags if len(tags) <= _CROWD else [tag for tag in tags if tag.bold]


def _links_at(chart: Chart) -> Mapping[tuple[float, float], frozenset[int]]:
    """Returns which of the chart's links go through each place."""
    found: dict[tuple[float, float], set[int]] = defaultdict(set)
    for number, link in enumerate(chart.links):
        for each in link.points:
            found[each].add(number)
    return {each: frozenset(numbers) for each, numbers in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A dot, where it is in the figure, and which of the chart's links go through it."""

    dot: Dot
    x: float
    y: float
    links: frozenset[int]

    def joins(self, cluster: Sequence[_Placed]) -> bool:
        """Returns whether it shares the label of a dot of its name: linked or near."""
        return any(
            self.links & other.links or math.hypot(self.x - other.x, self.y - other.y) < _NEAR_PT
            for other in cluster
        )


def _tag(cluster: Sequence[_Placed], chart: Chart) -> _Tag:
    """Returns the label of dots, at the rightmost one of those on the frontier, else of all."""
    members = [each for each in cluster if each.dot.on_frontier]
    first = max(members or cluster, key=lambda each: each.x)
    formats = [format for format in Format if any(format is each.dot.format for each in cluster)]
    text = first.dot.label
    if not chart.lanes and 0 < len(formats) < len(Format):
        text += f" {', '.join(formats)}"
    return _Tag(text=text, x=first.x, y=first.y, bold=bool(members))


def _write(figure: Figure, tag: _Tag, theme: Theme) -> Text:
    return figure.text(
        0,
        0,
        tag.text,
        size=8 if tag.bold else 7.5,
        weight="bold" if tag.bold else "normal",
        color=theme.ink if tag.bold else theme.muted,
        va="bottom",
        zorder=5,
        bbox=backing(theme),
    )


def _lead(figure: Figure, tag: _Tag, box: Box, theme: Theme) -> None:
    """Draws a hair line from a dot to its label if they are far apart."""
    x = min(max(tag.x, box.left), box.right)
    y = min(max(tag.y, box.bottom), box.top)
    if math.hypot(x - tag.x, y - tag.y) > _NEAR_PT:
        ends = figure.transFigure.inverted().transform([(tag.x, tag.y), (x, y)])
        line = Line2D(ends[:, 0], ends[:, 1], color=theme.muted, linewidth=0.6, alpha=0.7)
        line.set_transform(figure.transFigure)
        figure.add_artist(line)


def _places(axes: Axes, points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yields where points are in the figure, in points; one by one it takes seconds for many."""
    for x, y in axes.transData.transform(points) if points else ():
        yield float(x), float(y)


def _around(x: float, y: float) -> Box:
    return Box(left=x - 5, bottom=y - 5, right=x + 5, top=y + 5)


def _lines(axes: Axes, chart: Chart) -> list[Box]:
    """Returns what labels should rather not cross: bars, the frontier, traces and links."""
    ends = []
    for dot in chart.dots:
        x, y = dot.place
        ends.append(((dot.x[0], y), (dot.x[2], y)))
        ends.append(((x, dot.y[0]), (x, dot.y[2])))
    ends += [pair for line in (*chart.traces, *chart.links) for pair in pairwise(line.points)]
    members = sorted(dot.place for dot in chart.dots if dot.on_frontier)
    for (x, y), (x_next, y_next) in pairwise([*members, (axes.get_xlim()[1], math.nan)]):
        ends.append(((x, y), (x_next, y)))
        if not math.isnan(y_next):
            ends.append(((x_next, y), (x_next, y_next)))
    boxes = []
    starts, stops = (_places(axes, [pair[which] for pair in ends]) for which in (0, 1))
    for (left, begin), (right, finish) in zip(starts, stops, strict=True):
        bottom, top = min(begin, finish), max(begin, finish)
        boxes.append(Box(left=left - 1, bottom=bottom - 1, right=right + 1, top=top + 1))
    return boxes


def _box(extent: Bbox) -> Box:
    return Box(left=extent.x0, bottom=extent.y0, right=extent.x1, top=extent.y1)
