"""The steps of a series that are worth telling of, and which of them are a regression."""

from __future__ import annotations

from dataclasses import dataclass
from math import log1p

from bench.gate.change_points import LEAST_STEP, levels, settled
from bench.gate.series import Night, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A settled step of a series.

    Args:
        ratio: of the level after to the one before; above 1 is slower.
        low, high: its 95 % interval.
        before, after: the nights around it.
        of_one_file: the candidate was one and the same file on both levels, so that something
            else changed which no record tells of.
        stands: the level now is still on that side of the level before, by a least step.
    """

    ratio: float
    low: float
    high: float
    before: Night
    after: Night
    of_one_file: bool
    stands: bool

    @property
    def is_regression(self) -> bool:
        """Whether a change of the model made it slower, and it still is."""
        return self.ratio > 1 and self.stands and not self.of_one_file


def steps(series: Series, *, now: float) -> tuple[Step, ...]:
    """Returns the settled steps of a series, in order.

    Args:
        now: the level now, a log-ratio; also of a later series: an update of the system that comes
            after a step neither makes it undone nor lets it stand for ever.
    """
    points = settled(series.log_ratios)
    level = levels(series.log_ratios, points)
    bounds = [0, *(point.night for point in points), len(series.nights)]
    found = []
    for point, start, end in zip(points, bounds, bounds[2:], strict=False):
        moved = now - float(level[point.night - 1])
        files = {night.candidate_sha256 for night in series.nights[start:end]}
        found.append(
            Step(
                ratio=point.ratio,
                low=point.low,
                high=point.high,
                before=series.nights[point.night - 1],
                after=series.nights[point.night],
                of_one_file=len(files) == 1,
                stands=(moved if point.ratio > 1 else -moved) >= log1p(LEAST_STEP),
            )
        )
    return tuple(found)
