"""Two scores on the same clips, compared clip by clip: what is hard for one is hard for both.

Two students are compared by voice too, where the speakers are known: a student may be better on the
voices that were tested and worse on others. The formats of one student share its weights, so they
differ by clip only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.core.score import t_quantile, without_voice

NORMAL_95 = 1.96  # half the width of a 95 % interval, in standard deviations
# How far the means of two training seeds of one student are apart, by task set: students that are
# nearer are not distinguished. Of `default`: two seeds differ by .06 to .09 in spk-xling and in
# lang3-xvoice (docs/distillation.md), two of its six tasks, taken as independent:
# sqrt(2 * .075^2) / 6.
SEEDS_APART = {"default": 0.018}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """Which test clips of a task set an embedding had right.

    Args:
        right: float64 [clips], 0 or 1.
        weights: float64 [clips], what each clip counts in the mean over the tasks; they sum to 1.
        starts: int64 [strata], where the clips of each label of each part of each task begin.
        strata: number of clips of each.
        voices: names of the voices of all tasks that are tested on three or more; may be empty.
        without: float64 [voices], the score without each of them less the score.
        voiceless: float64 [clips], 1 for the clips of the other tasks, else 0.
    """

    right: NDArray[np.float64]
    weights: NDArray[np.float64]
    starts: NDArray[np.int64]
    strata: tuple[int, ...]
    voices: tuple[str, ...] = ()
    without: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    voiceless: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def less_over_voices(self, other: Answers) -> tuple[float, float] | None:
        """Returns the 95 % interval of the difference for other voices than those tested.

        It is never narrower than that over clips. ``None`` for other clips or too few voices.
        """
        ends = self.less(other)
        if ends is None or not self.voices or self.voices != other.voices:
            return None
        half = float(np.linalg.norm(self.reach_over_voices() - other.reach_over_voices()))
        middle = (ends[0] + ends[1]) / 2
        return min(ends[0], middle - half), max(ends[1], middle + half)

    def reach_over_voices(self) -> NDArray[np.float64]:
        """Returns a vector whose length is half the 95 % interval for other voices.

        The length of the difference of two such vectors is that of the difference of two scores: a
        jackknife by voice (``bench.core.score``) of the tasks with voices, clips of the others.
        """
        count = len(self.voices)
        by_voice = t_quantile(count - 1) * np.sqrt((count - 1) / count) * self.without
        by_clip = NORMAL_95 * self.weighted_spread()[self.voiceless > 0]
        return np.concatenate([by_voice, by_clip])

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


def answers(
    tasks: Sequence[Sequence[Mapping[str, str]]], voices: Sequence[Mapping[str, float]] = ()
) -> Answers | None:
    """Returns the answers of a score; ``None`` where a task has none.

    Args:
        tasks: each task's parts, label to ``1`` or ``0`` of each test clip, as scores store them.
        voices: ``TaskScore.without_voice`` of each task, if known.
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
    without = without_voice(voices)
    clips = [sum(len(one) for part in parts for one in part.values()) for parts in tasks]
    return Answers(
        right=(np.frombuffer(right, dtype=np.uint8) - ord("0")).astype(np.float64),
        weights=weights,
        starts=starts,
        strata=strata,
        voices=tuple(without),
        without=np.array([*without.values()]),
        voiceless=np.repeat([float(not each) for each in voices], clips)
        if without
        else np.empty(0),
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
