"""Two scores on the same clips, compared clip by clip: what is hard for one is hard for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

NORMAL_95 = 1.96  # half the width of a 95 % interval, in standard deviations


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """Which test clips of a task set an embedding had right.

    Args:
        right: float64 [clips], 0 or 1.
        weights: float64 [clips], what each clip counts in the mean over the tasks; they sum to 1.
        starts: int64 [strata], where the clips of each label of each part of each task begin.
        strata: number of clips of each.
    """

    right: NDArray[np.float64]
    weights: NDArray[np.float64]
    starts: NDArray[np.int64]
    strata: tuple[int, ...]

    def less(self, other: Answers) -> tuple[float, float] | None:
        """Returns the 95 % interval of this score minus another's; ``None`` for other clips.

        It is that of a difference of pairs within labels, by the normal approximation.
        """
        if self.strata != other.strata:
            return None
        apart = self.right - other.right
        half = NORMAL_95 * float(np.sqrt(np.sum(np.square(self._spread_of(apart)))))
        mean = float(self.weights @ apart)
        return mean - half, mean + half

    def weighted_spread(self) -> NDArray[np.float64]:
        """Returns float64 [clips], how far each is from its label's mean, times its weight.

        The sum of squares is the variance of the score.
        """
        return self._spread_of(self.right)

    def _spread_of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        means = np.add.reduceat(values, self.starts) / self.strata
        spread: NDArray[np.float64] = self.weights * (values - np.repeat(means, self.strata))
        return spread


def answers(tasks: Sequence[Sequence[Mapping[str, str]]]) -> Answers | None:
    """Returns the answers of a score; ``None`` where a task has none.

    Args:
        tasks: each task's parts, label to ``1`` or ``0`` of each test clip, as scores store them.
    """
    if not tasks or not all(tasks):
        return None
    digits = [
        (part[label], len(tasks) * len(parts) * len(part))
        for parts in tasks
        for part in parts
        for label in sorted(part)
    ]
    strata = tuple(len(right) for right, _ in digits)
    weights, starts = _layout(strata, tuple(count for _, count in digits))
    right = "".join(right for right, _ in digits).encode()
    return Answers(
        right=(np.frombuffer(right, dtype=np.uint8) - ord("0")).astype(np.float64),
        weights=weights,
        starts=starts,
        strata=strata,
    )


@lru_cache(maxsize=64)
def _layout(
    strata: tuple[int, ...], counts: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Returns weights and starts, which the scores of one task set share: there may be thousands.

    Args:
        counts: of each label, by how much its clips count less, besides their number.
    """
    each = [1 / (count * size) for count, size in zip(counts, strata, strict=True)]
    return np.repeat(each, strata), np.cumsum([0, *strata[:-1]])
