"""Labels of dots, written where they cover nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
_CROWD = 40  # more dots than this, and only the frontier is labelled


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
            *[_around(axes, dot) for dot in chart.dots],
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """One label for dots of one name that are close enough to share it."""

    text: str
    x: float
    y: float
    bold: bool


def _tags(axes: Axes, chart: Chart) -> list[_Tag]:
    clusters: list[list[tuple[float, float, Dot]]] = []
    for dot in chart.dots:
        x, y = axes.transData.transform(dot.place)
        near = None
        for cluster in clusters if dot.label and not chart.lanes else ():
            close = any(math.hypot(x - x2, y - y2) < _NEAR_PT for x2, y2, _ in cluster)
            if close and cluster[0][2].label == dot.label:
                near = cluster
        if near is None:
            clusters.append([(x, y, dot)])
        else:
            near.append((x, y, dot))
    tags = []
    for cluster in clusters:
        x, y, first = max(cluster, key=lambda member: member[0])
        formats = " " + ", ".join(dot.format or "" for _, _, dot in cluster)
        if chart.lanes or len(cluster) == len(Format):
            formats = ""
        bold = any(dot.on_frontier for _, _, dot in cluster)
        if first.label and (bold or len(chart.dots) <= _CROWD):
            tags.append(_Tag(text=first.label + formats, x=x, y=y, bold=bold))
    return tags


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
        bbox={"facecolor": theme.background, "alpha": 0.75, "linewidth": 0, "pad": 0.4},
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


def _around(axes: Axes, dot: Dot) -> Box:
    x, y = axes.transData.transform(dot.place)
    return Box(left=x - 5, bottom=y - 5, right=x + 5, top=y + 5)


def _lines(axes: Axes, chart: Chart) -> list[Box]:
    """Returns what labels should rather not cross: interval bars and the frontier."""
    ends = []
    for dot in chart.dots:
        x, y = dot.place
        ends.append(((dot.x[0], y), (dot.x[2], y)))
        ends.append(((x, dot.y[0]), (x, dot.y[2])))
    ends += [pair for trace in chart.traces for pair in pairwise(trace.points)]
    members = sorted(dot.place for dot in chart.dots if dot.on_frontier)
    for (x, y), (x_next, y_next) in pairwise([*members, (axes.get_xlim()[1], math.nan)]):
        ends.append(((x, y), (x_next, y)))
        if not math.isnan(y_next):
            ends.append(((x_next, y), (x_next, y_next)))
    boxes = []
    for start, end in ends:
        (left, right), heights = zip(
            axes.transData.transform(start), axes.transData.transform(end), strict=True
        )
        bottom, top = min(heights), max(heights)
        boxes.append(Box(left=left - 1, bottom=bottom - 1, right=right + 1, top=top + 1))
    return boxes


def _box(extent: Bbox) -> Box:
    return Box(left=extent.x0, bottom=extent.y0, right=extent.x1, top=extent.y1)
