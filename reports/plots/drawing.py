"""Pure ``Chart -> Figure``, and a figure's bytes. With its labels, the only door to matplotlib.

Colour is the family, marker is the format, hollow is a caveat that degrades or invalidates, and the
frontier is a thin step line behind. The object API is used, and no state is left behind.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from bench.core.artifact import Format
from reports.plots.axis import log_range, log_ticks
from reports.plots.charts import Chart, Dot, Trace
from reports.plots.tags import backing, label
from reports.plots.themes import Style, Theme
from reports.rows.hops import seconds
from reports.rows.schema import grouped

_MARKERS = {Format.FLOAT32: "o", Format.FLOAT16: "s", Format.DYNAMIC: "^", Format.INT8: "D"}
_SIZES_PT = {Format.FLOAT32: 7.5, Format.FLOAT16: 6.5, Format.DYNAMIC: 7.5, Format.INT8: 6.0}
_KEY_PT = 6.5  # of a marker in the legend
_SCALE_OF_HOPS = (0.65, 1.2)  # of a marker's size: at the shortest hop, and at the longest
_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.hinting": "none",
    "text.parse_math": False,  # a dollar sign in a name begins nothing
    "svg.hashsalt": "frill-bench",
    "svg.fonttype": "path",
}
_TITLE_LETTER_IN = 0.115
_COUNTED = 3  # the end of a linear axis from which its ticks are whole numbers
_NEAR = 0.07  # of the axis: labels of two levels nearer than that would overlap
_DPI = 72  # so that a pixel is a point
_LINE_IN = 0.21
_LANE_IN = 0.40
_LETTER_IN = 0.073


def draw(chart: Chart, style: Style) -> Figure:
    """Returns the figure of a chart."""
    with _own_settings():
        figure = Figure(dpi=_DPI, facecolor=style.theme.background)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _frame(figure, axes, chart, style)
        _limits(axes, chart, style)
        levels = _levels(axes, chart, style)
        _frontier(axes, chart, style)
        colours = _colours(chart, style.theme)
        for trace in chart.traces:
            _draw_trace(axes, trace, colours[trace.family])
        for link in chart.links:
            _draw_link(axes, link, colours[link.family])
        _draw_dots(axes, chart, colours, style.theme)
        label(figure, axes, chart, levels, style)
    return figure


def svg(figure: Figure) -> bytes:
    """Returns a figure as SVG, the same bytes each time."""
    return _bytes(figure, "svg", {"Date": None, "Creator": None})


def recoloured(svg: bytes, old: Theme, new: Theme) -> bytes:
    """Returns an SVG drawn in one theme's colours in another's."""
    colours = dict(zip(old.colours(), new.colours(), strict=True))
    return re.sub(rb"#[0-9a-f]{6}\b", lambda each: colours[each[0].decode()].encode(), svg)


def png(figure: Figure) -> bytes:
    """Returns a figure as PNG at 160 dpi, the same bytes each time."""
    return _bytes(figure, "png", {"Software": None})


def size_px(figure: Figure) -> tuple[int, int]:
    """Returns width and height in CSS pixels."""
    width_in, height_in = figure.get_size_inches()
    return round(96 * width_in), round(96 * height_in)


def _bytes(figure: Figure, kind: str, metadata: dict[str, str | None]) -> bytes:
    stream = io.BytesIO()
    with _own_settings():
        figure.savefig(stream, format=kind, dpi=160 if kind == "png" else _DPI, metadata=metadata)
    return stream.getvalue()


@contextmanager
def _own_settings() -> Iterator[None]:
    # Matplotlib's own defaults first: the user's matplotlibrc must not change a picture.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def _colours(chart: Chart, theme: Theme) -> dict[str, str]:
    hues = theme.families
    return {family: hues[index % len(hues)] for index, family in enumerate(chart.families)}


def _frame(figure: Figure, axes: Axes, chart: Chart, style: Style) -> None:
    """Sizes the figure and sets title, legend, axis labels and caption around the axes."""
    columns = 72 if style.narrow else 140
    caption = textwrap.wrap(chart.caption, columns)
    entries = _legend_rows(chart, style)
    title = textwrap.wrap(chart.title, int((style.width_in - 0.24) / _TITLE_LETTER_IN))
    title_in = _LINE_IN * (len(title) - 1)
    top_in = 0.47 + title_in + _LINE_IN * len(entries)
    lane_in = _LETTER_IN * max(map(len, "\n".join(_lanes(chart, style)).split("\n"))) + 0.15
    left_in = lane_in if chart.lanes else 0.62
    axes_in = style.width_in - left_in - 0.16
    x_lines = textwrap.wrap(chart.x_label, int(axes_in / _LETTER_IN))
    bottom_in = 0.50 + 0.16 * (len(caption) + len(x_lines) - 1) + 0.12
    height_in = style.height_in
    if chart.lanes:
        height_in = top_in + bottom_in + _LANE_IN * len(chart.lanes) + 0.2
    figure.set_size_inches(style.width_in, height_in)
    figure.subplots_adjust(
        left=left_in / style.width_in,
        right=(left_in + axes_in) / style.width_in,
        bottom=bottom_in / height_in,
        top=1 - top_in / height_in,
    )
    theme = style.theme
    edge = 0.12 / style.width_in
    figure.text(
        edge,
        1 - 0.12 / height_in,
        "\n".join(title),
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
            bbox_to_anchor=(edge, 1 - (0.40 + title_in + _LINE_IN * index) / height_in),
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
    # Ticks such as 97.5 leave no more room.
    axes.set_ylabel(chart.y_label, color=theme.muted, labelpad=1.0)
    axes.tick_params(colors=theme.muted, length=0, pad=5)
    axes.grid(True, color=theme.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(theme.muted)


def _lanes(chart: Chart, style: Style) -> list[str]:
    """Returns the names of the lanes, in several lines where they would narrow the axes."""
    return ["\n".join(textwrap.wrap(lane, 18 if style.narrow else 32)) for lane in chart.lanes]


def _legend_rows(chart: Chart, style: Style) -> list[list[Line2D]]:
    """Returns the legend's entries, families, formats, hops, in rows that fit the width."""
    muted = style.theme.muted
    shown = {dot.family for dot in chart.dots}
    hues = _colours(chart, style.theme)
    families = [_key(family, "o", hue) for family, hue in hues.items() if family in shown]
    present = {dot.format for dot in chart.dots}
    formats = [_key(name, sign, muted) for name, sign in _MARKERS.items() if name in present]
    if any(dot.hollow for dot in chart.dots):
        formats.append(_key("caveat", "o", muted, hollow=True))
    sizes = [(hop_s, scale) for hop_s, scale in _scales(chart).items() if hop_s is not None]
    hops = [
        _key(f"{'' if n else 'hop '}{seconds(hop_s)}", "o", muted, size_pt=scale * _KEY_PT)
        for n, (hop_s, scale) in enumerate(sizes)
    ]
    rows: list[list[Line2D]] = []
    for group in (families, formats, hops):
        used_in = math.inf
        for key in group:
            width_in = 0.36 + 0.08 * len(str(key.get_label()))
            if used_in + width_in > style.width_in - 0.2:
                rows.append([])
                used_in = 0.0
            rows[-1].append(key)
            used_in += width_in
    return rows


def _scales(chart: Chart) -> dict[float | None, float]:
    """Returns the scale of the markers of each hop, and of those for which it does not matter."""
    hops_s = sorted({dot.hop_s for dot in chart.dots if dot.hop_s is not None})
    scales = np.linspace(*_SCALE_OF_HOPS, num=max(len(hops_s), 2))
    return {None: 1.0, **dict(zip(hops_s, map(float, scales), strict=False))}


def _key(
    label: str, marker: str, colour: str, *, hollow: bool = False, size_pt: float = _KEY_PT
) -> Line2D:
    face = "none" if hollow else colour
    key = Line2D(
        [], [], linestyle="", marker=marker, color=colour, markerfacecolor=face, markersize=size_pt
    )
    key.set_label(label)
    return key


def _limits(axes: Axes, chart: Chart, style: Style) -> None:
    if chart.traces:
        _linear_limits(axes, chart)
        return
    edges = [edge for dot in chart.dots for edge in dot.x]
    if chart.limit is not None:
        edges.append(chart.limit)
    if chart.is_linear:
        room = 0.06 * (max(edges) - min(edges)) or 1.0
        axes.set_xlim(min(edges) - room, max(edges) + room)
    else:
        _log_axis(axes, "x", edges, most=6 if style.narrow else 9)
    if chart.lanes:
        axes.set_ylim(-0.6, len(chart.lanes) - 0.4)
        axes.set_yticks(range(len(chart.lanes)), _lanes(chart, style))
        return
    heights = [edge for dot in chart.dots for edge in dot.y]
    heights += [level for _, level in chart.levels]
    if chart.log_y:
        _log_axis(axes, "y", heights, most=9)
        return
    low, high = min(heights), max(heights)
    room = max(high - low, 6.0)
    top = high + 0.10 * room
    top = top if chart.y_most is None else min(chart.y_most, top)
    axes.set_ylim(max(0, low - 0.08 * room), top)


def _linear_limits(axes: Axes, chart: Chart) -> None:
    points = [point for trace in chart.traces for point in trace.points]
    heights = [y for _, y in points] + [level for _, level in chart.levels]
    heights += [edge for dot in chart.dots for edge in dot.y]
    low, high = min(heights), max(heights)
    end, room = max(x for x, _ in points), high - low
    # Beside the ends of the curves is room for their labels.
    axes.set_xlim(-0.02 * end, 1.18 * end)
    # Blocks and days are counted.
    axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=end >= _COUNTED))
    axes.set_ylim(low - 0.10 * room, high + 0.10 * room)


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


def _levels(axes: Axes, chart: Chart, style: Style) -> list[Annotation]:
    """Returns the texts of the level lines inside the axes."""
    if chart.limit is not None:
        axes.axvline(chart.limit, color=style.theme.muted, linewidth=1.0, zorder=1)
    low, high = axes.get_ylim()
    texts = []
    for name, level in chart.levels:
        if low <= level <= high:
            # Below its line if another level is just above it.
            is_below = any(0 < other - level < _NEAR * (high - low) for _, other in chart.levels)
            axes.axhline(level, color=style.theme.muted, linewidth=0.9, dashes=(4, 3), zorder=1)
            texts.append(
                axes.annotate(
                    name,
                    (1, level),
                    xycoords=("axes fraction", "data"),
                    xytext=(-2, -2.5 if is_below else 2.5),
                    textcoords="offset points",
                    ha="right",
                    va="top" if is_below else "baseline",
                    size=8,
                    color=style.theme.muted,
                    bbox=backing(style.theme),
                    zorder=5,  # above all points
                )
            )
    return texts


def _frontier(axes: Axes, chart: Chart, style: Style) -> None:
    members = sorted(dot.place for dot in chart.dots if dot.on_frontier)
    if members:
        xs, ys = [x for x, _ in members], [y for _, y in members]
        axes.plot(
            [xs[0], *xs, axes.get_xlim()[1]],
            [axes.get_ylim()[0], *ys, ys[-1]],
            drawstyle="steps-post",
            color=style.theme.muted,
            linewidth=1.1,
            alpha=0.75,
            zorder=1.5,
        )


def _draw_trace(axes: Axes, trace: Trace, colour: str) -> None:
    xs, ys = zip(*trace.points, strict=True)
    axes.plot(xs, ys, color=colour, linewidth=1.3, alpha=0.8, zorder=2)
    if trace.cross is not None:
        axes.plot(*trace.cross, marker="x", color=colour, markersize=8, markeredgewidth=2, zorder=4)


def _draw_link(axes: Axes, link: Trace, colour: str) -> None:
    xs, ys = zip(*link.points, strict=True)
    axes.plot(xs, ys, color=colour, linewidth=0.8, alpha=0.45, zorder=1.8)


def _draw_dots(axes: Axes, chart: Chart, colours: Mapping[str, str], theme: Theme) -> None:
    """Draws points of one appearance together, as a line without a stroke: many are then quick."""
    scales = _scales(chart)
    for family, alike in grouped(chart.dots, lambda dot: dot.family).items():
        _draw_bars(axes, alike, colours[family])
    for appearance, dots in grouped(chart.dots, _appearance).items():
        family, format, is_hollow, hop_s, on_frontier = appearance
        colour = colours[family]
        axes.plot(
            [dot.place[0] for dot in dots],
            [dot.place[1] for dot in dots],
            linestyle="",
            marker=_MARKERS[format],
            markersize=_SIZES_PT[format] * scales[hop_s],
            markerfacecolor=theme.background if is_hollow else colour,
            markeredgecolor=colour,
            markeredgewidth=1.4,
            zorder=4 if on_frontier else 3,
        )


def _appearance(dot: Dot) -> tuple[str, Format, bool, float | None, bool]:
    return dot.family, dot.format or Format.FLOAT32, dot.hollow, dot.hop_s, dot.on_frontier


def _draw_bars(axes: Axes, dots: Sequence[Dot], colour: str) -> None:
    """Draws the intervals of points as one line with gaps."""
    xs: list[float] = []
    ys: list[float] = []
    for dot in dots:
        x, y = dot.place
        for across, up in ((dot.x[::2], (y, y)), ((x, x), dot.y[::2])):
            if across[0] != across[1] or up[0] != up[1]:
                xs += [*across, math.nan]
                ys += [*up, math.nan]
    if xs:
        axes.plot(xs, ys, color=colour, linewidth=1.0, alpha=0.45, zorder=2)
