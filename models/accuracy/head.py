"""The one door to scikit-learn: a linear head on frozen embeddings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from bench.core.errors import ConfigurationError
from models.audio.taskset import Fold, grouped_folds
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

VERSION = 1  # of everything here that a score depends on
# Not above 0.1: weaker heads read more out of the channel, and 0.1 is what the published table of
# baselines used. Ties go to the stronger regularisation.
STRENGTHS = (0.01, 0.03, 0.1)
_INNER_FOLDS = 3
_ITERATIONS = 1_000


def predict(
    embeddings: Floats, labels: Sequence[str], groups: Sequence[str], fold: Fold
) -> tuple[list[str], float]:
    """Returns a linear head's labels of a fold's test clips, and its inverse regularisation.

    The head is StandardScaler and a class-balanced multinomial logistic regression. Its strength is
    chosen by balanced accuracy on the fold's validation clips, else by three grouped folds inside
    its training clips; it is never chosen on test clips.

    Args:
        embeddings: float32 [clips, dimensions].
        labels: of all clips.
        groups: of all clips; one group is never on both sides of an inner fold.
        fold: indices into the clips.
    """
    strength = _choose_strength(embeddings, labels, groups, fold)
    return _fit_and_predict(embeddings, labels, fold.train, fold.test, strength), strength


def balanced_accuracy(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Returns the mean recall of the classes in ``truth``, in [0, 1]."""
    right = np.array([a == b for a, b in zip(truth, predicted, strict=True)])
    own = np.array(truth)
    return float(np.mean([right[own == label].mean() for label in sorted(set(truth))]))


def _choose_strength(
    embeddings: Floats, labels: Sequence[str], groups: Sequence[str], fold: Fold
) -> float:
    inner = _inner_folds(labels, groups, fold)
    if not inner:
        return STRENGTHS[-1]
    scores = []
    for strength in STRENGTHS:
        predicted = [
            label
            for part in inner
            for label in _fit_and_predict(embeddings, labels, part.train, part.test, strength)
        ]
        truth = [labels[index] for part in inner for index in part.test]
        scores.append(balanced_accuracy(truth, predicted))
    return STRENGTHS[int(np.argmax(scores))]


def _inner_folds(labels: Sequence[str], groups: Sequence[str], fold: Fold) -> tuple[Fold, ...]:
    """Returns the folds that the strength is chosen on; none where a label has a single group."""
    if fold.validation:
        return (Fold(train=fold.train, test=fold.validation),)
    own = [labels[index] for index in fold.train]
    try:
        folds = grouped_folds(own, [groups[index] for index in fold.train], count=_INNER_FOLDS)
    except ConfigurationError:
        return ()
    return tuple(
        Fold(
            train=tuple(fold.train[index] for index in one.train),
            test=tuple(fold.train[index] for index in one.test),
        )
        for one in folds
        if one.test and {own[index] for index in one.train} == set(own)
    )


def _fit_and_predict(
    embeddings: Floats,
    labels: Sequence[str],
    train: Sequence[int],
    test: Sequence[int],
    strength: float,
) -> list[str]:
    classifier, too_few_iterations = _classifier(strength)
    # One BLAS thread: the same sums on every machine, and ten times faster where cores are busy.
    with _thread_pools().limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", too_few_iterations)
        classifier.fit(embeddings[list(train)], [labels[index] for index in train])
        return [str(label) for label in classifier.predict(embeddings[list(test)])]


def _classifier(strength: float) -> tuple[Any, type[Warning]]:
    with from_extra("score", "scikit-learn"):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    head = LogisticRegression(C=strength, class_weight="balanced", max_iter=_ITERATIONS)
    return make_pipeline(StandardScaler(), head), ConvergenceWarning


@lru_cache(maxsize=1)
def _thread_pools() -> Any:
    """Returns the thread pools of scikit-learn's libraries, which take 8 ms to find."""
    with from_extra("score", "scikit-learn"):
        import sklearn.linear_model  # noqa: F401 - loads them
        from threadpoolctl import (  # type: ignore[import-untyped]  # has no types
            ThreadpoolController,
        )
    return ThreadpoolController()
