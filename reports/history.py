"""A model's ratio to its anchor, night by night: pure ``rows -> History``, drawn in ``plots``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from bench.core import units
from bench.core.caveats import Caveat, CaveatKind
from reports import schema
from reports.charts import hollow
from reports.schema import Listing, column, maybe

_DAY_S = 86_400.0
WORDS = {
    "device_unit": "phone",
    "fingerprint": "system build",
    "tool_sha256": "tool",
    "anchor_tool_sha256": "anchor's tool",
}
_MOST_NAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Nightly:
    """One model on one night, its anchor beside it in the same session."""

    model: str = column("name and format")
    device: str = column("what both were measured on")
    started_at: str = column("ISO 8601 with its offset from UTC")
    session: str = column("the sitting in which both were measured")
    revision: str = column("what the candidate was built from")
    series: int = column("from 1; ratios of one series may be compared")
    changed: str = column("what began this series, joined by semicolons; empty later in it")
    ratio: float = column("latency of the candidate over that of the anchor")
    ratio_low: float | None = maybe("lower end of its 95 % interval")
    ratio_high: float | None = maybe("upper end of its 95 % interval")
    level_ratio: float = column("of the nights between the change points around this one")
    step_ratio: float | None = maybe("of this level over the one before, on its first night")
    step_ratio_low: float | None = maybe("lower end of its 95 % interval")
    step_ratio_high: float | None = maybe("upper end of its 95 % interval")
    candidate_us: float | None = maybe("median latency of the candidate", "us")
    anchor_us: float | None = maybe("median latency of the anchor", "us")
    caveats: str = column("kinds of doubt, joined by semicolons; empty for none", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class NightDot:
    """A night, in displayed units.

    Args:
        day: since 1970, UTC.
        low, high: the ratio's interval; itself where there is none.
        level: of the ratios around it.
        candidate, anchor: durations on the scale of the chart.
    """

    day: float
    ratio: float
    low: float
    high: float
    level: float
    candidate: float | None
    anchor: float | None
    hollow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Something that happened between two nights.

    Args:
        day: in the middle between them.
        short: the same for narrow pictures.
        is_break: a new series begins, and no change point.
    """

    day: float
    text: str
    short: str
    is_break: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A picture of one model's nights before it is drawn.

    Args:
        runs: the nights of each series, in order.
        flags: in the order of their days.
        levels: ratios to compare with.
        unit: of the durations.
        numbers: what the CSV beside it holds.
    """

    name: str
    title: str
    caption: str
    runs: tuple[tuple[NightDot, ...], ...]
    flags: tuple[Flag, ...]
    levels: tuple[float, ...]
    unit: str
    numbers: Listing

    @property
    def dots(self) -> tuple[NightDot, ...]:
        """The nights of all series."""
        return tuple(dot for run in self.runs for dot in run)


def history(nights: Sequence[Nightly], *, margin: float) -> History:
    """Returns the picture of one model on one device.

    Args:
        nights: of that model there, at least one, in any order.
        margin: the share at which the accumulated drift is gated.
    """
    rows = sorted(nights, key=_day)
    scale = units.duration_scale(each for row in rows for each in (row.candidate_us, row.anchor_us))
    caption = (
        "Bars: a night's 95 % interval. Line: level between change points, whose 95 % interval is "
        "in brackets. Hollow: a caveat. A new colour is a new series: ratios are compared within "
        f"one only. Dashed: the anchor, and {units.points(margin)} %, at which drift is gated."
    )
    if any(row.candidate_us or row.anchor_us for row in rows):
        caption += (
            f" Below: median {scale.unit} of candidate (dots) and anchor (line), which move with "
            "the session; no alarm ever rests on them."
        )
    return History(
        name="history",
        title=f"{rows[0].model} on {rows[0].device}",
        caption=caption,
        runs=tuple(
            tuple(_dot(row, scale.per) for row in rows if row.series == number)
            for number in sorted({row.series for row in rows})
        ),
        flags=tuple(_flags(rows)),
        levels=(1.0, 1 + margin),
        unit=scale.unit,
        numbers=schema.listing(rows, Nightly),
    )


def _dot(row: Nightly, per: float) -> NightDot:
    return NightDot(
        day=_day(row),
        ratio=row.ratio,
        low=row.ratio if row.ratio_low is None else row.ratio_low,
        high=row.ratio if row.ratio_high is None else row.ratio_high,
        level=row.level_ratio,
        candidate=None if row.candidate_us is None else row.candidate_us / per,
        anchor=None if row.anchor_us is None else row.anchor_us / per,
        hollow=hollow(Caveat(kind=CaveatKind(kind)) for kind in row.caveats.split(";") if kind),
    )


def _flags(rows: Sequence[Nightly]) -> list[Flag]:
    found = []
    for before, row in pairwise(rows):
        if row.changed:
            found.append(_break(row.changed.split(";"), _between(before, row)))
    for number in {row.series for row in rows}:
        for before, row in pairwise(row for row in rows if row.series == number):
            if row.step_ratio is not None:
                found.append(_step(row, row.step_ratio, _between(before, row)))
    return sorted(found, key=lambda flag: flag.day)


def _break(changed: Sequence[str], day: float) -> Flag:
    names = [WORDS.get(name, name) for name in changed]
    text, short = f"new {', '.join(names[:_MOST_NAMES])}", f"new {names[0]}"
    if len(names) > _MOST_NAMES:
        text += f" and {len(names) - _MOST_NAMES} more"
    if len(names) > 1:
        short += f" and {len(names) - 1} more"
    return Flag(day=day, text=text, short=short, is_break=True)


def _step(row: Nightly, ratio: float, day: float) -> Flag:
    short = f"{units.points(ratio - 1)} %"
    ends = [each for each in (row.step_ratio_low, row.step_ratio_high) if each is not None]
    interval = f" ({' to '.join(units.points(end - 1) for end in ends)})" if ends else ""
    return Flag(day=day, text=short + interval, short=short, is_break=False)


def _between(before: Nightly, after: Nightly) -> float:
    return (_day(before) + _day(after)) / 2


def _day(row: Nightly) -> float:
    return datetime.fromisoformat(row.started_at).astimezone(UTC).timestamp() / _DAY_S
