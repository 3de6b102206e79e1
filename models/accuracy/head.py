"""The one door to scikit-learn: a linear head on frozen embeddings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from models.audio.taskset import Fold
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

VERSION = 2  # of everything here that a score depends on
# Inverse regularisation, of which the published table of baselines was made, too. Choosing among
# this and stronger ones by folds takes six times as long, for .0006 of the mean (9 files).
_STRENGTH = 0.1
_ITERATIONS = 1_000


def predict(embeddings: Floats, labels: Sequence[str], fold: Fold) -> list[str]:
    """Returns a linear head's labels of a fold's test clips.

    The head is StandardScaler and a class-balanced multinomial logistic regression, fitted to the
    fold's training clips; its regularisation is the same for all tasks, so that no clip chooses it.

    Args:
        embeddings: float32 [clips, dimensions].
        labels: of all clips.
        fold: indices into the clips.
    """
    classifier, too_few_iterations = _classifier()
    # One BLAS thread: the same sums on every machine, and ten times faster where cores are busy.
    with _thread_pools().limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", too_few_iterations)
        classifier.fit(embeddings[list(fold.train)], [labels[index] for index in fold.train])
        return [str(label) for label in classifier.predict(embeddings[list(fold.test)])]


def two_label_head(embeddings: Floats, labels: Sequence[bool]) -> tuple[Any, float]:
    """Returns the same head for two labels, as weights float64 [dimensions] and a bias.

    The logistic function of the weighted sum and the bias is the probability of ``True``.

    Args:
        embeddings: float32 [rows, dimensions].
        labels: of all rows; both are there.
    """
    classifier, too_few_iterations = _classifier()
    with _thread_pools().limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", too_few_iterations)
        classifier.fit(embeddings, labels)
    scaler, head = (step for _, step in classifier.steps)
    weights = head.coef_[0] / scaler.scale_
    return weights, float(head.intercept_[0] - weights @ scaler.mean_)


def _classifier() -> tuple[Any, type[Warning]]:
    with from_extra("score", "scikit-learn"):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    head = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=_ITERATIONS)
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
