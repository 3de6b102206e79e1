"""Which test clips an embedding names rightly, and how sure that is: bootstraps over clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.core.score import Difference
from models.accuracy import head
from models.audio.taskset import Metric, Task, TaskSet

Floats = NDArray[np.float32]
# A label (a stratum of the bootstrap) and whether each of its test clips was named rightly.
Judged = dict[str, list[bool]]

_RESAMPLES = 1_000
_SEED = 95
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A task's value, and what it was in each bootstrap resample, float64 [1000].

    Args:
        judged: which clips were right, that it is the value of.
    """

    value: float
    resampled: NDArray[np.float64]
    judged: tuple[Judged, ...] = ()


def verdicts(task_set: TaskSet, vectors: Floats) -> list[Verdict]:
    """Judges every task; ``vectors`` are float32 [clips, dimensions] in the order of the paths."""
    rows = {sha256: row for row, sha256 in enumerate(task_set.paths())}
    return [
        judge(task, vectors[[rows[clip.sha256] for clip in task.clips]]) for task in task_set.tasks
    ]


def differences(
    task_set: TaskSet, ours: Sequence[Verdict], theirs: Sequence[Verdict]
) -> tuple[Difference, ...]:
    """Returns how far one side's values are from the other's, task by task and of the mean (last).

    Each side's heads are fitted to its own embeddings. The interval is that of a bootstrap of
    pairs: a clip is drawn with both its answers (Efron and Tibshirani 1993, chapter 8), so that
    what makes a clip hard cancels out.
    """
    apart = {
        task.name: paired(one.judged, other.judged)
        for task, one, other in zip(task_set.tasks, ours, theirs, strict=True)
    }
    apart["mean"] = Verdict(
        value=float(np.mean([each.value for each in apart.values()])),
        resampled=np.mean([each.resampled for each in apart.values()], axis=0),
    )
    found = []
    for name, verdict in apart.items():
        low, high = interval(verdict.resampled)
        found.append(Difference(task=name, value=verdict.value, low=low, high=high))
    return tuple(found)


def judge(task: Task, vectors: Floats) -> Verdict:
    """Returns a task's value; ``vectors`` are float32 [clips, dimensions] in the task's order."""
    rng = np.random.default_rng(_SEED)
    judged = _judged(task, vectors)
    verdict = _averaged([_resampled(part, rng) for part in judged])
    return replace(verdict, judged=tuple(judged))


def _judged(task: Task, vectors: Floats) -> list[Judged]:
    """Returns which test clips were named rightly, in one part or, not pooled, in one a fold."""
    judged = _nearest(task, vectors) if task.metric is Metric.TOP1 else _headed(task, vectors)
    if task.pooled:
        merged: Judged = defaultdict(list)
        for part in judged:
            for label, right in part.items():
                merged[label] += right
        judged = [dict(merged)]
    return judged


def _averaged(parts: Sequence[tuple[float, NDArray[np.float64]]]) -> Verdict:
    return Verdict(
        value=float(np.mean([value for value, _ in parts])),
        resampled=np.mean([resampled for _, resampled in parts], axis=0),
    )


def paired(ours: Sequence[Judged], theirs: Sequence[Judged]) -> Verdict:
    """Returns one side's value less the other's; both judged the same clips."""
    rng = np.random.default_rng(_SEED)
    return _averaged(
        [_resampled_pairs(part, other, rng) for part, other in zip(ours, theirs, strict=True)]
    )


def _resampled_pairs(
    ours: Judged, theirs: Judged, rng: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """Returns the mean difference of the strata's recalls, and of 1000 resamples of their clips.

    A clip's difference is -1, 0 or 1, so drawing n of n with replacement is a multinomial draw.
    """
    values, drawn = [], []
    for label, right in ours.items():
        differences = np.array(right, dtype=int) - np.array(theirs[label], dtype=int)
        shares = [float((differences == side).mean()) for side in (1, -1, 0)]
        counts = rng.multinomial(len(differences), shares, size=_RESAMPLES)
        values.append(float(differences.mean()))
        drawn.append((counts[:, 0] - counts[:, 1]) / len(differences))
    return float(np.mean(values)), np.mean(drawn, axis=0)


def _resampled(judged: Judged, rng: np.random.Generator) -> tuple[float, NDArray[np.float64]]:
    """Returns the mean recall of the strata, and of 1000 bootstrap resamples of their clips.

    Drawing n clips with replacement from n of which k are right gives a binomial(n, k / n) count,
    so the bootstrap (Efron and Tibshirani 1993, chapter 13, percentile intervals) is drawn as such.
    """
    counts = np.array([len(right) for right in judged.values()])
    recalls = np.array([np.mean(right) for right in judged.values()])
    drawn = rng.binomial(counts, recalls, size=(_RESAMPLES, len(counts))) / counts
    return float(recalls.mean()), drawn.mean(axis=1)


def _headed(task: Task, vectors: Floats) -> list[Judged]:
    """Returns for each fold and label whether each test clip was named rightly."""
    labels = [clip.label for clip in task.clips]
    groups = [clip.group for clip in task.clips]
    parts = []
    for fold in task.folds:
        said, _ = head.predict(vectors, labels, groups, fold)
        judged: Judged = defaultdict(list)
        for index, word in zip(fold.test, said, strict=True):
            judged[labels[index]].append(word == labels[index])
        parts.append(dict(judged))
    return parts


def _nearest(task: Task, vectors: Floats) -> list[Judged]:
    """Returns for each fold whether each query's nearest neighbour among the train clips is right.

    Each side is one voice and is standardised by its own mean and deviation, as NOSS does.
    """
    labels = np.array([clip.label for clip in task.clips])
    parts = []
    for fold in task.folds:
        known = _standardised(vectors[list(fold.train)])
        asked = _standardised(vectors[list(fold.test)])
        distances = (known**2).sum(axis=1) - 2 * asked @ known.T  # plus a constant of each query
        said = labels[list(fold.train)][distances.argmin(axis=1)]
        right = said == labels[list(fold.test)]
        parts.append({"queries": [bool(value) for value in right]})
    return parts


def _standardised(vectors: Floats) -> NDArray[np.float64]:
    own = vectors.astype(np.float64)
    standardised: NDArray[np.float64] = (own - own.mean(axis=0)) / (own.std(axis=0) + _TINY)
    return standardised


def interval(resampled: NDArray[np.float64]) -> tuple[float, float]:
    """Returns the 95 % interval of resampled values."""
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)
