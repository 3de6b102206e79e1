"""The page of a history: one table of all trends, a picture of each, and the runs as CSV."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import exp
from pathlib import Path
from urllib.parse import quote

from bench.core import atomic, units
from bench.gate.history.series import NightlyRun, Series
from bench.gate.history.trend import Trend
from reports.history import trends as history
from reports.page.drawn import environment, picture
from reports.parts.documents import to_csv
from reports.plots.charts import Chart, Dot, Trace, hollow, span
from reports.rows import schema

_TITLE = "Models against their pinned baseline"
_DAY_S = 86_400.0


def write_history(
    trends: Sequence[Trend],
    *,
    out: Path,
    left_out: Sequence[str],
    provenance: Mapping[str, str],
    pages: Mapping[str, Path] | None = None,
    trail: Sequence[tuple[str, str]] = (),
    most_pictures: int | None = None,
) -> Path:
    """Returns the page it wrote into the folder ``out``, beside plots and the runs as CSV.

    Args:
        trends: at least one.
        left_out: sentences.
        provenance: name to text of what made these numbers.
        pages: of gates, by the session of each.
        trail: name and address of the pages that it belongs to, in a folder of pages.
        most_pictures: of trends with a picture, the first ones; ``None`` draws all.
    """
    parts = [
        (
            history.title(trend),
            history.alarms(trend),
            history.notes(trend),
            _links(trend, pages or {}, out),
            picture(chart(trend), out, number),
        )
        for number, trend in enumerate(trends[:most_pictures], start=1)
    ]
    without_picture = len(trends) - len(parts)
    pinned = {f"{each.model} {each.last.finding.baseline_sha256[:12]}" for each in trends}
    html = (
        environment()
        .get_template("history.html")
        .render(
            title=_TITLE,
            trail=trail,
            subtitle=subtitle(trends),
            alarms=[
                f"{history.title(trend)}: {line}."
                for trend in trends
                for line in history.alarms(trend)
            ],
            without_picture=without_picture,
            trends=history.table(trends),
            parts=parts,
            left_out=left_out,
            provenance={"pinned baseline": "\n".join(sorted(pinned)), **provenance},
        )
    )
    named = sorted(trends, key=lambda trend: (trend.model, trend.device))
    runs = [row for trend in named for row in history.rows(trend)]
    atomic.write_text(out / "history.csv", to_csv(schema.listing(runs, history.RunRow)))
    atomic.write_text(out / "index.html", html)
    return out / "index.html"


def chart(trend: Trend) -> Chart:
    """Returns the picture of one trend: ratios with intervals, levels and steps."""
    runs = trend.runs
    first = _days(runs[0])
    margin = trend.last.finding.margin
    names = [f"series {number}" for number in range(1, len(trend.series) + 1)]
    return Chart(
        name="trend",
        title=history.title(trend),
        x_label=f"day, the first is {history.day(runs[0].started_at)}",
        y_label="latency above that of the pinned baseline (%)",
        caption=(
            "Bars: 95 % intervals. Lines: levels between steps; crosses: steps. Hollow markers: "
            "a caveat. Ratios are compared within a series only. Dashed: the pinned baseline, and "
            "the margin at which drift is tested."
        ),
        dots=tuple(
            _dot(run, first, name)
            for name, series in zip(names, trend.series, strict=True)
            for run in series.runs
        ),
        traces=tuple(
            trace
            for name, series in zip(names, trend.series, strict=True)
            for trace in _levels(series, first, name)
        ),
        families=tuple(names),
        numbers=schema.listing(history.rows(trend), history.RunRow),
        levels=(
            ("pinned baseline", 0.0),
            (f"margin {units.points(margin)} %", 100 * margin),
        ),
    )


def _links(trend: Trend, pages: Mapping[str, Path], out: Path) -> list[tuple[str, str]]:
    """Returns the day of each gate of a trend that has a page, and the page's address."""
    return [
        (history.day(run.started_at), quote(os.path.relpath(pages[run.session_id], out)))
        for run in trend.runs
        if run.session_id in pages
    ]


def _dot(run: NightlyRun, first: float, family: str) -> Dot:
    x = 1 + _days(run) - first
    return Dot(
        x=(x, x, x),
        y=span(run.ratio.low, run.ratio.value, run.ratio.high, _percent),
        family=family,
        hollow=hollow(run.caveats),
        format=run.finding.model.format,
    )


def _levels(series: Series, first: float, family: str) -> list[Trace]:
    """Returns a line for each level, with a cross where a step begins it."""
    traces = []
    for start, end in pairwise([0, *series.steps, len(series.runs)]):
        points = tuple(
            (1 + _days(run) - first, _percent(exp(level)))
            for run, level in zip(series.runs[start:end], series.levels[start:end], strict=True)
        )
        traces.append(Trace(points=points, family=family, cross=points[0] if start else None))
    return traces


def subtitle(trends: Sequence[Trend]) -> str:
    """Returns how many gates, from when to when, on which devices."""
    runs = [run for trend in trends for run in trend.runs]
    days = sorted(history.day(run.started_at) for run in runs)
    devices = sorted({trend.device for trend in trends})
    gates = len({run.session_id for run in runs})
    when = f"from {days[0]} to {days[-1]}" if days[0] != days[-1] else f"of {days[0]}"
    return f"{units.counted(gates, 'gate')} {when} on {', '.join(devices)}"


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)


def _days(run: NightlyRun) -> float:
    """Returns the days since 1970, UTC."""
    return run.moment.timestamp() / _DAY_S
