"""A teacher's answers on a task set, which artifacts are compared with on the same clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache as cache_in_memory
from pathlib import Path

import numpy as np

from bench.core.artifact import Artifact
from bench.core.progress import OnProgress, ignore
from bench.core.score import TeacherDifference
from models.accuracy.classification import (
    TaskAccuracy,
    confidence_interval,
    differences,
    evaluate,
    ratio_of_means,
)
from models.audio.taskset import TaskSet
from models.embeddings.embed import embed_clips
from models.teachers.clips import clip_vectors
from models.teachers.teacher import Teacher


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTeacher:
    """A teacher on one task set.

    Args:
        sha256: its identity: of a file, or of a network and how it is called.
        accuracies: returns its accuracy on every task; computed once, when it is first needed.
    """

    name: str
    sha256: str
    accuracies: Callable[[], Sequence[TaskAccuracy]]


def scored_network(
    teacher: Teacher, task_set: TaskSet, *, cache: Path, on_progress: OnProgress = ignore
) -> ScoredTeacher:
    """Returns a teacher that students are distilled from; its vectors are of whole clips, cached.

    Its accuracies raise ``ConfigurationError`` or ``ConversionError`` as ``clip_vectors`` does.
    """

    @cache_in_memory
    def accuracies() -> list[TaskAccuracy]:
        clips = task_set.paths()
        vectors = clip_vectors(teacher, clips, cache=cache, on_progress=on_progress)
        on_progress(len(clips), len(clips))
        return evaluate(task_set, vectors)

    return ScoredTeacher(name=teacher.name, sha256=teacher.sha256, accuracies=accuracies)


def scored_file(
    artifact: Artifact,
    path: Path,
    task_set: TaskSet,
    *,
    cache: Path,
    frontend_path: Path | None = None,
    on_progress: OnProgress = ignore,
) -> ScoredTeacher:
    """Returns a .tflite file as a teacher, at its manifest's hop; embeddings are cached.

    Its accuracies raise ``ConfigurationError`` or ``ConversionError`` as ``embed_clips`` does.
    """

    @cache_in_memory
    def accuracies() -> list[TaskAccuracy]:
        embeddings = embed_clips(
            path,
            artifact,
            task_set.paths(),
            cache=cache,
            frontend_path=frontend_path,
            on_progress=on_progress,
        )
        return evaluate(task_set, embeddings)

    return ScoredTeacher(name=artifact.name, sha256=artifact.sha256, accuracies=accuracies)


def less_teacher(
    task_set: TaskSet, ours: Sequence[TaskAccuracy], teacher: ScoredTeacher
) -> TeacherDifference:
    """Returns one side's values against a teacher's on the same clips."""
    theirs = teacher.accuracies()
    low, high = confidence_interval(np.mean([each.resampled for each in theirs], axis=0))
    ratio, ratio_low, ratio_high = ratio_of_means(ours, theirs)
    return TeacherDifference(
        teacher=teacher.name,
        teacher_sha256=teacher.sha256,
        mean=float(np.mean([each.value for each in theirs])),
        mean_low=low,
        mean_high=high,
        differences=differences(task_set, ours, theirs),
        ratio=ratio,
        ratio_low=ratio_low,
        ratio_high=ratio_high,
    )
