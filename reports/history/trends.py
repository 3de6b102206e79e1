"""Trends in words and displayed numbers: alarms, notes, the table, and one row per run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

from bench.core import config, units
from bench.core.caveats import Caveat, CaveatKind
from bench.core.units import GAP, one_line
from bench.gate.history.trend import Step, Trend
from bench.gate.verdict import Interval
from reports.gate.wording import REASONS
from reports.parts.table import Cell, Heading, Line, Table, text_headings
from reports.rows.schema import column, maybe

AXIS = "latency"
_FIELDS = {
    "device_unit": "phone",
    "fingerprint": "system build",
    "tool_sha256": "tool",
    "anchor_tool_sha256": "baseline's tool",
    "anchor": "pinned baseline",
}
_DAY = len("2026-05-12")
_SHA = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")
_LISTED_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One model in one nightly run, its pinned baseline (anchor) beside it in the same session."""

    model: str = column("name and format")
    device: str = column("on which both were measured")
    started_at: str = column("ISO 8601 with its offset from UTC")
    session: str = column("in which both were measured")
    revision: str = column("that the candidate was built from")
    series: int = column("from 1; ratios of one series may be compared")
    changed: str = column("what began this series, joined by semicolons; empty later in it")
    ratio: float = column("latency of the candidate over that of the pinned baseline")
    ratio_low: float | None = maybe("lower end of its 95 % interval")
    ratio_high: float | None = maybe("upper end of its 95 % interval")
    level_ratio: float = column("of the runs between the steps around this one")
    step_ratio: float | None = maybe("of this level over the one before, on its first run")
    step_ratio_low: float | None = maybe("lower end of its 95 % interval")
    step_ratio_high: float | None = maybe("upper end of its 95 % interval")
    candidate_us: float | None = maybe("median latency of the candidate", "us")
    anchor_us: float | None = maybe("median latency of the pinned baseline", "us")
    caveats: str = column("their kinds, joined by semicolons; empty for none", default="")


def rows(trend: Trend) -> list[RunRow]:
    """Returns one row per run, in the order of time."""
    timed = []
    for number, series in enumerate(trend.series, start=1):
        for index, (run, level) in enumerate(zip(series.runs, series.levels, strict=True)):
            step = series.steps.get(index)
            row = RunRow(
                model=trend.model,
                device=trend.device,
                started_at=run.started_at,
                session=run.session_id,
                revision=run.name,
                series=number,
                changed=";".join(series.changed) if index == 0 else "",
                ratio=run.ratio.value,
                ratio_low=run.ratio.low,
                ratio_high=run.ratio.high,
                level_ratio=exp(level),
                step_ratio=step.value if step else None,
                step_ratio_low=step.low if step else None,
                step_ratio_high=step.high if step else None,
                candidate_us=run.candidate_us,
                anchor_us=run.baseline_us,
                caveats=";".join(caveat.kind for caveat in run.caveats),
            )
            timed.append((run.moment, row))
    return [row for _, row in sorted(timed, key=lambda pair: pair[0])]


def title(trend: Trend) -> str:
    """Returns the model and the device."""
    return f"{trend.model} on {trend.device}"


def alarms(trend: Trend) -> list[str]:
    """Returns a sentence for each regression, to follow ``latency regressed: MODEL:``."""
    sentences = [_sentence(step) for step in trend.steps if step.is_regression]
    if trend.has_drifted:
        last = trend.last
        sentences.append(
            f"drifted to {_with_interval(last.ratio)} of its pinned baseline "
            f"at {short(last.name)}, {day(last.started_at)}"
        )
    return sentences


def notes(trend: Trend) -> list[str]:
    """Returns sentences on other steps, new series, missing runs and caveats."""
    sentences = [
        _sentence(step) + (f": {step.why_not}" if step.why_not else "")
        for step in trend.steps
        if not step.is_regression
    ]
    sentences += [
        f"a new series on {day(each.at)}, {_FIELDS.get(each.field, each.field)}: "
        f"{short(each.before) or GAP} → {short(each.after) or GAP}"
        for each in trend.changes
    ]
    for why in dict.fromkeys(each.why for each in trend.missed):
        days = list(dict.fromkeys(day(each.at) for each in trend.missed if each.why == why))
        sentences.append(f"no run on {_listed(days)}: {one_line(why)}")
    many = len(trend.runs)
    sentences += [
        f"{count} of {many} runs: {Caveat(kind=kind).text}" for kind, count in _caveats(trend)
    ]
    return sentences


def table(trends: Sequence[Trend]) -> Table:
    """Returns the table of all trends, with the devices if there are several."""
    several = len({trend.device for trend in trends}) > 1
    headings = (
        *text_headings("model", "drift"),
        *(Heading(name=name) for name in ("last run", "level", "last step")),
        *text_headings("between"),
        Heading(name="runs"),
    )
    return Table(headings=headings, lines=tuple(_line(trend, several) for trend in trends))


def document(trend: Trend) -> dict[str, Any]:
    """Returns a trend for programs; the keys stay as they are while ``schema_version`` is 1."""
    last = trend.last
    return {
        "model": trend.model,
        "device": trend.device,
        "anchor_sha256": last.finding.baseline_sha256,
        "runs": len(trend.runs),
        "series": len(trend.series),
        "last_at": last.started_at,
        "revision": last.name,
        "last": config.unstructure(last.ratio),
        "level_ratio": exp(trend.level),
        "steps": [
            {
                "ratio": config.unstructure(step.ratio),
                "before": step.before.name,
                "before_at": step.before.started_at,
                "after": step.after.name,
                "after_at": step.after.started_at,
                "is_regression": step.is_regression,
                "why_not": step.why_not,
            }
            for step in trend.steps
        ],
        "drift": last.finding.verdict,
        "reason": last.finding.reason or "",
        "margin": last.finding.margin,
        "is_anchor": trend.is_pinned,
        "changes": [config.unstructure(each) for each in trend.changes],
        "missed": [config.unstructure(each) for each in trend.missed],
        "doubts": [[kind, count] for kind, count in _caveats(trend)],
        "axis": AXIS,
        "is_regressed": trend.is_regressed,
        "alarms": alarms(trend),
    }


def short(text: str) -> str:
    """Returns a revision or a value in one line, with hashes cut to 12 digits."""
    return one_line(_SHA.sub(lambda match: match[0][:12], text), characters=120)


def day(moment: str) -> str:
    """Returns the date of a moment, at the place of the measurement."""
    return moment[:_DAY]


def _caveats(trend: Trend) -> Iterator[tuple[CaveatKind, int]]:
    """Yields each kind of caveat and how many runs have it."""
    counts = Counter(caveat.kind for run in trend.runs for caveat in run.caveats)
    yield from sorted(counts.items())


def _sentence(step: Step) -> str:
    before, after = step.before, step.after
    return (
        f"a step of {_with_interval(step.ratio)} between {short(before.name)}, "
        f"{day(before.started_at)}, and {short(after.name)}, {day(after.started_at)}"
    )


def _line(trend: Trend, several: bool) -> Line:
    step = trend.steps[-1] if trend.steps else None
    finding, level = trend.last.finding, exp(trend.level)
    many = len(trend.runs)
    cells = (
        Cell(text=trend.model, detail=trend.device if several else "", order=title(trend)),
        Cell(
            text=finding.verdict,
            detail=REASONS[finding.reason] if finding.reason else "",
            order=finding.verdict,
        ),
        _ratio(trend.last.ratio),
        Cell(text=units.ratio(level, 4), order=level),
        _ratio(step.ratio) if step else Cell(text=GAP),
        _between(step) if step else Cell(text=GAP),
        Cell(text=str(many), detail=f"to {day(trend.last.started_at)}", order=many),
    )
    return Line(cells=cells, strong=trend.is_regressed)


def _ratio(ratio: Interval) -> Cell:
    return Cell(text=units.ratio(ratio.value, 4), detail=_ends(ratio), order=ratio.value)


def _between(step: Step) -> Cell:
    before, after = step.before, step.after
    return Cell(
        text=f"{short(before.name)} and {short(after.name)}",
        detail=f"{day(before.started_at)}, {day(after.started_at)}",
        order=after.started_at,
    )


def _with_interval(ratio: Interval) -> str:
    """Returns a ratio with its interval, such as ``1.060× (1.052× to 1.068×)``."""
    ends = _ends(ratio)
    return units.ratio(ratio.value, 4) + (f" ({ends})" if ends else "")


def _ends(ratio: Interval) -> str:
    if ratio.low is None or ratio.high is None:
        return ""
    return f"{units.ratio(ratio.low, 4)} to {units.ratio(ratio.high, 4)}"


def _listed(days: Sequence[str]) -> str:
    more = len(days) - _LISTED_DAYS
    return ", ".join(days[:_LISTED_DAYS]) + (f" and {more} more" if more > 0 else "")
