"""Score records: made of the accuracies of tasks, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from bench.core.progress import OnProgress
from bench.core.score import Difference, Head, Score, TaskScore, Windows
from models.accuracy import head
from models.accuracy.classification import (
    Correct,
    TaskAccuracy,
    confidence_interval,
    differences,
)
from models.accuracy.embed import THREADS
from models.audio.taskset import TaskSet

_VERSION = 4  # of the classification and of the windows


def cached(
    computed: Callable[[], Score], key: list[object], task_set: TaskSet, cache: Path
) -> Score:
    """Returns the score of a key on a task set: the one on disk, or computed and kept."""
    spoken = [each for each in [task_set.speakers_sha256] if each]
    name = sha256_value([_VERSION, head.VERSION, task_set.name, task_set.sha256, key, *spoken])
    stored = cache / "scores" / f"{name}.json"
    try:
        score = config.load(stored, Score)
    except ConfigurationError:  # it is not there, or of another version of the program
        config.save(stored, computed())
        score = config.load(stored, Score)
    # The same clips may have come with other files that are left out, which scores nothing anew.
    return replace(score, caveats=task_set.caveats_of_scores)


def record(
    task_set: TaskSet,
    results: Sequence[TaskAccuracy],
    floor: Score | None,
    *,
    artifact_sha256: str,
    runtime: str,
    delegate: str,
    hop_samples: int,
) -> Score:
    """Returns the score of accuracies, in the order of the task set's tasks.

    Args:
        floor: the log-mel floor's, for the differences to it.
        artifact_sha256, runtime, delegate, hop_samples: as of ``Score``.
    """
    floors = {} if floor is None else {task.task: task.value for task in floor.tasks}
    tasks = []
    for task, result in zip(task_set.tasks, results, strict=True):
        low, high = confidence_interval(result.resampled)
        tasks.append(
            TaskScore(
                task=task.name,
                metric=task.metric.value,
                value=result.value,
                low=low,
                high=high,
                chance=task.chance,
                floor=floors.get(task.name),
                test_clips=task.test_clips,
                correct=tuple(map(_in_digits, result.correct)),
                voices=result.voices,
                neighbours=result.neighbours,
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
        caveats=task_set.caveats_of_scores,
        windows=Windows.TO_END,
        less_floor=() if floor is None else _less_floor(task_set, results, floor),
        head=Head.FIXED,
    )


def _in_digits(correct: Correct) -> dict[str, str]:
    return {label: "".join(str(int(one)) for one in right) for label, right in correct.items()}


def _less_floor(
    task_set: TaskSet, results: Sequence[TaskAccuracy], floor: Score
) -> tuple[Difference, ...]:
    floors = [
        TaskAccuracy(
            value=task.value,
            resampled=np.empty(0),
            correct=tuple(
                {label: [digit == "1" for digit in digits] for label, digits in part.items()}
                for part in task.correct
            ),
        )
        for task in floor.tasks
    ]
    return differences(task_set, results, floors)


def report_done(on_progress: OnProgress, task_set: TaskSet) -> None:
    """Reports all clips of a task set as done."""
    total = len(task_set.paths())
    on_progress(total, total)
