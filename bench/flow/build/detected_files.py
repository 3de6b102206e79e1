"""What ``detect --out`` writes: all numbers as JSON, the curves as CSV and as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.core import atomic
from bench.flow.build.detect import Detected, Outcome
from models.detection import rates
from models.detection.rates import Estimate
from reports.parts.documents import to_csv
from reports.plots import drawing
from reports.plots.charts import Chart, Dot, Span, Trace
from reports.plots.themes import STYLES
from reports.rows.schema import Listing

NAME = "false-alarms"
_COLUMNS = (
    "detector", "threshold", "false_alarms", "hours", "false_alarms_per_hour",
    "false_alarms_per_hour_low", "false_alarms_per_hour_high", "missed", "events", "miss_rate",
    "miss_rate_low", "miss_rate_high",
)  # fmt: skip
_NONE_HEARD = 0.5  # alarms, as which none is drawn on a logarithmic axis
_MOST_COLOURS = 7


def write(done: Detected, document: Mapping[str, Any], out: Path) -> list[Path]:
    """Writes ``detections.json``, and the curves as CSV; as a picture too, where there are events.

    Returns:
        What was written: the document, the table, and the picture.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = [out / "detections.json", out / f"{NAME}.csv"]
    atomic.write_text(
        out / "detections.json", json.dumps(document, indent=2, allow_nan=False) + "\n"
    )
    numbers = curves(done.outcomes)
    atomic.write_text(out / f"{NAME}.csv", to_csv(numbers))
    if done.events:
        figure = drawing.draw(_chart(done, numbers), STYLES["light"])
        atomic.write_bytes(out / f"{NAME}.svg", drawing.svg(figure))
        atomic.write_bytes(out / f"{NAME}.png", drawing.png(figure))
        written.append(out / f"{NAME}.svg")
    return written


def curves(outcomes: Sequence[Outcome]) -> Listing:
    """Returns each detector's false alarms and misses at every threshold where one changes."""
    rows = [row for outcome in outcomes for row in _curve(outcome)]
    return Listing(columns=_COLUMNS, rows=tuple(rows))


def _curve(outcome: Outcome) -> Iterator[tuple[Any, ...]]:
    heard, events = outcome.heard, outcome.events
    misses = rates.missed(heard.peaks, heard.levels)
    before: tuple[int, int] | None = None
    for level, alarms, missed in zip(heard.levels, heard.alarms, misses, strict=True):
        if before == (now := (int(alarms), int(missed))):
            continue
        before = now
        rate = rates.per_hour(now[0], heard.hours)
        miss = rates.share(now[1], events) if events else None
        yield (
            outcome.detector.name,
            round(float(level), 6),
            now[0],
            heard.hours,
            *_ends(rate),
            now[1] if events else None,
            events,
            *_ends(miss),
        )


def _ends(estimate: Estimate | None) -> tuple[float | None, ...]:
    if estimate is None:
        return None, None, None
    return estimate.value, estimate.low, estimate.high


def _chart(done: Detected, numbers: Listing) -> Chart:
    """Returns misses over false alarms an hour: a line for each detector, a dot where it is set."""
    families = tuple(each.detector.name for each in done.outcomes[:_MOST_COLOURS])
    shown = [each for each in done.outcomes if each.detector.name in families]
    floor = _NONE_HEARD / done.hours
    return Chart(
        name=NAME,
        title="Missed events against false alarms",
        x_label="false alarms an hour",
        y_label="missed, %",
        caption=f"Lines: all thresholds. Dots: each detector's own threshold, with 95 % intervals "
        f"(Poisson, Clopper-Pearson). {done.hours:.2f} hours, {done.events} events. No alarm is "
        f"drawn as half of one.",
        dots=tuple(_dot(each, floor) for each in shown),
        links=tuple(_link(each, floor) for each in shown),
        numbers=numbers,
        families=families,
    )


def _dot(outcome: Outcome, floor: float) -> Dot:
    x = _floored(outcome.per_hour, floor)
    miss = outcome.miss_rate or Estimate(value=math.nan, low=math.nan, high=math.nan)
    return Dot(
        x=x,
        y=(100 * miss.low, 100 * miss.value, 100 * miss.high),
        family=outcome.detector.name,
        hollow=False,
        label=outcome.detector.name,
    )


def _floored(estimate: Estimate, floor: float) -> Span:
    low, value, high = (max(floor, each) for each in (estimate.low, estimate.value, estimate.high))
    return low, value, high


def _link(outcome: Outcome, floor: float) -> Trace:
    points = [(max(floor, float(row[4])), 100 * float(row[9])) for row in _curve(outcome)]
    return Trace(points=tuple(points), family=outcome.detector.name)
