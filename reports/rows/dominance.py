"""Which of many points dominate which, all pairs at once: by estimates and by 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.rows.paired import NORMAL_95, Answers

_AT_ONCE = 256  # points whose rivals are found together: bounds the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One row in one view: accuracy, more is better, against cost, less is better.

    Args:
        score, score_low, score_high: in [0, 1].
        cost, cost_low, cost_high: in any unit; 0 and infinity where the cost has no interval.
        answers: which clips were right, if known.
        student: whose file it is: points of two students are compared by voice too.
        seeds_apart: how far two training seeds of one student are apart, 0 if not known: two
            students that are nearer may be in either order.
        identity: seeds what is random of its cost; the name by default.
        scored: the same for its score: equal in points that share one score.
    """

    name: str
    score: float
    score_low: float
    score_high: float
    cost: float
    cost_low: float
    cost_high: float
    answers: Answers | None = None
    student: str = ""
    seeds_apart: float = 0.0
    identity: str = ""
    scored: str = ""

    def __post_init__(self) -> None:
        for name in ("identity", "scored"):
            object.__setattr__(self, name, getattr(self, name) or self.name)

    def beats(self, other: Point) -> bool:
        """Returns whether it dominates ``other`` by the estimates; equals do not."""
        return _dominates(self.score, self.cost, other.score, other.cost)

    def surely_beats(self, other: Point) -> bool:
        """Returns whether it dominates ``other`` wherever in their intervals both may be."""
        low, _ = self._more_accurate_by(other)
        return _dominates(low, self.cost_high, 0.0, other.cost_low)

    def could_beat(self, other: Point) -> bool:
        """Returns whether it dominates ``other`` somewhere in their intervals."""
        _, high = self._more_accurate_by(other)
        return _dominates(high, self.cost_low, 0.0, other.cost_high)

    def _more_accurate_by(self, other: Point) -> tuple[float, float]:
        """Returns the 95 % interval of the difference in accuracy."""
        paired = None
        if self.answers is not None and other.answers is not None:
            paired = self.answers.less(other.answers)
            if self.student != other.student:
                paired = self.answers.less_over_voices(other.answers) or paired
        low, high = paired or (
            self.score_low - other.score_high,
            self.score_high - other.score_low,
        )
        if self.student == other.student:
            return low, high
        middle, apart = self.score - other.score, max(self.seeds_apart, other.seeds_apart)
        return min(low, middle - apart), max(high, middle + apart)


def _dominates(score: float, cost: float, other_score: float, other_cost: float) -> bool:
    no_worse = score >= other_score and cost <= other_cost
    return no_worse and (score > other_score or cost < other_cost)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rivals:
    """The points that dominate one point.

    Args:
        sure: int64 [n], indices of those that do wherever in their intervals both may be.
        possible: int64 [n], of those that do somewhere in their intervals, itself left out.
        estimated: int64 [n], of those that do by the estimates.
    """

    sure: NDArray[np.int64]
    possible: NDArray[np.int64]
    estimated: NDArray[np.int64]


def front(scores: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Returns bool [draws, points], whether no other point of the draw dominates it.

    Args:
        scores, costs: float64 [draws, points]; more score and less cost are better.
    """
    order = np.argsort(costs, axis=1, kind="stable")
    cost = np.take_along_axis(costs, order, axis=1)
    if np.any(cost[:, 1:] == cost[:, :-1]):  # of equal costs the best score comes first
        order = np.lexsort((-scores, costs), axis=1)
        cost = np.take_along_axis(costs, order, axis=1)
    score = np.take_along_axis(scores, order, axis=1)
    best_before = np.full_like(score, -np.inf)
    best_before[:, 1:] = np.maximum.accumulate(score, axis=1)[:, :-1]
    on = score > best_before
    equal = np.zeros_like(on)  # to the one before it in both
    equal[:, 1:] = (cost[:, 1:] == cost[:, :-1]) & (score[:, 1:] == score[:, :-1])
    if equal.any():  # equals share the place of the first of them
        places = np.arange(on.shape[1])
        first = np.maximum.accumulate(np.where(equal, 0, places), axis=1)
        on = np.take_along_axis(on, first, axis=1)
    found = np.empty_like(on)
    np.put_along_axis(found, order, on, axis=1)
    return found


def rivals(points: Sequence[Point]) -> Iterator[Rivals]:
    """Yields the rivals of each of ``points``, in their order."""
    score, cost = _column(points, "score"), _column(points, "cost")
    cost_low, cost_high = _column(points, "cost_low"), _column(points, "cost_high")
    apart = _Apart(points)
    for begin in range(0, len(points), _AT_ONCE):
        rows = np.arange(begin, min(begin + _AT_ONCE, len(points)))
        low, high = apart.of(rows)
        sure = _dominate(low, cost_high, cost_low[rows])
        possible = _dominate(high, cost_low, cost_high[rows])
        possible[rows - begin, rows] = False
        estimated = _dominate(score[None, :] - score[rows, None], cost, cost[rows])
        for at in range(len(rows)):
            yield Rivals(
                sure=np.flatnonzero(sure[at]),
                possible=np.flatnonzero(possible[at]),
                estimated=np.flatnonzero(estimated[at]),
            )


def _dominate(
    more_score: NDArray[np.float64], cost: NDArray[np.float64], other_cost: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Returns bool [others, points], whether a point dominates another one.

    Args:
        more_score: float64 [others, points], by how much the point's score is higher.
    """
    cheaper, no_dearer = cost < other_cost[:, None], cost <= other_cost[:, None]
    return no_dearer & (more_score >= 0) & ((more_score > 0) | cheaper)


def _column(points: Sequence[Point], name: str) -> NDArray[np.float64]:
    return np.array([getattr(point, name) for point in points], dtype=np.float64)


def _distances(some: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns float64 [some, rows], how far apart vectors are."""
    squares = [np.einsum("ij,ij->i", each, each) for each in (some, rows)]
    apart = squares[0][:, None] + squares[1][None, :] - 2 * some @ rows.T
    distances: NDArray[np.float64] = np.sqrt(np.maximum(apart, 0.0))
    return distances


class _Apart:
    """The 95 % intervals of the differences in accuracy, in pairs where both have answers."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._low, self._high = _column(points, "score_low"), _column(points, "score_high")
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, point in enumerate(points):
            if point.answers is not None:
                groups.setdefault(point.answers.strata, []).append(index)
        self._paired = [_Paired(points, members) for members in groups.values()]
        _, self._student = np.unique([point.student for point in points], return_inverse=True)
        self._score, self._seeds = _column(points, "score"), _column(points, "seeds_apart")

    def of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns both ends, float64 [rows, points], of each point's score less the row's."""
        low = self._low[None, :] - self._high[rows, None]
        high = self._high[None, :] - self._low[rows, None]
        others = self._student[None, :] != self._student[rows, None]
        for paired in self._paired:
            paired.write(rows, low, high, others)
        middle = self._score[None, :] - self._score[rows, None]
        seeds = others * np.maximum(self._seeds[None, :], self._seeds[rows, None])
        at = seeds > 0
        low[at] = np.minimum(low[at], (middle - seeds)[at])
        high[at] = np.maximum(high[at], (middle + seeds)[at])
        return low, high


class _Paired:
    """Points with the answers of the same clips.

    The variance of a difference is that of both scores less twice their covariance, so all pairs
    are one product of matrices.
    """

    def __init__(self, points: Sequence[Point], members: Sequence[int]) -> None:
        numbers: dict[bytes, int] = {}
        unique: list[Answers] = []
        of_member = []
        for index in members:
            answers = points[index].answers
            assert answers is not None  # noqa: S101 - that is what a member is
            key = answers.right.tobytes()
            if key not in numbers:
                numbers[key] = len(unique)
                unique.append(answers)
            of_member.append(numbers[key])
        self._spread = np.array([each.weighted_spread() for each in unique])
        over_voices = [each.reach_over_voices() for each in unique if each.voices]
        alike = len(over_voices) == len(unique) and len({each.voices for each in unique}) == 1
        self._reach = np.array(over_voices) if alike else None
        self._mean = np.array([float(each.weights @ each.right) for each in unique])
        self._square = np.einsum("ij,ij->i", self._spread, self._spread)
        self._place = np.full(len(points), -1)
        self._place[list(members)] = of_member
        self._members = np.asarray(members)

    def write(
        self,
        rows: NDArray[np.int64],
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        others: NDArray[np.bool_],
    ) -> None:
        """Writes the ends of what is paired over those of independent intervals.

        Args:
            others: bool [rows, points], whether they are of another student.
        """
        at = np.flatnonzero(self._place[rows] >= 0)
        if not len(at):
            return
        ours = self._place[rows[at]]
        each, back = np.unique(ours, return_inverse=True)
        common = self._spread[each] @ self._spread.T
        variance = self._square[each][:, None] + self._square[None, :] - 2 * common
        variance[np.arange(len(each)), each] = 0.0  # the same answers
        half = NORMAL_95 * np.sqrt(np.maximum(variance, 0.0))
        mean = self._mean[None, :] - self._mean[each][:, None]
        theirs = self._place[self._members]
        where = np.ix_(at, self._members)
        pairs = np.ix_(back, theirs)
        half_of = half[pairs]
        if self._reach is not None:
            reach = _distances(self._reach[each], self._reach)
            half_of = np.where(others[where], np.maximum(half_of, reach[pairs]), half_of)
        low[where] = mean[pairs] - half_of
        high[where] = mean[pairs] + half_of
