"""The Pareto frontier: which rows no other row beats on accuracy and cost together, and how surely.

Two questions are answered apart. By the estimates a row is on the frontier or not. By the 95 %
intervals it is "on" (no row could beat it), "off" (some row beats it even at the unkind ends of
both intervals) or "cannot tell". Rows' intervals are taken as independent, which is cautious: two
formats of a student are scored on the same clips, so their difference is known better than that.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.core.caveats import Effect
from reports import schema
from reports.names import variants
from reports.schema import Frame, Frontend, Row


class Membership(StrEnum):
    """What the intervals say of a row."""

    ON = "on"
    OFF = "off"
    CANNOT_TELL = "cannot tell"


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
    """Where a point stands.

    Args:
        on_frontier: by the estimates.
        membership: by the intervals.
        rival: index of the point that shows best that it is dominated, if it is.
        challengers: how many points could dominate it.
    """

    on_frontier: bool
    membership: Membership
    rival: int | None
    challengers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What ``mark`` says of a row, in two views: cost is latency per second of audio, or size.

    Args:
        on_frontier: by the estimates, in the latency view.
        not_eligible: why it may not be on any frontier; empty if it may.
        frontier_latency, frontier_size: a ``Membership``; ``None`` where not eligible.
        dominated_by, dominated_by_size: student.format of the rival, and its delegate and threads
            where rows differ in them.
        dominated_by_row: where in the frame the rival of the latency view is.
        margin_score, margin_score_size: the rival's score less its own.
        margin_latency_ratio, margin_size_ratio: its cost over the rival's.
        challengers: how many rows could dominate it in the latency view, by the intervals.
    """

    on_frontier: bool = False
    not_eligible: str = ""
    frontier_latency: str | None = None
    dominated_by: str | None = None
    dominated_by_row: int | None = None
    margin_score: float | None = None
    margin_latency_ratio: float | None = None
    challengers: int = 0
    frontier_size: str | None = None
    dominated_by_size: str | None = None
    margin_score_size: float | None = None
    margin_size_ratio: float | None = None

    @property
    def on_frontier_size(self) -> bool:
        """Whether it is on the frontier of accuracy and size, by the estimates."""
        return not self.not_eligible and self.dominated_by_size is None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Rows that may share one frontier: one device, one runner, one task set.

    Args:
        task_set: ``None`` where nothing was scored on that device.
        rows: of a marked frame, with its index; unscored rows are in all views of their device.
    """

    device: str
    runner: str
    task_set: str | None
    rows: Frame


def standings(points: Sequence[Point]) -> list[Standing]:
    """Returns where each of ``points`` stands among all of them."""
    front = [not any(rival.beats(point) for rival in points) for point in points]
    return [_standing(index, points, front) for index in range(len(points))]


def mark(frame: Frame) -> Frame:
    """Returns ``frame`` with the columns of ``Mark``; rows compete within one view only.

    A view is a device, a runner and a task set. Rows without a score, without a latency that pays
    for the front-end, or with a caveat that invalidates, are not eligible.
    """
    rows = schema.read(frame, Row)
    names = {
        row: f"{row.name} ({variant})" if variant else row.name
        for row, variant in variants(rows).items()
    }
    marks = [Mark(not_eligible=_reason(row)) for row in rows]
    groups: defaultdict[tuple[str, str, str | None], list[int]] = defaultdict(list)
    for index, (row, found) in enumerate(zip(rows, marks, strict=True)):
        if not found.not_eligible:
            groups[row.device, row.runner, row.score_task_set].append(index)
    for indices in groups.values():
        for index, found in _marks({index: rows[index] for index in indices}, names):
            marks[index] = found
    return schema.with_columns(frame, marks, Mark)


def views(marked: Frame) -> list[View]:
    """Returns the rows of a marked frame, split into what may share one picture."""
    found = []
    for (device, runner), rows in marked.groupby(["device", "runner"], sort=False):
        task_sets = list(rows["score_task_set"].dropna().unique())
        for task_set in task_sets or [None]:
            chosen = rows["score_task_set"].isna() | (rows["score_task_set"] == task_set)
            found.append(
                View(
                    device=str(device),
                    runner=str(runner),
                    task_set=task_set,
                    rows=rows[chosen],
                )
            )
    return found


def _marks(rows: Mapping[int, Row], names: Mapping[Row, str]) -> Iterable[tuple[int, Mark]]:
    positions = list(rows)
    fast = [_point(row, names[row], *_latency(row)) for row in rows.values()]
    small = [_point(row, names[row], *[float(row.size_bytes)] * 3) for row in rows.values()]
    for index, (by_latency, by_size) in enumerate(
        zip(standings(fast), standings(small), strict=True)
    ):
        rival, margin_score, margin_ratio = _margins(fast, index, by_latency)
        rival_size, margin_score_size, margin_ratio_size = _margins(small, index, by_size)
        mark = Mark(
            on_frontier=by_latency.on_frontier,
            frontier_latency=by_latency.membership.value,
            dominated_by=rival,
            margin_score=margin_score,
            margin_latency_ratio=margin_ratio,
            challengers=by_latency.challengers,
            frontier_size=by_size.membership.value,
            dominated_by_size=rival_size,
            margin_score_size=margin_score_size,
            margin_size_ratio=margin_ratio_size,
            dominated_by_row=None if by_latency.rival is None else positions[by_latency.rival],
        )
        yield positions[index], mark


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
        membership = Membership.CANNOT_TELL
    else:
        membership = Membership.ON
    return Standing(
        on_frontier=front[index], membership=membership, rival=best, challengers=challengers
    )


def _margins(
    points: Sequence[Point], index: int, standing: Standing
) -> tuple[str | None, float | None, float | None]:
    if standing.rival is None:
        return None, None, None
    point, rival = points[index], points[standing.rival]
    return rival.name, rival.score - point.score, point.cost / rival.cost


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
    doubts = [doubt.text for doubt in row.doubts if doubt.effect is Effect.INVALIDATE]
    if row.score_mean is None or row.score_task_set is None:
        return "not scored"
    if row.latency_us_per_audio_s is None:
        return "not timed"
    if doubts:
        return doubts[0]
    paid = row.includes_frontend or row.frontend == Frontend.NONE_NEEDED
    return "" if paid else "the latency leaves out the log-mel front-end"
