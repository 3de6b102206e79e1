"""Which clips an embedding classifies correctly, and bootstrap intervals of the scores."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.core.score import ChosenHead, Difference, ScoringProtocol, VoiceCount
from models.accuracy import head, published
from models.accuracy.clusters import RESAMPLES, SEED
from models.accuracy.several_labels import average_precision
from models.accuracy.verification import verified
from models.audio.taskset import Clip, Fold, Metric, Task, TaskSet
from models.embeddings.pieces import Work
from models.tflite.arrays import Floats

T = TypeVar("T")
# A label (a stratum of the bootstrap) and whether each of its test clips was classified correctly.
Correct = dict[str, list[bool]]

_TINY = 1e-9
_QUERIES = "queries"  # the one stratum of a search
_CLIPS = "clips"  # the one stratum where all clips count the same
_NEIGHBOURS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAccuracy:
    """A task's value, and its value in each bootstrap resample, float64 [1000].

    Args:
        correct: which clips were right.
        voices: the same by voice, where all speakers are known.
        neighbours: what the nearest training clips score instead of a head.
        chosen: the head, where the test part chose it.
    """

    value: float
    resampled: NDArray[np.float64]
    correct: tuple[Correct, ...] = ()
    voices: tuple[VoiceCount, ...] = ()
    neighbours: float | None = None
    chosen: ChosenHead | None = None


def evaluate(
    task_set: TaskSet,
    vectors: Floats,
    protocol: ScoringProtocol = ScoringProtocol.DEFAULT,
    work: Work | None = None,
) -> list[TaskAccuracy]:
    """Returns the accuracy of every task.

    Args:
        vectors: float32 [clips, dimensions], in the order of the task set's paths.
        work: where heads are fitted, a fold at a time; by default in this process.
    """
    rows = {sha256: row for row, sha256 in enumerate(task_set.paths())}
    tasks = [(task, vectors[[rows[clip.sha256] for clip in task.clips]]) for task in task_set.tasks]
    folds = [
        (task, own, fold)
        for task, own in tasks
        if _is_by_fold(task, protocol)
        for fold in task.folds
    ]
    answers = iter(
        map(_answers, folds) if work is None else work.each(_answers, folds, clips=len(rows))
    )
    return [
        _accuracy(task, list(itertools.islice(answers, len(task.folds))))
        if _is_by_fold(task, protocol)
        else evaluate_task(task, own, protocol)
        for task, own in tasks
    ]


def differences(
    task_set: TaskSet, ours: Sequence[TaskAccuracy], theirs: Sequence[TaskAccuracy]
) -> tuple[Difference, ...]:
    """Returns one side's values minus the other's, task by task and of the mean (last).

    Each side's heads are fitted to its own embeddings. The interval is that of a bootstrap of
    pairs: a clip is drawn with both its answers (Efron and Tibshirani 1993, chapter 8), so that
    the difficulty of a clip cancels out.
    """
    apart = {
        task.name: _less(one, other)
        for task, one, other in zip(task_set.tasks, ours, theirs, strict=True)
    }
    apart["mean"] = TaskAccuracy(
        value=float(np.mean([each.value for each in apart.values()])),
        resampled=np.mean([each.resampled for each in apart.values()], axis=0),
    )
    results = []
    for name, result in apart.items():
        low, high = confidence_interval(result.resampled)
        results.append(Difference(task=name, value=result.value, low=low, high=high))
    return tuple(results)


def _less(one: TaskAccuracy, other: TaskAccuracy) -> TaskAccuracy:
    """Returns the difference by answers; where there are none, both are resampled alike."""
    if one.correct:
        return paired_difference(one.correct, other.correct)
    return TaskAccuracy(value=one.value - other.value, resampled=one.resampled - other.resampled)


def ratio_of_means(
    ours: Sequence[TaskAccuracy], theirs: Sequence[TaskAccuracy]
) -> tuple[float, float, float]:
    """Returns one side's mean over the tasks over the other's, and the 95 % interval: low, high.

    By a bootstrap of pairs as in ``differences``, in which both means are drawn together.
    """
    rng = np.random.default_rng(SEED)
    drawn = np.mean(
        [_resampled_sides(one, other, rng) for one, other in zip(ours, theirs, strict=True)], axis=0
    )
    low, high = confidence_interval(drawn[0] / drawn[1])
    value = np.mean([each.value for each in ours]) / np.mean([each.value for each in theirs])
    return float(value), low, high


def evaluate_task(
    task: Task, vectors: Floats, protocol: ScoringProtocol = ScoringProtocol.DEFAULT
) -> TaskAccuracy:
    """Returns a task's value; ``vectors`` are float32 [clips, dimensions] in the task's order."""
    if task.metric is Metric.EER:
        value, resampled = verified(task, vectors)
        return TaskAccuracy(value=value, resampled=resampled)
    if task.metric is Metric.MEAN_AVERAGE_PRECISION:
        value, resampled, votes = average_precision(task, vectors)
        return TaskAccuracy(value=value, resampled=resampled, neighbours=votes)
    if _is_by_fold(task, protocol):
        return _accuracy(task, [_answers((task, vectors, fold)) for fold in task.folds])
    correct, chosen = _by_published_heads(task, vectors)
    neighbours = [_by_neighbours(task, vectors, fold) for fold in task.folds]
    return replace(_averaged_over(task, correct, neighbours), chosen=chosen)


def _is_by_fold(task: Task, protocol: ScoringProtocol) -> bool:
    """Whether each fold is answered by itself, and not by a head that all folds chose."""
    if task.metric in (Metric.EER, Metric.MEAN_AVERAGE_PRECISION):
        return False
    return protocol is ScoringProtocol.DEFAULT or not task.metric.has_classes


@dataclass(frozen=True, slots=True)
class _Answers:
    """Which test clips of a fold were right, and which by their nearest training clips."""

    right: Correct
    by_neighbours: Correct | None


def _answers(of: tuple[Task, Floats, Fold]) -> _Answers:
    task, vectors, fold = of
    if task.metric is Metric.TOP1:
        return _Answers(_by_neighbour(task, vectors, fold), None)
    with head.one_thread():
        return _Answers(_by_head(task, vectors, fold), _by_neighbours(task, vectors, fold))


def _accuracy(task: Task, answers: Sequence[_Answers]) -> TaskAccuracy:
    neighbours = [each.by_neighbours for each in answers if each.by_neighbours is not None]
    return _averaged_over(task, _pooled(task, [each.right for each in answers]), neighbours)


def _averaged_over(
    task: Task, correct: Sequence[Correct], neighbours: list[Correct]
) -> TaskAccuracy:
    """Returns a task's accuracy.

    Args:
        correct: which test clips were right, of each part.
        neighbours: which were by their nearest training clips, of each fold; empty of a search.
    """
    rng = np.random.default_rng(SEED)
    return replace(
        _averaged([_resampled(part, rng) for part in correct]),
        correct=tuple(correct),
        voices=by_voice(task, correct),
        neighbours=_value(_pooled(task, neighbours)) if neighbours else None,
    )


def by_voice(task: Task, correct: Sequence[Correct]) -> tuple[VoiceCount, ...]:
    """Returns a task's answers by voice; empty where the speaker of a test clip is not known."""
    if not task.voices_tested:
        return ()
    counts: dict[tuple[int, str, str], list[bool]] = defaultdict(list)
    for part, (right, spoken) in enumerate(zip(correct, _speakers(task), strict=True)):
        for label, answers in right.items():
            for voice, answer in zip(spoken[label], answers, strict=True):
                counts[part, label, voice].append(answer)
    return tuple(
        VoiceCount(voice=voice, part=part, label=label, clips=len(right), right=sum(right))
        for (part, label, voice), right in sorted(counts.items())
    )


def _speakers(task: Task) -> list[dict[str, list[str]]]:
    """Returns the speakers of the test clips, in the order of the answers."""
    folds = []
    for fold in task.folds:
        spoken: dict[str, list[str]] = defaultdict(list)
        for index in fold.test:
            clip = task.clips[index]
            spoken[_stratum(task, clip)].append(clip.speaker)
        folds.append(dict(spoken))
    return _pooled(task, folds)


def _stratum(task: Task, clip: Clip) -> str:
    """Returns what a test clip's answer is counted in."""
    names = {Metric.TOP1: _QUERIES, Metric.ACCURACY: _CLIPS}
    return names.get(task.metric, clip.label)


def _pooled(task: Task, by_fold: list[dict[str, list[T]]]) -> list[dict[str, list[T]]]:
    if not task.pooled:
        return by_fold
    merged: dict[str, list[T]] = defaultdict(list)
    for part in by_fold:
        for label, values in part.items():
            merged[label] += values
    return [dict(merged)]


def _by_neighbours(task: Task, vectors: Floats, fold: Fold) -> Correct:
    """Returns for each label whether a vote of the ten nearest training clips was right.

    The nearest by cosine, as X-ARES does, with nothing to fit. Of equal votes the label wins that
    is first in the alphabet.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _TINY)
    names, labels = np.unique([clip.label for clip in task.clips], return_inverse=True)
    train, test = list(fold.train), list(fold.test)
    count = min(_NEIGHBOURS, len(train))
    nearest = np.argpartition(-(unit[test] @ unit[train].T), count - 1, axis=1)[:, :count]
    votes = np.zeros((len(test), len(names)))
    np.add.at(votes, (np.arange(len(test))[:, None], labels[train][nearest]), 1)
    right: Correct = defaultdict(list)
    for index, label in zip(test, votes.argmax(axis=1), strict=True):
        right[str(names[labels[index]])].append(bool(label == labels[index]))
    return dict(right)


def _value(parts: Sequence[Correct]) -> float:
    """Returns the mean over parts of the mean recall of their strata."""
    return float(np.mean([np.mean([np.mean(each) for each in part.values()]) for part in parts]))


def _averaged(parts: Sequence[tuple[float, NDArray[np.float64]]]) -> TaskAccuracy:
    return TaskAccuracy(
        value=float(np.mean([value for value, _ in parts])),
        resampled=np.mean([resampled for _, resampled in parts], axis=0),
    )


def paired_difference(ours: Sequence[Correct], theirs: Sequence[Correct]) -> TaskAccuracy:
    """Returns one side's value minus the other's on the same clips."""
    rng = np.random.default_rng(SEED)
    return _averaged(
        [_resampled_pairs(part, other, rng) for part, other in zip(ours, theirs, strict=True)]
    )


def _resampled_pairs(
    ours: Correct, theirs: Correct, rng: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """Returns the mean difference of the strata's recalls, and of 1000 resamples of their clips.

    A clip's difference is -1, 0 or 1, so drawing n of n with replacement is a multinomial draw.
    """
    values, drawn = [], []
    for label, right in ours.items():
        differences = np.array(right, dtype=int) - np.array(theirs[label], dtype=int)
        shares = [float((differences == side).mean()) for side in (1, -1, 0)]
        counts = rng.multinomial(len(differences), shares, size=RESAMPLES)
        values.append(float(differences.mean()))
        drawn.append((counts[:, 0] - counts[:, 1]) / len(differences))
    return float(np.mean(values)), np.mean(drawn, axis=0)


def _resampled_sides(
    ours: TaskAccuracy, theirs: TaskAccuracy, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Returns both sides' values of a task in the same resamples of its clips, float64 [2, 1000].

    A pair of answers is one of four kinds (neither, only theirs, only ours, both), so drawing n
    pairs with replacement is a multinomial draw.
    """
    if not ours.correct:
        return np.stack([ours.resampled, theirs.resampled])
    parts = []
    for own, others in zip(ours.correct, theirs.correct, strict=True):
        drawn = []
        for label, right in own.items():
            kinds = 2 * np.array(right, dtype=int) + np.array(others[label], dtype=int)
            shares = np.bincount(kinds, minlength=4) / len(kinds)
            counts = rng.multinomial(len(kinds), shares, size=RESAMPLES)
            sides = counts[:, 3] + counts[:, 2], counts[:, 3] + counts[:, 1]
            drawn.append(np.stack(sides) / len(kinds))
        parts.append(np.mean(drawn, axis=0))
    resampled: NDArray[np.float64] = np.mean(parts, axis=0)
    return resampled


def _resampled(correct: Correct, rng: np.random.Generator) -> tuple[float, NDArray[np.float64]]:
    """Returns the mean recall of the strata, and of 1000 bootstrap resamples of their clips.

    Drawing n clips with replacement from n of which k are right gives a binomial(n, k / n) count,
    so the bootstrap (Efron and Tibshirani 1993, chapter 13, percentile intervals) is drawn as such.
    """
    counts = np.array([len(right) for right in correct.values()])
    recalls = np.array([np.mean(right) for right in correct.values()])
    drawn = rng.binomial(counts, recalls, size=(RESAMPLES, len(counts))) / counts
    return float(recalls.mean()), drawn.mean(axis=1)


def _by_head(task: Task, vectors: Floats, fold: Fold) -> Correct:
    """Returns for each label whether a linear head classified each test clip correctly."""
    labels = [clip.label for clip in task.clips]
    return _right(task, fold, head.predict(vectors, labels, fold))


def _by_published_heads(task: Task, vectors: Floats) -> tuple[list[Correct], ChosenHead]:
    """Returns which test clips were right by the head that is the best on them."""
    names, answers = [], []
    for each in published.candidates(task, vectors):
        names.append(each.name)
        by_fold = [
            _right(task, fold, labels)
            for fold, labels in zip(task.folds, each.predicted, strict=True)
        ]
        answers.append(_pooled(task, by_fold))
    values = [_value(each) for each in answers]
    place, chosen = published.chosen_on_test([*zip(names, values, strict=True)])
    return answers[place], chosen


def _right(task: Task, fold: Fold, predicted: Sequence[str]) -> Correct:
    """Returns whether each test clip of a fold was right, by what was predicted of it."""
    correct: Correct = defaultdict(list)
    for index, label in zip(fold.test, predicted, strict=True):
        clip = task.clips[index]
        correct[_stratum(task, clip)].append(label == clip.label)
    return dict(correct)


def _by_neighbour(task: Task, vectors: Floats, fold: Fold) -> Correct:
    """Returns whether each query's nearest neighbour among the train clips is right.

    Each side is one voice and is standardised by its own mean and deviation, as NOSS does.
    """
    labels = np.array([clip.label for clip in task.clips])
    references = _standardised(vectors[list(fold.train)])
    queries = _standardised(vectors[list(fold.test)])
    # Plus a constant of each query.
    distances = (references**2).sum(axis=1) - 2 * queries @ references.T
    predicted = labels[list(fold.train)][distances.argmin(axis=1)]
    right = predicted == labels[list(fold.test)]
    return {_QUERIES: [bool(value) for value in right]}


def _standardised(vectors: Floats) -> NDArray[np.float64]:
    own = vectors.astype(np.float64)
    standardised: NDArray[np.float64] = (own - own.mean(axis=0)) / (own.std(axis=0) + _TINY)
    return standardised


def confidence_interval(resampled: NDArray[np.float64]) -> tuple[float, float]:
    """Returns the 95 % interval of resampled values."""
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)
