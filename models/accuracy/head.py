"""The one door to scikit-learn: heads on frozen embeddings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.audio.taskset import Fold
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

VERSION = 2  # of everything here that a score depends on
# Inverse regularisation, of which the published table of baselines was made, too. Choosing among
# this and stronger ones by folds takes six times as long, for .0006 of the mean (9 files).
_STRENGTH = 0.1
_ITERATIONS = 1_000
_PUBLISHED_STRENGTH = 1e5
_TREES = 100
_LDA = "LDA"


def predict(embeddings: Floats, labels: Sequence[str], fold: Fold) -> list[str]:
    """Returns a linear head's labels of a fold's test clips.

    The head is StandardScaler and a class-balanced multinomial logistic regression, fitted to the
    fold's training clips; its regularisation is the same for all tasks, so that no clip chooses it.

    Args:
        embeddings: float32 [clips, dimensions].
        labels: of all clips.
        fold: indices into the clips.
    """
    train, test = list(fold.train), list(fold.test)
    return _fitted(
        _classifier(), embeddings[train], [labels[index] for index in train], embeddings[test]
    )


def two_label_head(embeddings: Floats, labels: Sequence[bool]) -> tuple[Any, float]:
    """Returns the same head for two labels, as weights float64 [dimensions] and a bias.

    The logistic function of the weighted sum and the bias is the probability of ``True``.

    Args:
        embeddings: float32 [rows, dimensions].
        labels: of all rows; both are there.
    """
    classifier = _classifier()
    with _quiet_on_one_thread():
        classifier.fit(embeddings, labels)
    scaler, head = (step for _, step in classifier.steps)
    weights = head.coef_[0] / scaler.scale_
    return weights, float(head.intercept_[0] - weights @ scaler.mean_)


def scores_of_labels(
    embeddings: Floats, marks: NDArray[np.bool_], fold: Fold
) -> NDArray[np.float64]:
    """Returns how sure a head for each label is of a fold's test clips, float64 [clips, labels].

    Each is the head of ``predict`` for one label against the rest.

    Args:
        embeddings: float32 [clips, dimensions].
        marks: bool [clips, labels], which of them each clip has.
        fold: indices into the clips.
    """
    train, test = list(fold.train), list(fold.test)
    scores = []
    with _quiet_on_one_thread():
        for own in marks[train].T:
            classifier = _classifier().fit(embeddings[train], own)
            scores.append(classifier.decision_function(embeddings[test]))
    return np.array(scores, dtype=np.float64).T


def published_heads(*, train: int, labels: int) -> list[str]:
    """Returns the names of the heads that NOSS tries.

    LDA is left out where it cannot be fitted, because there is no clip more than labels.

    Args:
        train: number of training clips.
    """
    return [name for name in _published() if name != _LDA or train > labels]


def predict_published(name: str, train: Floats, labels: Sequence[str], test: Floats) -> list[str]:
    """Returns the labels of test clips by one of the heads that NOSS tries.

    They are as in non_semantic_speech_benchmark/eval_embedding/sklearn/models.py: nothing is
    scaled, and there are scikit-learn's 100 iterations. NOSS has no seed; these forests have one.

    Args:
        name: one of ``published_heads``.
        train: float32 [clips, dimensions].
        labels: of the training clips.
        test: float32 [clips, dimensions].
    """
    return _fitted(_published()[name](), train, labels, test)


def _fitted(classifier: Any, train: Floats, labels: Sequence[str], test: Floats) -> list[str]:
    with _quiet_on_one_thread():
        classifier.fit(train, labels)
        return [str(label) for label in classifier.predict(test)]


def _classifier() -> Any:
    with from_extra("score", "scikit-learn"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    head = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=_ITERATIONS)
    return make_pipeline(StandardScaler(), head)


def _published() -> dict[str, Callable[[], Any]]:
    """Returns what makes each of NOSS's heads; of equal ones the first wins."""
    with from_extra("score", "scikit-learn"):
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
    regression = partial(LogisticRegression, C=_PUBLISHED_STRENGTH)
    forest = partial(RandomForestClassifier, n_estimators=_TREES, random_state=0)
    return {
        "logistic regression": regression,
        "balanced logistic regression": partial(regression, class_weight="balanced"),
        _LDA: partial(LinearDiscriminantAnalysis, solver="lsqr", shrinkage="auto"),
        "balanced random forest": partial(forest, class_weight="balanced"),
        "random forest": forest,
    }


def one_thread() -> AbstractContextManager[object]:
    """Returns a block in which one thread computes products of matrices.

    So sums are the same on every machine, and ten times faster where cores are busy.
    """
    limited: AbstractContextManager[object] = _thread_pools().limit(limits=1)
    return limited


@contextmanager
def _quiet_on_one_thread() -> Iterator[None]:
    with from_extra("score", "scikit-learn"):
        from sklearn.exceptions import ConvergenceWarning
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@lru_cache(maxsize=1)
def _thread_pools() -> Any:
    """Returns the thread pools of scikit-learn's libraries, which take 8 ms to find."""
    with from_extra("score", "scikit-learn"):
        import sklearn.linear_model  # noqa: F401 - loads them
        from threadpoolctl import (  # type: ignore[import-untyped]  # has no types
            ThreadpoolController,
        )
    return ThreadpoolController()
