"""Where labels go beside their points so that nothing covers anything. Pure geometry, in points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

# Right first, because people read on from a point; straight below last.
_ANGLES = (0, 45, -45, 180, 135, -135, 90, -90, 22, -22, 158, -158, 67, -67, 113, -113)
_NEAREST_PT = 7.0  # from a point to its text
_REACHES_PT = (0.0, 6.0, 14.0, 24.0, 36.0, 50.0, 66.0)
_CROSSING_COST = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An axis-parallel rectangle, in points."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box) -> bool:
        """Returns whether they share area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def holds(self, other: Box) -> bool:
        """Returns whether ``other`` is wholly inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.bottom <= other.bottom
            and other.top <= self.top
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label that wants a place: that of its point, and the size of its text."""

    x: float
    y: float
    width: float
    height: float


def place(
    labels: Sequence[Label], *, inside: Box, solid: Iterable[Box], soft: Iterable[Box] = ()
) -> list[Box | None]:
    """Returns a box for each label, the first labels choosing first; ``None`` where none is free.

    Args:
        labels: in order of importance.
        inside: no label leaves it.
        solid: what no label may cover, such as markers.
        soft: what a label should rather not cover, such as interval bars.
    """
    markers, crossed = _Crowd(solid), _Crowd(soft)
    taken: list[Box] = []
    placed: list[Box | None] = []
    for label in labels:
        best: tuple[float, Box] | None = None
        around = _around(label)
        solid_near = [*markers.near(around), *taken]
        soft_near = crossed.near(around)
        for reach, (order, angle) in product(_REACHES_PT, enumerate(_ANGLES)):
            if best and best[0] <= reach:
                break
            box = _beside(label, _NEAREST_PT + reach, math.radians(angle))
            if not inside.holds(box) or any(box.overlaps(other) for other in solid_near):
                continue
            cost = reach + 0.2 * order
            cost += _CROSSING_COST * sum(box.overlaps(other) for other in soft_near)
            if best is None or cost < best[0]:
                best = (cost, box)
        placed.append(best[1] if best else None)
        if best:
            taken.append(best[1])
    return placed


class _Crowd:
    """Thousands of boxes, of which those near a label are found at once."""

    def __init__(self, boxes: Iterable[Box]) -> None:
        self._boxes = list(boxes)
        edges = [(each.left, each.bottom, each.right, each.top) for each in self._boxes]
        self._edges = np.array(edges, dtype=np.float64).reshape(-1, 4).T

    def near(self, box: Box) -> list[Box]:
        left, bottom, right, top = self._edges
        found = (box.left < right) & (left < box.right) & (box.bottom < top) & (bottom < box.top)
        return [self._boxes[index] for index in np.flatnonzero(found)]


def _around(label: Label) -> Box:
    """Returns what holds each place that a label may get."""
    reach = _NEAREST_PT + _REACHES_PT[-1] + 1
    across, up = reach + label.width, reach + label.height
    return Box(left=label.x - across, bottom=label.y - up, right=label.x + across, top=label.y + up)


def _beside(label: Label, reach: float, angle: float) -> Box:
    x = label.x + reach * math.cos(angle)
    y = label.y + reach * math.sin(angle)
    # The text touches the point with the corner or edge that faces it.
    left = x - label.width * (1 - math.cos(angle)) / 2
    bottom = y - label.height * (1 - math.sin(angle)) / 2
    return Box(left=left, bottom=bottom, right=left + label.width, top=bottom + label.height)
