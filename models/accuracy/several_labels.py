"""Clips with several labels: the mean average precision of a linear head for each label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.accuracy import head
from models.accuracy.clusters import Weights, clusters_of, drawn_weights, widened
from models.audio.taskset import APART, Fold, Task
from models.tflite.arrays import Floats

_TINY = 1e-9
_NEIGHBOURS = 10
_AT_ONCE = 100  # resamples
Marks = NDArray[np.bool_]  # [clips, labels]


def average_precision(task: Task, vectors: Floats) -> tuple[float, NDArray[np.float64], float]:
    """Returns the mean average precision, that of 1000 resamples, and that of neighbours' votes.

    It is the mean over the labels that are trained and tested, then over the folds. Resamples are
    of the speakers where all are known, else of clips. They show what other clips would give: in
    them no clip counts above its own threshold, which lifts the precision of few clips by points.

    Args:
        vectors: float32 [clips, dimensions] in the task's order.
    """
    marks = marks_of([clip.label for clip in task.clips])
    values, resampled, votes = [], [], []
    for fold in task.folds:
        test = list(fold.test)
        kept = marks[list(fold.train)].any(axis=0) & marks[test].any(axis=0)
        kept &= ~marks[list(fold.train)].all(axis=0)
        own = marks[:, kept]
        scores = head.scores_of_labels(vectors, own, fold)
        everything = np.ones((1, len(test)))
        values.append(_mean_over_labels(scores, own[test], everything)[0])
        clusters = clusters_of([task.clips[index] for index in test])
        drawn = drawn_weights(clusters)
        parts = np.array_split(drawn, max(1, len(drawn) // _AT_ONCE))
        of_fold = [_mean_over_labels(scores, own[test], each, itself=False) for each in parts]
        others = float(_mean_over_labels(scores, own[test], everything, itself=False)[0])
        resampled.append(widened(others, np.concatenate(of_fold), clusters))
        votes.append(_mean_over_labels(_votes(vectors, own, fold), own[test], everything)[0])
    return float(np.mean(values)), np.mean(resampled, axis=0), float(np.mean(votes))


def marks_of(labels: Sequence[str]) -> Marks:
    """Returns which labels each clip has, in the order of the alphabet."""
    several = [set(each.split(APART)) for each in labels]
    names = sorted(set().union(*several))
    return np.array([[name in own for name in names] for own in several])


def average_precisions(
    scores: NDArray[np.float64], is_label: Marks, weights: Weights, *, itself: bool = True
) -> NDArray[np.float64]:
    """Returns the average precision of one label in each resample, float64 [resamples].

    That is the sum over the thresholds of the precision there times the recall that it adds; nan
    where no clip has the label.

    Args:
        scores: float64 [clips]; equal ones are on the same side of every threshold.
        is_label: bool [clips].
        weights: float64 [resamples, clips].
        itself: whether a clip counts above its own threshold. The precision of a clip with nothing
            else above it is 1 in any case.
    """
    order = np.argsort(-scores, kind="stable")
    places = np.flatnonzero(is_label[order])
    # The last clip that is above the threshold of each clip that has the label.
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    last = ends[np.searchsorted(ends, places)]
    weights = weights[:, order]
    own = weights[:, places]
    right = np.cumsum(own, axis=1)[:, np.searchsorted(places, last, side="right") - 1]
    above = np.cumsum(weights, axis=1)[:, last]
    if not itself:
        right, above = right - own, above - own
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(above > 0, right / above, 1.0)
        found: NDArray[np.float64] = (own * precision).sum(axis=1) / own.sum(axis=1)
    return found


def _mean_over_labels(
    scores: NDArray[np.float64], marks: Marks, weights: Weights, *, itself: bool = True
) -> NDArray[np.float64]:
    """Returns the mean over the labels that a resample has, float64 [resamples]."""
    by_label = [
        average_precisions(scores[:, at], marks[:, at], weights, itself=itself)
        for at in range(marks.shape[1])
    ]
    mean: NDArray[np.float64] = np.nanmean(by_label, axis=0)
    return mean


def _votes(vectors: Floats, marks: Marks, fold: Fold) -> NDArray[np.float64]:
    """Returns the share of the ten nearest training clips that have each label."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _TINY)
    train = list(fold.train)
    count = min(_NEIGHBOURS, len(train))
    cosines = unit[list(fold.test)] @ unit[train].T
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    shares: NDArray[np.float64] = marks[train][nearest].mean(axis=1)
    return shares
