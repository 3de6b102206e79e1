"""Pictures: pure ``Chart -> Figure``, and a figure's bytes. The only door to matplotlib.

Colour is the family, marker is the format, hollow is a caveat that degrades or invalidates, and the
frontier is a thin step line behind. The object API is used, and no state is left behind.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import Bbox

from bench.core.artifact import Format
from reports.axis import log_range, log_ticks
from reports.charts import Chart, Dot
from reports.labels import Box, Label, place
from reports.looks import Look, Theme

_MARKERS = {Format.FLOAT32: "o", Format.FLOAT16: "s", Format.DYNAMIC: "^", Format.INT8: "D"}
_SIZES_PT = {Format.FLOAT32: 7.5, Format.FLOAT16: 6.5, Format.DYNAMIC: 7.5, Format.INT8: 6.0}
_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.hinting": "none",
    "svg.hashsalt": "frill-bench",
    "svg.fonttype": "path",
}
_DPI = 72  # so that a pixel is a point
_NEAR_PT = 13.0
_LINE_IN = 0.21
_LANE_IN = 0.40
_CROWD = 40  # more dots than this, and only the frontier is labelled


def draw(chart: Chart, look: Look) -> Figure:
    """Returns the figure of a chart."""
    with _style():
        figure = Figure(dpi=_DPI, facecolor=look.theme.background)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _frame(figure, axes, chart, look)
        _limits(axes, chart, look)
        levels = _levels(axes, chart, look)
        _frontier(axes, chart, look)
        colours = _colours(chart, look.theme)
        for dot in chart.dots:
            _draw_dot(axes, dot, colours[dot.family], look.theme)
        _label(figure, axes, chart, levels, look)
    return figure


def svg(figure: Figure) -> bytes:
    """Returns a figure as SVG, the same bytes each time."""
    return _bytes(figure, "svg", {"Date": None, "Creator": None})


def png(figure: Figure) -> bytes:
    """Returns a figure as PNG at 160 dpi, the same bytes each time."""
    return _bytes(figure, "png", {"Software": None})


def size_px(figure: Figure) -> tuple[int, int]:
    """Returns width and height in CSS pixels."""
    width_in, height_in = figure.get_size_inches()
    return round(96 * width_in), round(96 * height_in)


def _bytes(figure: Figure, kind: str, metadata: dict[str, str | None]) -> bytes:
    stream = io.BytesIO()
    with _style():
        figure.savefig(stream, format=kind, dpi=160 if kind == "png" else _DPI, metadata=metadata)
    return stream.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    # Matplotlib's own defaults first, whatever the user's matplotlibrc says.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def _colours(chart: Chart, theme: Theme) -> dict[str, str]:
    hues = theme.families
    return {family: hues[index % len(hues)] for index, family in enumerate(chart.families)}


def _frame(figure: Figure, axes: Axes, chart: Chart, look: Look) -> None:
    """Sizes the figure and sets title, legend, axis labels and caption around the axes."""
    columns = 72 if look.narrow else 140
    caption = textwrap.wrap(chart.caption, columns)
    entries = _legend_rows(chart, look)
    top_in = 0.47 + _LINE_IN * len(entries)
    x_lines = textwrap.wrap(chart.x_label, 52 if look.narrow else 100)
    bottom_in = 0.50 + 0.16 * (len(caption) + len(x_lines) - 1) + 0.12
    height_in = look.height_in
    if chart.lanes:
        height_in = top_in + bottom_in + _LANE_IN * len(chart.lanes) + 0.2
    figure.set_size_inches(look.width_in, height_in)
    lane_in = 0.072 * max((len(lane) for lane in chart.lanes), default=0) + 0.15
    left_in = min(lane_in, 0.42 * look.width_in) if chart.lanes else 0.62
    figure.subplots_adjust(
        left=left_in / look.width_in,
        right=1 - 0.16 / look.width_in,
        bottom=bottom_in / height_in,
        top=1 - top_in / height_in,
    )
    theme = look.theme
    edge = 0.12 / look.width_in
    figure.text(
        edge,
        1 - 0.12 / height_in,
        chart.title,
        va="top",
        size=11.5,
        weight="bold",
        color=theme.ink,
    )
    figure.text(edge, 0.1 / height_in, "\n".join(caption), va="bottom", size=8, color=theme.muted)
    for index, handles in enumerate(entries):
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(edge, 1 - (0.40 + _LINE_IN * index) / height_in),
            ncols=len(handles),
            frameon=False,
            fontsize=8.5,
            labelcolor=theme.ink,
            handletextpad=0.2,
            columnspacing=1.2,
            borderpad=0,
            borderaxespad=0,
        )
    axes.set_facecolor(theme.background)
    axes.set_xlabel("\n".join(x_lines), color=theme.muted)
    axes.set_ylabel(chart.y_label, color=theme.muted)
    axes.tick_params(colors=theme.muted, length=0, pad=5)
    axes.grid(True, color=theme.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(theme.muted)


def _legend_rows(chart: Chart, look: Look) -> list[list[Line2D]]:
    """Returns the legend's entries, families before formats, in rows that fit the width."""
    muted = look.theme.muted
    shown = {dot.family for dot in chart.dots}
    hues = _colours(chart, look.theme)
    families = [_key(family, "o", hue) for family, hue in hues.items() if family in shown]
    present = {dot.format for dot in chart.dots}
    formats = [_key(name, sign, muted) for name, sign in _MARKERS.items() if name in present]
    if any(dot.hollow for dot in chart.dots):
        formats.append(_key("caveat", "o", muted, hollow=True))
    rows: list[list[Line2D]] = []
    for group in (families, formats):
        used_in = math.inf
        for key in group:
            width_in = 0.36 + 0.08 * len(str(key.get_label()))
            if used_in + width_in > look.width_in - 0.2:
                rows.append([])
                used_in = 0.0
            rows[-1].append(key)
            used_in += width_in
    return rows


def _key(label: str, marker: str, colour: str, *, hollow: bool = False) -> Line2D:
    face = "none" if hollow else colour
    key = Line2D([], [], linestyle="", marker=marker, color=colour, markerfacecolor=face)
    key.set_label(label)
    return key


def _limits(axes: Axes, chart: Chart, look: Look) -> None:
    edges = [edge for dot in chart.dots for edge in (dot.x_low, dot.x_high)]
    _log_axis(axes, "x", [1.0, *edges] if chart.lanes else edges, most=6 if look.narrow else 9)
    if chart.lanes:
        axes.set_ylim(-0.6, len(chart.lanes) - 0.4)
        axes.set_yticks(range(len(chart.lanes)), chart.lanes)
        return
    heights = [edge for dot in chart.dots for edge in (dot.y_low, dot.y_high)]
    heights += [level for _, level in chart.levels]
    if chart.log_y:
        _log_axis(axes, "y", heights, most=9)
        return
    low, high = min(heights), max(heights)
    room = max(high - low, 6.0)
    axes.set_ylim(max(0, low - 0.08 * room), min(100, high + 0.10 * room))


def _log_axis(axes: Axes, which: str, values: Sequence[float], *, most: int) -> None:
    start, end = log_range(values)
    setter, axis = (axes.set_xscale, axes.xaxis) if which == "x" else (axes.set_yscale, axes.yaxis)
    setter("log")
    if which == "x":
        axes.set_xlim(start, end)
    else:
        axes.set_ylim(start, end)
    axis.set_major_locator(FixedLocator(log_ticks(start, end, most)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))


def _levels(axes: Axes, chart: Chart, look: Look) -> list[Annotation]:
    """Returns the texts of the level lines that lie within the axes."""
    if chart.lanes:
        axes.axvline(1.0, color=look.theme.muted, linewidth=1.0, zorder=1)
    low, high = axes.get_ylim()
    texts = []
    for name, level in chart.levels:
        if low <= level <= high:
            axes.axhline(level, color=look.theme.muted, linewidth=0.9, dashes=(4, 3), zorder=1)
            texts.append(
                axes.annotate(
                    name,
                    (1, level),
                    xycoords=("axes fraction", "data"),
                    xytext=(-2, 2.5),
                    textcoords="offset points",
                    ha="right",
                    size=8,
                    color=look.theme.muted,
                )
            )
    return texts


def _frontier(axes: Axes, chart: Chart, look: Look) -> None:
    members = sorted((dot.x, dot.y) for dot in chart.dots if dot.on_frontier)
    if members:
        xs, ys = [x for x, _ in members], [y for _, y in members]
        axes.plot(
            [xs[0], *xs, axes.get_xlim()[1]],
            [axes.get_ylim()[0], *ys, ys[-1]],
            drawstyle="steps-post",
            color=look.theme.muted,
            linewidth=1.1,
            alpha=0.75,
            zorder=1.5,
        )


def _draw_dot(axes: Axes, dot: Dot, colour: str, theme: Theme) -> None:
    for xs, ys in (
        ([dot.x_low, dot.x_high], [dot.y, dot.y]),
        ([dot.x, dot.x], [dot.y_low, dot.y_high]),
    ):
        axes.plot(xs, ys, color=colour, linewidth=1.0, alpha=0.45, zorder=2)
    axes.plot(
        [dot.x],
        [dot.y],
        linestyle="",
        marker=_MARKERS[Format(dot.format)],
        markersize=_SIZES_PT[Format(dot.format)],
        markerfacecolor=theme.background if dot.hollow else colour,
        markeredgecolor=colour,
        markeredgewidth=1.4,
        zorder=4 if dot.on_frontier else 3,
    )


def _label(
    figure: Figure, axes: Axes, chart: Chart, levels: Sequence[Annotation], look: Look
) -> None:
    """Labels the dots where nothing is covered; those without a place stay in the table."""
    tags = sorted(_tags(axes, chart), key=lambda tag: (not tag.bold, tag.y, tag.x))
    texts = [_write(figure, tag, look.theme) for tag in tags]
    wanted = []
    for tag, text in zip(tags, texts, strict=True):
        extent = text.get_window_extent()
        wanted.append(Label(x=tag.x, y=tag.y, width=extent.width, height=extent.height, reach=7))
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
        _lead(figure, tag, box, look.theme)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """One label for dots of one name that lie so close together that they share it."""

    text: str
    x: float
    y: float
    bold: bool


def _tags(axes: Axes, chart: Chart) -> list[_Tag]:
    clusters: list[list[tuple[float, float, Dot]]] = []
    for dot in chart.dots:
        x, y = axes.transData.transform((dot.x, dot.y))
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
        x, y, first = max(cluster, key=lambda each: each[0])
        formats = " " + ", ".join(dot.format for _, _, dot in cluster)
        if chart.lanes or len(cluster) == len(_MARKERS):
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
    x, y = axes.transData.transform((dot.x, dot.y))
    return Box(left=x - 5, bottom=y - 5, right=x + 5, top=y + 5)


def _lines(axes: Axes, chart: Chart) -> list[Box]:
    """Returns what labels should rather not cross: interval bars and the frontier."""
    ends = []
    for dot in chart.dots:
        ends.append(((dot.x_low, dot.y), (dot.x_high, dot.y)))
        ends.append(((dot.x, dot.y_low), (dot.x, dot.y_high)))
    members = sorted((dot.x, dot.y) for dot in chart.dots if dot.on_frontier)
    for (x, y), (x_next, y_next) in pairwise([*members, (axes.get_xlim()[1], math.nan)]):
        ends.append(((x, y), (x_next, y)))
        if not math.isnan(y_next):
            ends.append(((x_next, y), (x_next, y_next)))
    boxes = []
    for start, end in ends:
        left, bottom = axes.transData.transform(start)
        right, top = axes.transData.transform(end)
        boxes.append(Box(left=left - 1, bottom=bottom - 1, right=right + 1, top=top + 1))
    return boxes


def _box(extent: Bbox) -> Box:
    return Box(left=extent.x0, bottom=extent.y0, right=extent.x1, top=extent.y1)
