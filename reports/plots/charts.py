"""The content of each picture: pure ``rows -> Chart``. ``plots`` draws it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from bench.core import units
from bench.core.artifact import Format
from bench.core.caveats import Caveat, Effect
from bench.core.units import Scale
from reports.rows import schema
from reports.rows.frontier import Marked
from reports.rows.hops import at_shortest_hop, has_several_hops, hop_s
from reports.rows.names import row_names
from reports.rows.schema import Listing, Row, Timed, grouped

_LABEL_LENGTH = 32
_PER_AUDIO_S = (
    "latency_us_per_audio_s", "latency_us_per_audio_s_low", "latency_us_per_audio_s_high",
)  # fmt: skip
_MOST_FAMILIES = 7  # as many as there are colours
_MOST_BARS = 40  # points, of a chart in which each has bars
_MOST_LINKED = 100  # points, of a chart with lines between some of them
_MOST_NARROW = 1000  # points, of a chart that is drawn for phones too
_NEAR_LEVEL = 0.35  # of the points' range: a level that is further away would squeeze them
_BARS = "Bars: 95 % intervals."
OTHER = "other"

Families: TypeAlias = Mapping[str, str]
Span: TypeAlias = tuple[float, float, float]  # low, middle, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point with its interval both ways (equal ends where there is none), in displayed units.

    Args:
        label: what stands beside it, before its format in a chart without lanes; may be empty.
        format: which sets its marker; ``None`` for a dot that is not a file.
        on_frontier: the frontier line goes through it, and it is labelled first.
        hop_s: which sets the size of its marker; ``None`` where the hop does not matter.
    """

    x: Span
    y: Span
    family: str
    hollow: bool
    label: str = ""
    format: Format | None = None
    on_frontier: bool = False
    hop_s: float | None = None

    @property
    def place(self) -> tuple[float, float]:
        """The point itself."""
        return self.x[1], self.y[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A line from the first to the last of its points, in displayed units.

    Args:
        cross: the point that is marked with a cross.
    """

    points: tuple[tuple[float, float], ...]
    family: str
    cross: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture before it is drawn; its x axis is logarithmic, or that of its traces.

    Args:
        name: of its files.
        numbers: what the CSV beside it holds.
        levels: labelled horizontal lines.
        lanes: names of y = 0, 1, ... from the bottom; empty for a continuous y.
        limit: an upright line to compare with.
        is_linear: the x axis is linear.
        y_most: the highest end of a continuous, linear y; ``None`` for no bound.
        traces: lines over a linear x from 0; the dots are their ends, or the points around them.
        links: thin lines between dots that share one label, such as a file at several hops.
        families: of all rows, so that each has one colour in all charts.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    caption: str
    dots: tuple[Dot, ...]
    numbers: Listing
    families: tuple[str, ...]
    log_y: bool = False
    levels: tuple[tuple[str, float], ...] = ()
    lanes: tuple[str, ...] = ()
    limit: float | None = None
    is_linear: bool = False
    y_most: float | None = 100.0
    traces: tuple[Trace, ...] = ()
    links: tuple[Trace, ...] = ()

    @property
    def fits_phones(self) -> bool:
        """Whether it has no more points than the screen of a phone can show as a cloud."""
        return len(self.dots) <= _MOST_NARROW


def families_of(families: Iterable[str]) -> Families:
    """Returns what each family is shown as: itself, or "other" beyond the six of most rows."""
    counted = Counter(families)
    common = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    own = {family for family, _ in common[: _MOST_FAMILIES - 1]}
    if len(common) <= _MOST_FAMILIES:
        own = set(counted)
    return {family: family if family in own else OTHER for family in counted}


def charts(marked: Sequence[Marked], families: Families) -> list[Chart]:
    """Returns the charts that a view's marked rows can fill, the most informative one first.

    Args:
        marked: one view's rows.
        families: of all rows, so that colours are the same in every view.
    """
    rows = [each.row for each in marked]
    once = at_shortest_hop(rows)  # for what does not depend on the hop
    shown = set(once)
    by_size = [each for each in marked if each.row in shown]
    against_size = _accuracy_size(by_size, families)
    if against_size is not None and len(once) < len(rows):
        caption = f"{against_size.caption} Each file is at its shortest hop."
        against_size = replace(against_size, caption=caption)
    scored = [_accuracy_latency(rows, families), against_size]
    if not any(scored):
        scored = [_latency_size(once, families)]
    scored = [chart and _without_hiding_bars(chart) for chart in scored]
    return [chart for chart in scored if chart is not None]


def _accuracy_latency(rows: Sequence[Row], families: Families) -> Chart | None:
    """Returns accuracy against latency per second of audio; ``None`` if no row has both."""
    chosen = [row for row in rows if None not in (row.score_mean, row.latency_us_per_audio_s)]
    scale = units.duration_scale(row.latency_us_per_audio_s for row in chosen)
    chart = _accuracy(
        {row: (_latency(row, scale), row.on_frontier) for row in chosen},
        _names_of_files(rows),
        families,
        name="accuracy-latency",
        title="Accuracy against latency",
        x_label=f"latency per second of audio, front-end included ({scale.unit}, log scale)",
        costs=("audio_s_per_inference", *_PER_AUDIO_S),
    )
    if chart is None or not has_several_hops(chosen):
        return chart
    links = _links(chosen, chart.dots, lambda row: (row.file, row.setup, row.session))
    caption = f"{chart.caption} The longer the hop, the larger the marker."
    if links:
        caption += " Thin lines: one file at several hops."
    dots = tuple(
        replace(each, hop_s=hop_s(row)) for each, row in zip(chart.dots, chosen, strict=True)
    )
    return replace(chart, dots=dots, links=links, caption=caption)


def _without_hiding_bars(chart: Chart) -> Chart:
    """Returns a chart, without the bars that would hide the points of a crowd.

    The table has all of them.
    """
    if len(chart.dots) <= _MOST_BARS:
        return chart
    dots = tuple(
        each if each.on_frontier else replace(each, x=(each.x[1],) * 3, y=(each.y[1],) * 3)
        for each in chart.dots
    )
    caption = chart.caption.replace(_BARS, "Bars: 95 % intervals of what is on the frontier.")
    return replace(chart, dots=dots, caption=caption)


def _names_of_files(rows: Sequence[Row]) -> dict[Row, str]:
    return {row: brief(name) for row, name in row_names(rows, hops=False).items()}


def _links(
    rows: Sequence[Row], dots: Sequence[Dot], key: Callable[[Row], Hashable]
) -> tuple[Trace, ...]:
    """Returns a line through the dots of each of those rows that are alike."""
    pairs = zip(rows, dots, strict=True)
    return tuple(
        Trace(points=tuple(sorted(dot.place for _, dot in alike)), family=alike[0][1].family)
        for alike in grouped(pairs, lambda pair: key(pair[0])).values()
        if len(alike) > 1
    )


def _with_linked_formats(chart: Chart, rows: Sequence[Row], names: Mapping[Row, str]) -> Chart:
    if len(chart.dots) > _MOST_LINKED:  # lines would hide the points
        return chart
    links = _links(rows, chart.dots, names.__getitem__)
    note = " Thin lines: one student in several formats." if links else ""
    return replace(chart, links=links, caption=f"{chart.caption}{note}")


def _accuracy_size(marked: Sequence[Marked], families: Families) -> Chart | None:
    """Returns accuracy against file size; ``None`` if no row has a score."""
    chosen = [each for each in marked if each.row.score_mean is not None]
    scale = units.size_scale(each.row.size_bytes for each in chosen)
    names = _names_of_files([each.row for each in marked])
    chart = _accuracy(
        {each.row: (_size(each.row, scale), each.on_frontier_size) for each in chosen},
        names,
        families,
        name="accuracy-size",
        title="Accuracy against size",
        x_label=f"size of the file ({scale.unit}, log scale)",
        costs=("size_bytes",),
    )
    return chart and _with_linked_formats(chart, [each.row for each in chosen], names)


def _latency_size(rows: Sequence[Row], families: Families) -> Chart | None:
    """Returns latency per second of audio against size, for where nothing was scored."""
    chosen = [row for row in rows if row.latency_us_per_audio_s is not None]
    if not chosen:
        return None
    names = {row: brief(name) for row, name in row_names(rows).items()}
    across = units.size_scale(row.size_bytes for row in chosen)
    up = units.duration_scale(row.latency_us_per_audio_s for row in chosen)
    chart = Chart(
        name="latency-size",
        title="Latency against size",
        x_label=f"size of the file ({across.unit}, log scale)",
        y_label=f"latency per second of audio ({up.unit}, log scale)",
        caption="Bars: 95 % intervals. Hollow markers: a caveat. Nothing was scored.",
        dots=tuple(
            dot(row, families, label=names[row], x=_size(row, across), y=_latency(row, up))
            for row in chosen
        ),
        families=colour_order(families),
        numbers=_numbers(chosen, ("size_bytes", *_PER_AUDIO_S)),
        log_y=True,
    )
    return _with_linked_formats(chart, chosen, names)


def _accuracy(
    places: Mapping[Row, tuple[Span, bool]],
    names: Mapping[Row, str],
    families: Families,
    *,
    name: str,
    title: str,
    x_label: str,
    costs: tuple[str, ...],
) -> Chart | None:
    """Returns accuracy against a cost.

    Args:
        places: each row's cost, and whether it is on the frontier.
        names: what stands beside each dot.
    """
    if not places:
        return None
    dots = tuple(
        dot(row, families, label=names[row], x=x, y=_score(row), on=on)
        for row, (x, on) in places.items()
    )
    levels, note = _levels(list(places), dots)
    scores = ("score_mean", "score_low", "score_high", "score_floor_mean", "chance_mean")
    return Chart(
        name=name,
        title=title,
        x_label=x_label,
        y_label="accuracy, mean over the tasks (%)",
        caption=f"{_BARS} Line: frontier by the estimates. Hollow markers: a caveat.{note}",
        dots=dots,
        families=colour_order(families),
        numbers=_numbers(places, (*costs, *scores, "on_frontier")),
        levels=levels,
    )


def colour_order(families: Families) -> tuple[str, ...]:
    """Returns the families of all charts, in the order of their colours."""
    names = sorted(set(families.values()) - {OTHER})
    return (*names, OTHER) if OTHER in families.values() else tuple(names)


def _levels(rows: Sequence[Row], dots: Sequence[Dot]) -> tuple[tuple[tuple[str, float], ...], str]:
    """Returns the levels to draw, and a sentence on those that would squeeze the points."""
    floors = {round(row.score_floor_mean, 4) for row in rows if row.score_floor_mean is not None}
    chances = {round(row.chance_mean, 4) for row in rows if row.chance_mean is not None}
    named = [(f"log-mel floor {units.percent(level)} %", 100 * level) for level in sorted(floors)]
    named += [(f"chance {units.percent(level)} %", 100 * level) for level in sorted(chances)]
    low, high = min(dot.y[0] for dot in dots), max(dot.y[2] for dot in dots)
    room = max(_NEAR_LEVEL * (high - low), 6.0)
    drawn = tuple(each for each in named if low - room <= each[1] <= high + room)
    hidden = [name for name, level in named if (name, level) not in drawn]
    return drawn, f" Outside the axis: {', '.join(hidden)}." if hidden else ""


def brief(name: str) -> str:
    """Returns a name that is short enough to stand in a chart."""
    return name if len(name) <= _LABEL_LENGTH else f"{name[: _LABEL_LENGTH - 1]}…"


def dot(
    row: Timed, families: Families, *, label: str = "", x: Span, y: Span, on: bool = False
) -> Dot:
    """Returns the dot of a row.

    Args:
        on: the frontier line goes through it.
    """
    return Dot(
        x=x,
        y=y,
        family=families[row.file.family],
        hollow=hollow(row.caveats),
        label=label,
        format=row.file.format,
        on_frontier=on,
    )


def span(
    low: float | None, middle: float | None, high: float | None, shown: Callable[[float], float]
) -> Span:
    """Returns a value between the ends of its interval, itself where there is none.

    Args:
        shown: returns the number in displayed units.
    """
    middle = middle or 0.0
    low, high = (middle if end is None else end for end in (low, high))
    return shown(low), shown(middle), shown(high)


def slowest_last(ratios: Iterable[tuple[str, float]]) -> list[str]:
    """Returns the names, each by its largest ratio, the lanes of a chart from the bottom."""
    largest: dict[str, float] = {}
    for name, ratio in ratios:
        largest[name] = max(ratio, largest.get(name, 0.0))
    return sorted(largest, key=lambda name: (largest[name], name))


def _latency(row: Row, scale: Scale) -> Span:
    low, high = row.latency_us_per_audio_s_low, row.latency_us_per_audio_s_high
    return span(low, row.latency_us_per_audio_s, high, lambda us: us / scale.per)


def _score(row: Row) -> Span:
    return span(row.score_low, row.score_mean, row.score_high, lambda share: 100 * share)


def _size(row: Row, scale: Scale) -> Span:
    size = row.size_bytes / scale.per
    return size, size, size


def hollow(caveats: Iterable[Caveat]) -> bool:
    """Returns whether a caveat degrades or invalidates, so that the marker is hollow."""
    return any(caveat.effect is not Effect.NOTE for caveat in caveats)


def _numbers(chosen: Iterable[Row], columns: tuple[str, ...]) -> Listing:
    file = ("artifact_sha256", "student", "format", "family", "device")
    return schema.listing(chosen, Row, only=(*file, *columns, "caveats", "caveat_evidence"))
