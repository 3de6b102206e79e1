"""Bootstrap resamples of the clips or the speakers of a task, as weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.core.score import FEWEST_VOICES, NORMAL_95, t_quantile
from models.audio.taskset import Clip

RESAMPLES = 1_000
SEED = 95
Weights = NDArray[np.float64]


def clusters_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Returns what each clip is drawn with: its speaker where all are known, else itself.

    Two speakers are too few to be drawn.
    """
    speakers = [clip.speaker for clip in clips]
    if "" in speakers or len(set(speakers)) < FEWEST_VOICES:
        return tuple(clip.sha256 for clip in clips)
    return tuple(speakers)


def drawn_weights(clusters: Sequence[str], *, count: int = RESAMPLES) -> Weights:
    """Returns how often each cluster is in each resample, float64 [count, clips].

    As many clusters as there are, are drawn with replacement (Field and Welsh 2007, "Bootstrapping
    clustered data"). The same clusters are drawn the same each time, so that the values of two
    embeddings in one resample are a pair.
    """
    names, places = np.unique(clusters, return_inverse=True)
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)
    return drawn[:, places].astype(np.float64)


def widened(
    value: float, resampled: NDArray[np.float64], clusters: Sequence[str]
) -> NDArray[np.float64]:
    """Returns resamples as far from the value as those of few clusters have to be.

    A bootstrap of n clusters is too narrow by the square root of (n - 1) / n, and few values are
    spread like Student's t (Hesterberg 2015, "What teachers should know about the bootstrap": the
    expanded percentile interval). docs/evidence/intervals-of-verification.md has what it gains.

    Args:
        clusters: of each clip.
    """
    count = len(set(clusters))
    factor = t_quantile(count - 1) / NORMAL_95 * math.sqrt(count / (count - 1))
    return np.clip(value + factor * (resampled - value), 0.0, 1.0)
