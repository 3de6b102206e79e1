"""The Pareto frontier: which rows no other row beats on accuracy and cost, and how surely.

There are two answers. By the estimates a row is on the frontier or not. By the 95 % intervals it
is "on" (no row could beat it), "off" (some row beats it even at the worst ends of both intervals)
or "unclear". Rows' intervals are taken as independent, which is cautious: two formats of a student
are scored on the same clips, so their difference is known better than that.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bench.core.caveats import Effect
from reports.rows.names import variants
from reports.rows.schema import Frontend, Row


class Membership(StrEnum):
    """Where the intervals place a row."""

    ON = "on"
    OFF = "off"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One row in one view: accuracy, more is better, against cost, less is better.

    Args:
        score, score_low, score_high: in [0, 1].
        cost, cost_low, cost_high: in any unit; 0 and infinity where the cost has no interval.
    """

    name: str
    score: float
    score_low: float
    score_high: float
    cost: float
    cost_low: float
    cost_high: float

    def beats(self, other: Point) -> bool:
        """Returns whether it dominates ``other`` by the estimates; equals do not."""
        no_worse = self.score >= other.score and self.cost <= other.cost
        return no_worse and (self.score > other.score or self.cost < other.cost)

    def surely_beats(self, other: Point) -> bool:
        """Returns whether it dominates ``other`` wherever in their intervals both may be."""
        no_worse = self.score_low >= other.score_high and self.cost_high <= other.cost_low
        return no_worse and (self.score_low > other.score_high or self.cost_high < other.cost_low)

    def could_beat(self, other: Point) -> bool:
        """Returns whether it dominates ``other`` somewhere in their intervals."""
        no_worse = self.score_high >= other.score_low and self.cost_low <= other.cost_high
        return no_worse and (self.score_high > other.score_low or self.cost_low < other.cost_high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A point's place among all points.

    Args:
        on_frontier: by the estimates.
        membership: by the intervals.
        rival: index of the point that dominates it most clearly, if one does.
        challengers: how many points could dominate it.
    """

    on_frontier: bool
    membership: Membership
    rival: int | None
    challengers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A row's place in two views: cost is latency per second of audio, or size.

    Args:
        not_eligible: why it cannot be on any frontier; empty if it can.
        on_frontier, on_frontier_size: by the estimates.
        frontier_latency, frontier_size: by the intervals; ``None`` where not eligible.
        rival: the row that dominates it most clearly in the latency view, if one does.
        margin_score: the rival's score less its own.
        margin_latency_ratio: its latency over the rival's.
        challengers: how many rows could dominate it in the latency view, by the intervals.
    """

    not_eligible: str = ""
    on_frontier: bool = False
    on_frontier_size: bool = False
    frontier_latency: Membership | None = None
    frontier_size: Membership | None = None
    rival: Row | None = None
    margin_score: float | None = None
    margin_latency_ratio: float | None = None
    challengers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A row and its place; the row's own ``on_frontier`` is set."""

    row: Row
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Rows that may share one frontier: one device, one runner, one task set.

    Args:
        task_set: ``None`` where nothing was scored on that device.
        rows: unscored ones are in all views of their device.
    """

    device: str
    runner: str
    task_set: str | None
    rows: tuple[Marked, ...]


def standings(points: Sequence[Point]) -> list[Standing]:
    """Returns the place of each of ``points`` among all of them."""
    front = [not any(rival.beats(point) for rival in points) for point in points]
    return [_standing(index, points, front) for index in range(len(points))]


def mark(rows: Sequence[Row]) -> list[Marked]:
    """Returns each of ``rows`` with its mark; rows compete within one view only.

    A view is a device, a runner and a task set. Rows without a score, without a latency that pays
    for the front-end, or with a caveat that invalidates, are not eligible.
    """
    names = {
        row: f"{row.file.name} ({variant})" if variant else row.file.name
        for row, variant in variants(rows).items()
    }
    marks = [Mark(not_eligible=_reason(row)) for row in rows]
    groups: defaultdict[tuple[str, str, str | None], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if not marks[index].not_eligible:
            groups[row.setup.device, row.setup.runner, row.score_task_set].append(index)
    for indices in groups.values():
        for index, competing in _marks({index: rows[index] for index in indices}, names):
            marks[index] = competing
    final = {
        row: replace(row, on_frontier=each.on_frontier)
        for row, each in zip(rows, marks, strict=True)
    }
    return [
        Marked(row=final[row], mark=replace(each, rival=each.rival and final[each.rival]))
        for row, each in zip(rows, marks, strict=True)
    ]


def views(marked: Sequence[Marked]) -> list[View]:
    """Returns marked rows, split into what may share one picture."""
    places: defaultdict[tuple[str, str], list[Marked]] = defaultdict(list)
    for each in marked:
        places[each.row.setup.device, each.row.setup.runner].append(each)
    return [
        View(
            device=device,
            runner=runner,
            task_set=task_set,
            rows=tuple(each for each in rows if each.row.score_task_set in (None, task_set)),
        )
        for (device, runner), rows in places.items()
        for task_set in _task_sets(rows)
    ]


def _task_sets(rows: Sequence[Marked]) -> list[str | None]:
    scored = dict.fromkeys(each.row.score_task_set for each in rows)
    return [task_set for task_set in scored if task_set is not None] or [None]


def _marks(rows: Mapping[int, Row], names: Mapping[Row, str]) -> Iterator[tuple[int, Mark]]:
    competing = list(rows.values())
    fast = [_point(row, names[row], *_latency(row)) for row in competing]
    small = [_point(row, names[row], *[float(row.size_bytes)] * 3) for row in competing]
    both = zip(rows, standings(fast), standings(small), strict=True)
    for place, (index, by_latency, by_size) in enumerate(both):
        own = Mark(
            on_frontier=by_latency.on_frontier,
            on_frontier_size=by_size.on_frontier,
            frontier_latency=by_latency.membership,
            frontier_size=by_size.membership,
            challengers=by_latency.challengers,
        )
        if by_latency.rival is not None:
            point, rival = fast[place], fast[by_latency.rival]
            own = replace(
                own,
                rival=competing[by_latency.rival],
                margin_score=rival.score - point.score,
                margin_latency_ratio=point.cost / rival.cost,
            )
        yield index, own


def _standing(index: int, points: Sequence[Point], front: Sequence[bool]) -> Standing:
    point = points[index]
    sure = [i for i, rival in enumerate(points) if rival.surely_beats(point)]
    rivals = sure or [i for i, rival in enumerate(points) if front[i] and rival.beats(point)]
    best = min(
        rivals,
        key=lambda i: (not front[i], -points[i].score, points[i].cost, points[i].name),
        default=None,
    )
    challengers = sum(rival.could_beat(point) for rival in (*points[:index], *points[index + 1 :]))
    if sure:
        membership = Membership.OFF
    elif challengers:
        membership = Membership.UNCLEAR
    else:
        membership = Membership.ON
    return Standing(
        on_frontier=front[index], membership=membership, rival=best, challengers=challengers
    )


def _latency(row: Row) -> tuple[float, float, float]:
    low, high = row.latency_us_per_audio_s_low, row.latency_us_per_audio_s_high
    return (
        row.latency_us_per_audio_s or 0.0,
        0.0 if low is None else low,
        math.inf if high is None else high,
    )


def _point(row: Row, name: str, cost: float, cost_low: float, cost_high: float) -> Point:
    return Point(
        name=name,
        score=row.score_mean or 0.0,
        score_low=0.0 if row.score_low is None else row.score_low,
        score_high=1.0 if row.score_high is None else row.score_high,
        cost=cost,
        cost_low=cost_low,
        cost_high=cost_high,
    )


def _reason(row: Row) -> str:
    invalid = [each.text for each in row.caveats if each.effect is Effect.INVALIDATE]
    if row.score_mean is None or row.score_task_set is None:
        return "not scored"
    if row.latency_us_per_audio_s is None:
        return "not timed"
    if invalid:
        return invalid[0]
    paid = row.includes_frontend or row.frontend is Frontend.NONE_NEEDED
    return "" if paid else "the latency leaves out the log-mel front-end"
