"""Where models stand beside their anchors: alarms, sentences and the table of all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core import units
from bench.core.caveats import Caveat, CaveatKind
from bench.core.units import GAP
from reports.gate.rows import Estimate
from reports.gate.wording import DOUBTS, one_line
from reports.history import WORDS
from reports.table import Cell, Heading, Line, Table

_DAY = len("2026-05-12")
_SHA = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")
_LISTED_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A settled step from one level to another.

    Args:
        ratio: of the level after to the one before.
        before, after: revisions on either side.
        before_at, after_at: when they were measured.
        is_regression: it is slower, and an alarm.
        why_not: of a step that is no alarm for another reason than that it is faster.
    """

    ratio: Estimate
    before: str
    before_at: str
    after: str
    after_at: str
    is_regression: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was another when a series began than on the night before."""

    at: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A gate in which the model has no night, and why."""

    at: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a model stands on a device.

    Args:
        model: name and format.
        nights, series: of all environments.
        last_at, revision, last: the last night and its ratio to the anchor.
        level_ratio: of the nights since the last step.
        steps: of all series, in order.
        drift: what the gate's rule says of the last night alone.
        doubt: why that is undecided, as a log has it.
        margin: of that rule.
        doubts: kinds of caveats and how many nights have each.
        is_anchor: the last candidate is the anchor's own file, which cannot have drifted.
    """

    model: str
    device: str
    anchor_sha256: str
    nights: int
    series: int
    last_at: str
    revision: str
    last: Estimate
    level_ratio: float
    steps: tuple[Move, ...]
    drift: str
    doubt: str
    margin: float
    is_anchor: bool = False
    changes: tuple[Change, ...] = ()
    missed: tuple[Missed, ...] = ()
    doubts: tuple[tuple[str, int], ...] = ()

    @property
    def is_regressed(self) -> bool:
        """Whether there is an alarm."""
        return self.has_drifted or any(step.is_regression for step in self.steps)

    @property
    def has_drifted(self) -> bool:
        """Whether the last night alone shows it to be slower than the anchor."""
        return self.drift == "regressed" and not self.is_anchor


def who(standing: Standing) -> str:
    """Returns the model and the device."""
    return f"{standing.model} on {standing.device}"


def alarms(standing: Standing) -> list[str]:
    """Returns what follows ``latency regressed: MODEL:``, once for each reason there is."""
    found = [_stepped(step) for step in standing.steps if step.is_regression]
    if standing.has_drifted:
        found.append(
            f"drifted to {spoken(standing.last)} of its anchor at {short(standing.revision)}, "
            f"{day(standing.last_at)}"
        )
    return found


def notes(standing: Standing) -> list[str]:
    """Returns sentences on other steps, new series, nights that are missing, and doubts."""
    found = [
        _stepped(step) + (f": {step.why_not}" if step.why_not else "")
        for step in standing.steps
        if not step.is_regression
    ]
    found += [
        f"a new series on {day(each.at)}, {WORDS.get(each.field, each.field)}: "
        f"{short(each.before) or GAP} → {short(each.after) or GAP}"
        for each in standing.changes
    ]
    for why in dict.fromkeys(each.why for each in standing.missed):
        days = list(dict.fromkeys(day(each.at) for each in standing.missed if each.why == why))
        found.append(f"no night on {_listed(days)}: {one_line(why)}")
    found += [
        f"{nights} of {standing.nights} nights: {Caveat(kind=CaveatKind(kind)).text}"
        for kind, nights in standing.doubts
    ]
    return found


def table(standings: Sequence[Standing]) -> Table:
    """Returns where each model stands, a line each, named with its device if there are several."""
    several = len({each.device for each in standings}) > 1
    headings = (
        Heading(name="model", numeric=False),
        Heading(name="drift", numeric=False),
        Heading(name="last night"),
        Heading(name="level"),
        Heading(name="last step"),
        Heading(name="between", numeric=False),
        Heading(name="nights"),
    )
    return Table(headings=headings, lines=tuple(_line(each, several) for each in standings))


def spoken(ratio: Estimate) -> str:
    """Returns a ratio with its interval, such as ``1.060× (1.052 to 1.068)``."""
    return f"{units.ratio(ratio.value, 4)}{_interval(ratio, ' (', ')')}"


def short(text: str) -> str:
    """Returns a revision or a value, of a hash so much that people tell it from others."""
    return one_line(_SHA.sub(lambda found: found[0][:12], text), characters=120)


def day(moment: str) -> str:
    """Returns the date of a moment, where it was measured."""
    return moment[:_DAY]


def _stepped(step: Move) -> str:
    return (
        f"a step of {spoken(step.ratio)} between {short(step.before)}, {day(step.before_at)}, "
        f"and {short(step.after)}, {day(step.after_at)}"
    )


def _line(standing: Standing, several: bool) -> Line:
    step = standing.steps[-1] if standing.steps else None
    doubt = DOUBTS.get(standing.doubt, standing.doubt)
    cells = (
        Cell(text=standing.model, detail=standing.device if several else "", order=who(standing)),
        Cell(text=standing.drift, detail=doubt, order=standing.drift),
        _ratio(standing.last),
        Cell(text=units.ratio(standing.level_ratio, 4), order=standing.level_ratio),
        _ratio(step.ratio) if step else Cell(text=GAP),
        _between(step) if step else Cell(text=GAP),
        Cell(
            text=str(standing.nights),
            detail=f"to {day(standing.last_at)}",
            order=standing.nights,
        ),
    )
    return Line(cells=cells, strong=standing.is_regressed)


def _ratio(ratio: Estimate) -> Cell:
    return Cell(
        text=units.ratio(ratio.value, 4), detail=_interval(ratio, "", ""), order=ratio.value
    )


def _between(step: Move) -> Cell:
    return Cell(
        text=f"{short(step.before)} and {short(step.after)}",
        detail=f"{day(step.before_at)}, {day(step.after_at)}",
        order=step.after_at,
    )


def _interval(ratio: Estimate, before: str, after: str) -> str:
    if ratio.low is None or ratio.high is None:
        return ""
    ends = f"{units.ratio(ratio.low, 4)} to {units.ratio(ratio.high, 4)}"
    return f"{before}{ends}{after}"


def _listed(days: Sequence[str]) -> str:
    more = len(days) - _LISTED_DAYS
    return ", ".join(days[:_LISTED_DAYS]) + (f" and {more} more" if more > 0 else "")
