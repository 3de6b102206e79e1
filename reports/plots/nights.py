"""A history: ratios with intervals, milliseconds faint below, what happened written on top."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.history import Flag, History, NightDot
from reports.looks import Look, Theme

_ROW_IN = 0.17
_RATIO_IN, _TIME_IN, _BETWEEN_IN = 2.9, 0.95, 0.2
_LEFT_IN, _RIGHT_IN = 0.72, 0.16
_TICKS_IN = 0.34
_HUNDREDTH = 0.0099  # as ticks are apart, which are no exact hundredths
_LETTER_IN = 0.066
_DATES = ["%Y", "%b %Y", "%d %b", "%d %b", "%d %b", "%d %b"]  # of years, months, days and less


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A flag's text above the axes, in inches from their left edge; rows from 0 at the bottom."""

    flag: Flag
    text: str
    at: float
    left: float
    right: float
    row: int

    def clashes(self, other: _Place) -> bool:
        """Returns whether a text lies on the other's, or a line goes through the other's text."""
        on_it = self.row == other.row and self.left < other.right and other.left < self.right
        through = self.row <= other.row and self.left < other.at < self.right
        return on_it or through or (other.row <= self.row and other.left < self.at < other.right)


def fill(figure: Figure, chart: History, look: Look) -> None:
    """Draws the panels into ``figure``, the nights of both below each other."""
    theme = look.theme
    caption = textwrap.wrap(chart.caption, 72 if look.narrow else 140)
    title = textwrap.wrap(chart.title, 42 if look.narrow else 90)
    width_in = look.width_in - _LEFT_IN - _RIGHT_IN
    start, end = _range([dot.day for dot in chart.dots])
    places = _places(chart.flags, start, end, look)
    top_in = (
        0.22 + 0.2 * len(title) + _ROW_IN * (max((place.row for place in places), default=-1) + 1)
    )
    foot_in = 0.16 * len(caption) + 0.12
    has_times = any(dot.candidate is not None or dot.anchor is not None for dot in chart.dots)
    below_in = _TIME_IN + _BETWEEN_IN if has_times else 0.0
    height_in = top_in + _RATIO_IN + below_in + _TICKS_IN + foot_in
    figure.set_size_inches(look.width_in, height_in)

    def panel(bottom_in: float, panel_in: float) -> Axes:
        left, width = _LEFT_IN / look.width_in, width_in / look.width_in
        axes = figure.add_axes((left, bottom_in / height_in, width, panel_in / height_in))
        _frame(axes, look, start, end)
        return axes

    ratios = panel(height_in - top_in - _RATIO_IN, _RATIO_IN)
    _ratios(ratios, chart, theme)
    for place in places:
        _flag(ratios, place, theme)
    if has_times:
        ratios.tick_params(labelbottom=False)
        _times(panel(foot_in + _TICKS_IN, _TIME_IN), chart, theme)
    edge = 0.12 / look.width_in
    figure.text(
        edge, 1 - 0.12 / height_in, "\n".join(title),
        va="top", size=11.5, weight="bold", color=theme.ink,
    )  # fmt: skip
    figure.text(edge, 0.1 / height_in, "\n".join(caption), va="bottom", size=8, color=theme.muted)


def _range(days: Sequence[float]) -> tuple[float, float]:
    first, last = min(days), max(days)
    room = max(0.02 * (last - first), 4 - (last - first) / 2)
    return first - room, last + room


def _places(flags: Sequence[Flag], start: float, end: float, look: Look) -> list[_Place]:
    """Returns where the flags' texts stand, each in the lowest row where nothing clashes.

    Texts stand right of their lines, from the last to the first, so that a row above is always
    free; those that have no room there, or would cross such a one, left of them and after them.
    """
    width_in = look.width_in - _LEFT_IN - _RIGHT_IN
    onward: list[_Place] = []
    back: list[_Place] = []
    limit = width_in + _RIGHT_IN
    for flag in reversed(flags):
        at = (flag.day - start) / (end - start) * width_in
        text = flag.short if look.narrow else flag.text
        wide = _LETTER_IN * len(text) + 0.08
        if at + wide > limit:
            back.append(_Place(flag=flag, text=text, at=at, left=at - wide, right=at, row=0))
            limit = at
        else:
            onward.append(_Place(flag=flag, text=text, at=at, left=at, right=at + wide, row=0))
    found: list[_Place] = []
    for place in (*onward, *reversed(back)):
        higher = (replace(place, row=row) for row in range(len(flags)))
        found.append(next(each for each in higher if not any(map(each.clashes, found))))
    return found


def _frame(axes: Axes, look: Look, start: float, end: float) -> None:
    theme = look.theme
    axes.set_facecolor(theme.background)
    axes.set_xlim(start, end)
    # Matplotlib's dates lack types.
    dates = AutoDateLocator(minticks=3, maxticks=5 if look.narrow else 8)  # type: ignore[no-untyped-call]  # so
    form = ConciseDateFormatter(  # type: ignore[no-untyped-call]  # and so
        dates, formats=_DATES, zero_formats=_DATES, show_offset=False
    )
    axes.xaxis.set_major_locator(dates)
    axes.xaxis.set_major_formatter(form)
    axes.tick_params(colors=theme.muted, length=0, pad=5)
    axes.grid(True, color=theme.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(theme.muted)


def _ratios(axes: Axes, chart: History, theme: Theme) -> None:
    edges = [edge for dot in chart.dots for edge in (dot.low, dot.high)]
    edges += chart.levels
    room = 0.06 * (max(edges) - min(edges))
    axes.set_ylim(min(edges) - room, max(edges) + room)
    axes.set_ylabel("latency over the anchor's", color=theme.muted)
    locator = MaxNLocator(nbins=8, steps=[1, 2, 5, 10])
    first, second, *_ = locator.tick_values(*axes.get_ylim())
    decimals = 2 if second - first > _HUNDREDTH else 3
    axes.yaxis.set_major_locator(locator)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.{decimals}f}×"))
    for level in chart.levels:
        axes.axhline(level, color=theme.muted, linewidth=0.9, dashes=(4, 3), zorder=1)
    for index, run in enumerate(chart.runs):
        _run(axes, run, theme.families[index % len(theme.families)], theme)


def _run(axes: Axes, run: Sequence[NightDot], colour: str, theme: Theme) -> None:
    days = [dot.day for dot in run]
    axes.vlines(
        days, [dot.low for dot in run], [dot.high for dot in run],
        color=colour, linewidth=1.0, alpha=0.35, zorder=2,
    )  # fmt: skip
    axes.plot(
        days, [dot.level for dot in run], drawstyle="steps-mid",
        color=theme.ink, linewidth=1.6, zorder=4,
    )  # fmt: skip
    for hollow in (False, True):
        chosen = [dot for dot in run if dot.hollow == hollow]
        axes.plot(
            [dot.day for dot in chosen],
            [dot.ratio for dot in chosen],
            linestyle="",
            marker="o",
            markersize=4.0,
            markerfacecolor=theme.background if hollow else colour,
            markeredgecolor=colour,
            markeredgewidth=1.0,
            zorder=3,
        )


def _times(axes: Axes, chart: History, theme: Theme) -> None:
    axes.set_ylabel(chart.unit, color=theme.muted)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
    known = [each for dot in chart.dots for each in (dot.candidate, dot.anchor) if each is not None]
    room = max(0.15 * (max(known) - min(known)), 0.02 * max(known))
    axes.set_ylim(min(known) - room, max(known) + room)
    for flag in chart.flags:
        if flag.is_break:
            axes.axvline(flag.day, color=theme.muted, linewidth=0.8, zorder=1)
    for run in chart.runs:
        anchors = [(dot.day, dot.anchor) for dot in run if dot.anchor is not None]
        candidates = [(dot.day, dot.candidate) for dot in run if dot.candidate is not None]
        axes.plot(
            *_across(anchors), marker="_" if len(anchors) == 1 else "", markersize=3,
            color=theme.muted, linewidth=0.9, alpha=0.5, zorder=2,
        )  # fmt: skip
        axes.plot(
            *_across(candidates), linestyle="", marker="o", markersize=2.5,
            color=theme.muted, alpha=0.5, markeredgewidth=0, zorder=3,
        )  # fmt: skip


def _across(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _flag(axes: Axes, place: _Place, theme: Theme) -> None:
    """Draws an upright line with its text above the axes."""
    is_break = place.flag.is_break
    colour = theme.muted if is_break else theme.ink
    on_left = place.left < place.at
    axes.annotate(
        place.text,
        (place.flag.day, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-3 if on_left else 3, 72 * _ROW_IN * place.row + 2),
        textcoords="offset points",
        ha="right" if on_left else "left",
        size=8,
        color=colour,
    )
    axes.annotate(
        "",
        (place.flag.day, 0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 72 * (_ROW_IN * place.row + _RATIO_IN) + 10),
        textcoords="offset points",
        arrowprops={
            "arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0,
            "alpha": 1.0 if is_break else 0.4,
        },
    )  # fmt: skip
