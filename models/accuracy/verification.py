"""Verification: whether one speaker speaks in two clips, by the cosine of their embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import ConfigurationError
from models.accuracy.clusters import RESAMPLES, Weights, clusters_of, drawn_weights, widened
from models.audio.taskset import Task
from models.tflite.arrays import Floats

_TINY = 1e-9
_AT_ONCE = 100  # resamples


def verified(task: Task, vectors: Floats) -> tuple[float, NDArray[np.float64]]:
    """Returns one less the equal error rate, and that of 1000 resamples of the speakers.

    A pair of one speaker counts as often as the speaker is drawn, and a pair of two as often as
    both are together (a bootstrap of subjects, as in Bolle, Ratha and Pankanti 2004, "Error
    analysis of pattern recognition systems: the subsets bootstrap").

    Args:
        vectors: float32 [clips, dimensions] in the task's order.

    Raises:
        ConfigurationError: a kind has no pair.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _TINY)
    one = np.array([each.one for each in task.trials])
    other = np.array([each.other for each in task.trials])
    is_same = np.array([each.is_same for each in task.trials])
    if is_same.all() or not is_same.any():
        lacking = "two speakers" if is_same.all() else "one speaker"
        raise ConfigurationError(
            f"{task.name}: there are no pairs of {lacking}", hint="take more clips"
        )
    cosines = np.einsum("ij,ij->i", unit[one], unit[other]).astype(np.float64)
    value = 1 - equal_error_rates(cosines, is_same, np.ones((1, len(cosines))))[0]
    clusters = clusters_of(task.clips)
    drawn = drawn_weights(clusters)
    names = np.array(clusters)
    is_own = names[one] == names[other]
    resampled = np.concatenate(
        [
            1 - equal_error_rates(cosines, is_same, _of_pairs(part, one, other, is_own))
            for part in np.array_split(drawn, RESAMPLES // _AT_ONCE)
        ]
    )
    # Of few speakers a resample may have no pair of one kind; then it has no error rate.
    known = resampled[np.isfinite(resampled)]
    resampled = np.where(np.isfinite(resampled), resampled, np.median(known))
    return float(value), widened(float(value), resampled, clusters)


def equal_error_rates(
    cosines: NDArray[np.float64], is_same: NDArray[np.bool_], weights: Weights
) -> NDArray[np.float64]:
    """Returns the rate at which pairs of both kinds are wrong equally often, float64 [resamples].

    Between two thresholds it is on the straight line. It is nan where a kind has no pair.

    Args:
        cosines: float64 [pairs]; equal ones are on the same side of every threshold.
        is_same: bool [pairs].
        weights: float64 [resamples, pairs].
    """
    order = np.argsort(-cosines, kind="stable")
    ends = np.flatnonzero(np.diff(cosines[order], append=-np.inf))
    weights = weights[:, order]
    with np.errstate(invalid="ignore"):
        found, false = (_shares(weights * kind[order], ends) for kind in (is_same, ~is_same))
    missed = 1 - found
    # False alarms grow and misses fall along the thresholds: where is the first that crosses?
    gap = false - missed
    place = np.maximum((gap >= 0).argmax(axis=1), 1)
    rows = np.arange(len(weights))
    before, after = gap[rows, place - 1], gap[rows, place]
    with np.errstate(invalid="ignore"):
        along = before / (before - after)
    rates: NDArray[np.float64] = false[rows, place - 1] + along * (
        false[rows, place] - false[rows, place - 1]
    )
    return rates


def _shares(weights: Weights, ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the share of the weight above each threshold, 0 first, float64 [resamples, 1 + n]."""
    sums = np.cumsum(weights, axis=1)[:, ends]
    shares: NDArray[np.float64] = np.pad(sums, ((0, 0), (1, 0))) / sums[:, -1:]
    return shares


def _of_pairs(
    drawn: Weights,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    is_own: NDArray[np.bool_],
) -> Weights:
    return np.where(is_own, drawn[:, one], drawn[:, one] * drawn[:, other])
