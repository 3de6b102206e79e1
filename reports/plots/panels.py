"""Effects as dots with intervals: one panel a response over the same lanes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from reports.choices import Mark, Panel, Panels
from reports.looks import Look, Theme

_LANE_IN = 0.26
_GAP_IN = 0.2
_FACTORS = (1.1, 1.25, 2.0, 4.0, 10.0, 100.0, 1e4, 1e8)


def fill(figure: Figure, chart: Panels, look: Look) -> None:
    """Draws the panels into ``figure``, beside each other or, on a phone, below each other."""
    count = len(chart.panels)
    down, across = (count, 1) if look.narrow else (1, count)
    caption = textwrap.wrap(chart.caption, 72 if look.narrow else 140)
    left_in = 0.072 * max(len(lane) for lane in chart.lanes) + 0.25
    top_in, foot_in = 0.45, 0.16 * len(caption) + 0.12
    panel_in = _LANE_IN * len(chart.lanes) + 0.1
    height_in = top_in + foot_in + down * (panel_in + 0.5)
    figure.set_size_inches(look.width_in, height_in)
    width_in = (look.width_in - left_in - _GAP_IN * across) / across
    for index, panel in enumerate(chart.panels):
        column, row = (0, index) if look.narrow else (index, 0)
        x_in = left_in + column * (width_in + _GAP_IN)
        y_in = height_in - top_in - panel_in - row * (panel_in + 0.5)
        axes = figure.add_axes(
            (x_in / look.width_in, y_in / height_in, width_in / look.width_in, panel_in / height_in)
        )
        _panel(axes, panel, chart, look.theme, names=column == 0)
    edge, theme = 0.12 / look.width_in, look.theme
    figure.text(
        edge, 1 - 0.12 / height_in, chart.title, va="top", size=11.5, weight="bold", color=theme.ink
    )
    figure.text(edge, 0.1 / height_in, "\n".join(caption), va="bottom", size=8, color=theme.muted)


def _panel(axes: Axes, panel: Panel, chart: Panels, theme: Theme, *, names: bool) -> None:
    axes.set_facecolor(theme.background)
    axes.set_ylim(len(chart.lanes) - 0.4, -0.6)
    axes.set_yticks(range(len(chart.lanes)), chart.lanes if names else [""] * len(chart.lanes))
    axes.set_xlabel(panel.title, color=theme.muted)
    axes.tick_params(colors=theme.muted, length=0, pad=5)
    axes.grid(True, color=theme.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(theme.muted)
    if panel.is_ratio:
        _ratio_axis(axes, panel.marks)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _signed(value)))
        axes.margins(x=0.1)
    zero = _place(0.0, panel)
    axes.axvline(zero, color=theme.muted, linewidth=1.0, zorder=1)
    for mark in panel.marks:
        _draw(axes, mark, panel, theme, hollow=chart.hollow)


def _draw(axes: Axes, mark: Mark, panel: Panel, theme: Theme, *, hollow: bool) -> None:
    colour = theme.muted if mark.x_low <= 0 <= mark.x_high else theme.families[0]
    ends = [_place(mark.x_low, panel), _place(mark.x_high, panel)]
    axes.plot(ends, [mark.lane] * 2, color=colour, linewidth=1.6, alpha=0.6, zorder=2)
    axes.plot(
        [_place(mark.x, panel)],
        [mark.lane],
        linestyle="",
        marker="o",
        markersize=6.5,
        markerfacecolor=theme.background if hollow else colour,
        markeredgecolor=colour,
        markeredgewidth=1.4,
        zorder=3,
    )


def _place(percent: float, panel: Panel) -> float:
    """Returns where a value stands: itself, or the logarithm of the ratio that it is."""
    return _log(percent) if panel.is_ratio else percent


def _log(percent: float) -> float:
    return math.log1p(max(percent / 100, -1 + 1e-9))  # -100 % has no logarithm


def _ratio_axis(axes: Axes, marks: Sequence[Mark]) -> None:
    """Sets ticks at powers of one factor, written as per cent of change."""
    ends = [_log(end) for mark in marks for end in (mark.x_low, mark.x_high)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = max(0.1 * (high - low), 0.02)
    axes.set_xlim(low - room, high + room)
    step = next(
        (each for each in map(math.log, _FACTORS) if (high - low) / each <= 4), high - low + 1
    )
    powers = range(math.ceil((low - room) / step), math.floor((high + room) / step) + 1)
    axes.xaxis.set_major_locator(FixedLocator([power * step for power in powers]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _signed(100 * math.expm1(value))))


def _signed(value: float) -> str:
    text = f"{value:+.3g}".replace("-", "−")
    return "0" if abs(value) < 1e-9 else text
