"""NOSS's published protocol: the best of its heads and normalisations on the test part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from bench.core.score import ChosenHead
from models.accuracy import head
from models.audio.taskset import Task
from models.tflite.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A head with a normalisation, and what it predicts.

    Args:
        name: of both.
        predicted: labels of the test clips of each fold.
    """

    name: str
    predicted: tuple[tuple[str, ...], ...]


def candidates(task: Task, vectors: Floats) -> Iterator[Candidate]:
    """Yields the predictions of each of NOSS's heads with each normalisation.

    Embeddings are as they are or of unit length, and then each speaker's clips within a side of the
    split may be standardised by their own mean and deviation: of the test part's clips too. These
    are five heads and two or four normalisations, as in train_and_eval_sklearn.py.

    Args:
        vectors: float32 [clips, dimensions] in the task's order.
    """
    labels = [clip.label for clip in task.clips]
    fewest = min(len(fold.train) for fold in task.folds)
    names = head.published_heads(train=fewest, labels=len(set(labels)))
    by_speaker = (False, True) if has_speakers(task) else (False,)
    for is_unit, is_by_speaker, name in product((False, True), by_speaker, names):
        predicted = []
        for fold in task.folds:
            train, test = (
                _normalised(task, vectors, side, is_unit=is_unit, is_by_speaker=is_by_speaker)
                for side in (fold.train, fold.test)
            )
            own = [labels[index] for index in fold.train]
            predicted.append(tuple(head.predict_published(name, train, own, test)))
        words = (name, "L2" * is_unit, "by speaker" * is_by_speaker)
        yield Candidate(name=", ".join(filter(None, words)), predicted=tuple(predicted))


def has_speakers(task: Task) -> bool:
    """Returns whether embeddings can be normalised by speaker.

    The speaker of each clip is known, and one of them has several labels: else who speaks gives
    the label away.
    """
    labels: dict[str, set[str]] = {}
    for index in {i for fold in task.folds for i in (*fold.train, *fold.test)}:
        clip = task.clips[index]
        labels.setdefault(clip.speaker, set()).add(clip.label)
    return "" not in labels and any(len(own) > 1 for own in labels.values())


def chosen_on_test(values: Sequence[tuple[str, float]]) -> tuple[int, ChosenHead]:
    """Returns the place of the highest value, the first of equal ones, and its head.

    Args:
        values: name and value of each candidate.
    """
    place = max(range(len(values)), key=lambda index: (values[index][1], -index))
    return place, ChosenHead(name=values[place][0], among=len(values))


def _normalised(
    task: Task, vectors: Floats, side: Sequence[int], *, is_unit: bool, is_by_speaker: bool
) -> Floats:
    own = vectors[list(side)]  # a copy
    if is_unit:
        own = own / np.linalg.norm(own, axis=1, keepdims=True)
    if not is_by_speaker:
        return own
    speakers = np.array([task.clips[index].speaker for index in side])
    for speaker in np.unique(speakers):
        spoken = speakers == speaker
        deviation = own[spoken].std(axis=0)
        deviation[deviation == 0] = 1
        own[spoken] = (own[spoken] - own[spoken].mean(axis=0)) / deviation
    return own
