"""Scores made of the accuracies of tasks, and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.core import config
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from bench.core.progress import OnProgress
from bench.core.score import Difference, Head, Score, ScoringProtocol, TaskScore, Windows
from models.accuracy import head
from models.accuracy.classification import (
    Correct,
    TaskAccuracy,
    confidence_interval,
    differences,
)
from models.audio.taskset import TaskSet
from models.embeddings.embed import THREADS


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The log-mel floor's score, and what computes its accuracies again, which are not kept."""

    score: Score
    accuracies: Callable[[], Sequence[TaskAccuracy]]


_VERSION = 4  # of the classification and of the windows


def kept(computed: Callable[[], Score], key: list[object], task_set: TaskSet, cache: Path) -> Score:
    """Returns a score from the cache, or computed into it.

    Args:
        key: what it depends on, besides the task set and the version of the program.
    """
    spoken = [each for each in [task_set.speakers_sha256] if each]
    name = sha256_value([_VERSION, head.VERSION, task_set.name, task_set.sha256, key, *spoken])
    stored = cache / "scores" / f"{name}.json"
    try:
        score = config.load(stored, Score)
    except ConfigurationError:  # it is not there, or of another version of the program
        config.save(stored, computed())
        score = config.load(stored, Score)
    # The same clips may have come with other files that are left out, which scores nothing anew.
    return replace(score, caveats=_caveats(task_set, score.tasks))


def _caveats(task_set: TaskSet, tasks: Sequence[TaskScore]) -> tuple[Caveat, ...]:
    best = [
        f"{task.task}: best of {task.chosen.among} heads on the test part: {task.chosen.name}"
        for task in tasks
        if task.chosen is not None
    ]
    kind = CaveatKind.BEST_ON_TEST
    chosen = [Caveat(kind=kind, evidence="; ".join(best))] if best else []
    return (*task_set.caveats_of_scores, *chosen)


def score_of(
    task_set: TaskSet,
    results: Sequence[TaskAccuracy],
    floor: Floor | None,
    *,
    artifact_sha256: str,
    runtime: str,
    delegate: str,
    hop_samples: int,
    protocol: ScoringProtocol = ScoringProtocol.DEFAULT,
) -> Score:
    """Returns the score of what each task's accuracy is.

    Args:
        floor: that of the log-mel floor; ``None`` for the floor itself.
        hop_samples: of whole clips 0.
    """
    floors = {} if floor is None else {task.task: task.value for task in floor.score.tasks}
    tasks = []
    for task, result in zip(task_set.tasks, results, strict=True):
        low, high = confidence_interval(result.resampled)
        tasks.append(
            TaskScore(
                task=task.name,
                metric=task.metric.scored_as,
                value=result.value,
                low=low,
                high=high,
                chance=task.chance,
                floor=floors.get(task.name),
                test_clips=task.test_clips,
                correct=tuple(map(_in_digits, result.correct)),
                voices=result.voices,
                neighbours=result.neighbours,
                chosen=result.chosen,
            )
        )
    resampled = np.mean([result.resampled for result in results], axis=0)
    mean_low, mean_high = confidence_interval(resampled)
    return Score(
        artifact_sha256=artifact_sha256,
        task_set=task_set.name,
        task_set_sha256=task_set.sha256,
        tasks=tuple(tasks),
        mean=float(np.mean([result.value for result in results])),
        mean_low=mean_low,
        mean_high=mean_high,
        runtime=runtime,
        delegate=delegate,
        threads=THREADS,
        hop_samples=hop_samples,
        caveats=_caveats(task_set, tasks),
        windows=Windows.TO_END,
        less_floor=() if floor is None else _less_floor(task_set, results, floor),
        head=Head.FIXED,
        protocol=protocol,
    )


def _in_digits(correct: Correct) -> dict[str, str]:
    return {label: "".join(str(int(one)) for one in right) for label, right in correct.items()}


def _less_floor(
    task_set: TaskSet, results: Sequence[TaskAccuracy], floor: Floor
) -> tuple[Difference, ...]:
    if not all(task.correct for task in floor.score.tasks):
        return differences(task_set, results, floor.accuracies())
    floors = [
        TaskAccuracy(
            value=task.value,
            resampled=np.empty(0),
            correct=tuple(
                {label: [digit == "1" for digit in digits] for label, digits in part.items()}
                for part in task.correct
            ),
        )
        for task in floor.score.tasks
    ]
    return differences(task_set, results, floors)


def of_protocol(protocol: ScoringProtocol) -> list[object]:
    """Returns what a protocol adds to the key of a kept score."""
    return [] if protocol is ScoringProtocol.DEFAULT else [protocol]


def report_done(on_progress: OnProgress, task_set: TaskSet) -> None:
    """Reports all clips of a task set as done."""
    total = len(task_set.paths())
    on_progress(total, total)
