"""The Pareto frontier: which rows no other row beats on accuracy and cost, and how surely.

There are three answers. By the estimates a row is on the frontier or not. By the 95 % intervals it
is "on" (no row could beat it), "off" (some row beats it even at the worst ends of both intervals)
or "unclear". Accuracies are compared clip by clip where the scores have the answers for each clip;
else, and for costs, the intervals are taken as independent, which is cautious. Two students are
compared by voice too, and not distinguished where two training seeds of one differ by as much.
Third is the probability to be on it (``membership.py``), of these very files on other clips and
voices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bench.core.caveats import Effect
from reports.rows.dominance import Point, Rivals, front, rivals
from reports.rows.hops import at_shortest_hop
from reports.rows.membership import probabilities
from reports.rows.names import variants
from reports.rows.paired import SEEDS_APART
from reports.rows.schema import Frontend, Row, grouped


class Membership(StrEnum):
    """Where the intervals place a row."""

    ON = "on"
    OFF = "off"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """A point's place among all points.

    Args:
        on_frontier: by the estimates.
        membership: by the intervals.
        rival: index of the point that dominates it most clearly, if one does.
        challengers: int64 [n], indices of the points that could dominate it.
    """

    on_frontier: bool
    membership: Membership
    rival: int | None
    challengers: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A row and its place in two views: cost is latency per second of audio, or size.

    Args:
        row: its own ``on_frontier`` and ``on_frontier_probability`` are set: in the latency view.
        not_eligible: why it cannot be on any frontier; empty if it can.
        on_frontier_size: in the size view, by the estimates.
        membership: in the latency view, by the intervals; ``None`` where not eligible.
        rival: the row that dominates it most clearly in the latency view, if one does.
        challengers: how many rows could dominate it in the latency view, by the intervals.
        other_students: how many of them are of another student.
    """

    row: Row
    not_eligible: str = ""
    on_frontier_size: bool = False
    membership: Membership | None = None
    rival: Row | None = None
    challengers: int = 0
    other_students: int = 0

    @property
    def on_frontier_probability(self) -> float | None:
        """The probability to be on it in the latency view; ``None`` where it is not known."""
        return self.row.on_frontier_probability

    @property
    def is_sure_of_student(self) -> bool:
        """Whether no row of another student could dominate it, by the intervals."""
        return self.membership is not None and not self.other_students


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Rows that may share one frontier: one device, one runner, one task set, one way of scoring.

    Args:
        task_set: ``None`` where nothing was scored on that device.
        rule: how it was scored; ``None`` as above.
        rows: unscored ones are in all views of their device.
    """

    device: str
    runner: str
    task_set: str | None
    rule: str | None
    rows: tuple[Marked, ...]


def standings(points: Sequence[Point]) -> list[Standing]:
    """Returns the place of each of ``points`` among all of them."""
    return list(_standings(points))


def _standings(points: Sequence[Point]) -> Iterator[Standing]:
    """Yields the place of each of ``points``; many have thousands of challengers each."""
    if not points:
        return
    on = _front(points)
    order = sorted(
        range(len(points)),
        key=lambda i: (not on[i], -points[i].score, points[i].cost, points[i].name),
    )
    rank = np.empty(len(points), dtype=np.int64)
    rank[order] = np.arange(len(points))
    front_at = np.array(on)
    pairs = zip(on, rivals(points), strict=True)
    for is_on, found in pairs:
        yield _standing(is_on, found, front_at, rank)


def _front(points: Sequence[Point]) -> list[bool]:
    """Returns whether each point is on the frontier by the estimates."""
    estimates = np.array([[(point.score, point.cost) for point in points]])
    return [bool(each) for each in front(estimates[..., 0], estimates[..., 1])[0]]


def mark(rows: Sequence[Row]) -> list[Marked]:
    """Returns each of ``rows`` with its place; rows compete within one view only.

    A row is an artifact at a hop: hops compete with each other in latency per second of audio; by
    size, one row of each file does, that of the shortest hop. A view is a device, a runner, a task
    set and a way of scoring. Rows without a score, without a latency that pays for the front-end,
    or with a caveat that invalidates, are not eligible.
    """
    names = {
        row: f"{row.file.name} ({variant})" if variant else row.file.name
        for row, variant in variants(rows).items()
    }
    marked = {
        row: Marked(
            row=_unplaced(row),
            not_eligible=_reason(row),
        )
        for row in rows
    }
    eligible = [row for row in rows if not marked[row].not_eligible]
    for competing in grouped(eligible, lambda row: (*_place(row), *_scored(row))).values():
        marked.update(zip(competing, _marked(competing, names), strict=True))
    return [marked[row] for row in rows]


def _unplaced(row: Row) -> Row:
    if not row.on_frontier and row.on_frontier_probability is None:
        return row  # a copy takes seconds for many
    return replace(row, on_frontier=False, on_frontier_probability=None)


def views(marked: Sequence[Marked]) -> list[View]:
    """Returns marked rows, split into what may share one picture."""
    return [
        View(
            device=device,
            runner=runner,
            task_set=task_set,
            rule=rule,
            rows=tuple(
                each
                for each in rows
                if each.row.score_task_set is None or _scored(each.row) == (task_set, rule)
            ),
        )
        for (device, runner), rows in grouped(marked, lambda each: _place(each.row)).items()
        for task_set, rule in _scored_so(rows)
    ]


def unpaid_frontend(row: Row) -> bool:
    """Returns whether a row's latency leaves out a front-end that its file needs."""
    return not (row.includes_frontend or row.frontend is Frontend.NONE_NEEDED)


def _place(row: Row) -> tuple[str, str]:
    return row.setup.device, row.setup.timed_by


def _scored(row: Row) -> tuple[str | None, str | None]:
    return row.score_task_set, row.score_rule


def _scored_so(rows: Sequence[Marked]) -> list[tuple[str | None, str | None]]:
    """Returns each task set and rule of the scores of rows."""
    scored = dict.fromkeys(_scored(each.row) for each in rows)
    return [each for each in scored if each[0] is not None] or [(None, None)]


def _marked(competing: Sequence[Row], names: Mapping[Row, str]) -> Iterator[Marked]:
    points = [point_of(row, names[row], *_latency(row)) for row in competing]
    likely = probabilities(points)
    once = at_shortest_hop(competing)
    sizes = _front([point_of(row, names[row], *[float(row.size_bytes)] * 3) for row in once])
    small = {row for row, is_on in zip(once, sizes, strict=True) if is_on}
    _, students = np.unique([row.file.student for row in competing], return_inverse=True)
    found: list[tuple[Marked, int | None]] = []
    pairs = zip(competing, _standings(points), likely, students, strict=True)
    for before, place, probability, student in pairs:
        row = replace(before, on_frontier=place.on_frontier, on_frontier_probability=probability)
        marked = Marked(
            row=row,
            on_frontier_size=before in small,
            membership=place.membership,
            challengers=len(place.challengers),
            other_students=int(np.count_nonzero(students[place.challengers] != student)),
        )
        found.append((marked, place.rival))
    for marked, rival in found:
        yield marked if rival is None else replace(marked, rival=found[rival][0].row)


def _standing(
    on_frontier: bool, found: Rivals, front_at: NDArray[np.bool_], rank: NDArray[np.int64]
) -> Standing:
    sure = found.sure
    beaten_by = sure if len(sure) else found.estimated[front_at[found.estimated]]
    if len(sure):
        membership = Membership.OFF
    elif len(found.possible):
        membership = Membership.UNCLEAR
    else:
        membership = Membership.ON
    return Standing(
        on_frontier=on_frontier,
        membership=membership,
        rival=int(beaten_by[np.argmin(rank[beaten_by])]) if len(beaten_by) else None,
        challengers=found.possible,
    )


def _latency(row: Row) -> tuple[float, float, float]:
    low, high = row.latency_us_per_audio_s_low, row.latency_us_per_audio_s_high
    return (
        row.latency_us_per_audio_s or 0.0,
        0.0 if low is None else low,
        math.inf if high is None else high,
    )


def point_of(row: Row, name: str, cost: float, cost_low: float, cost_high: float) -> Point:
    """Returns a row as a point of a view with that cost."""
    return Point(
        name=name,
        score=row.score_mean or 0.0,
        score_low=0.0 if row.score_low is None else row.score_low,
        score_high=1.0 if row.score_high is None else row.score_high,
        cost=cost,
        cost_low=cost_low,
        cost_high=cost_high,
        answers=row.answers,
        student=row.file.student,
        seeds_apart=SEEDS_APART.get(row.score_task_set or "", 0.0),
        identity=f"{row.case_key}, {row.session}, {row.audio_s_per_inference}",
        scored=f"{row.file.artifact_sha256}, {row.audio_s_per_inference}",
    )


def _reason(row: Row) -> str:
    invalid = [each.text for each in row.caveats if each.effect is Effect.INVALIDATE]
    if row.score_mean is None or row.score_task_set is None:
        return "not scored"
    if row.latency_us_per_audio_s is None:
        return row.not_timed
    if invalid:
        return invalid[0]
    return "the latency leaves out the log-mel front-end" if unpaid_frontend(row) else ""
