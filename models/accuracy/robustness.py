"""Accuracy in a condition: heads are fitted to clean clips, and the test clips are perturbed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.core.artifact import Artifact
from bench.core.hashing import sha256_file
from bench.core.progress import OnProgress, ignore
from bench.core.score import Score
from models.accuracy.classification import TaskAccuracy, differences, evaluate, evaluate_task
from models.accuracy.floor import FLOOR, floor_vectors
from models.accuracy.scores import Floor, kept, score_of
from models.audio.acoustics import VERSION, AcousticCondition, perturbed_paths
from models.audio.taskset import Metric, Task, TaskSet
from models.embeddings.embed import DELEGATE, THREADS, embed_clips
from models.embeddings.pieces import Work
from models.tflite import litert
from models.tflite.arrays import Floats


def score_under(
    artifact: Artifact,
    path: Path,
    task_set: TaskSet,
    *,
    condition: AcousticCondition,
    hop: int,
    cache: Path,
    frontend_path: Path | None = None,
    on_progress: OnProgress = ignore,
    work: Work | None = None,
) -> Score:
    """Returns an artifact's accuracy in a condition, and its difference to that on clean clips.

    Embeddings, perturbed clips and scores are cached. The floor is that in the same condition.

    Args:
        artifact: the manifest.
        hop: in samples.
        frontend_path, on_progress, work: as for ``score_at_hops``.

    Raises:
        ConfigurationError: the file embeds no audio, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero.
    """
    embedded = partial(
        embed_clips,
        path,
        artifact,
        cache=cache,
        hop=hop,
        frontend_path=frontend_path,
        on_progress=on_progress,
        work=work,
    )

    def computed() -> Score:
        clean = embedded(task_set.paths())
        heard = embedded(_heard(task_set, condition, cache, on_progress))
        accuracies = evaluate_under(task_set, clean, heard)
        score = score_of(
            task_set,
            accuracies,
            _floor(task_set, condition, cache, on_progress, work),
            artifact_sha256=artifact.sha256,
            runtime=litert.runtime(),
            delegate=DELEGATE,
            hop_samples=hop,
        )
        less_clean = differences(task_set, accuracies, evaluate(task_set, clean))
        return replace(score, condition=condition.text, less_clean=less_clean)

    key = [artifact.sha256, artifact.window_samples, DELEGATE, THREADS, litert.runtime()]
    key += [sha256_file(frontend_path) if frontend_path else "", hop, condition.text, VERSION]
    score = kept(computed, [*key], task_set, cache)
    total = len(clips_tested(task_set))
    on_progress(total, total)
    return score


def evaluate_under(task_set: TaskSet, clean: Floats, heard: Floats) -> list[TaskAccuracy]:
    """Returns the accuracy of every task where the test clips are others than the training clips.

    Of verification both clips of a pair are test clips; of a search the queries are.

    Args:
        clean: float32 [clips, dimensions], in the order of the task set's paths.
        heard: float32 [test clips, dimensions], in the order of ``clips_tested``.
    """
    rows = {sha256: row for row, sha256 in enumerate(task_set.paths())}
    places = {sha256: row for row, sha256 in enumerate(clips_tested(task_set))}
    found = []
    for task in task_set.tasks:
        own = clean[[rows[clip.sha256] for clip in task.clips]]
        other = own.copy()
        for index, clip in enumerate(task.clips):
            if clip.sha256 in places:
                other[index] = heard[places[clip.sha256]]
        if task.metric is Metric.EER:
            found.append(evaluate_task(task, other))
        else:
            found.append(evaluate_task(_doubled(task), np.concatenate([own, other])))
    return found


def clips_tested(task_set: TaskSet) -> dict[str, Path]:
    """Returns the files of the clips that any task tests, by SHA-256, in the order of the sums."""
    wanted = {
        task.clips[index].sha256
        for task in task_set.tasks
        for fold in task.folds
        for index in fold.test
    }
    return {sha256: path for sha256, path in task_set.paths().items() if sha256 in wanted}


def _heard(
    task_set: TaskSet, condition: AcousticCondition, cache: Path, on_progress: OnProgress
) -> dict[str, Path]:
    return perturbed_paths(clips_tested(task_set), condition, cache=cache, on_progress=on_progress)


def _doubled(task: Task) -> Task:
    """Returns a task that has each clip twice, and tests the second ones."""
    count = len(task.clips)
    folds = tuple(
        replace(fold, test=tuple(count + index for index in fold.test)) for fold in task.folds
    )
    return replace(task, clips=task.clips * 2, folds=folds)


def _floor(
    task_set: TaskSet,
    condition: AcousticCondition,
    cache: Path,
    on_progress: OnProgress,
    work: Work | None,
) -> Floor:
    def accuracies() -> list[TaskAccuracy]:
        vectors = partial(floor_vectors, cache=cache, on_progress=on_progress, work=work)
        heard = _heard(task_set, condition, cache, on_progress)
        return evaluate_under(task_set, vectors(task_set.paths()), vectors(heard))

    def computed() -> Score:
        score = score_of(
            task_set,
            accuracies(),
            None,
            artifact_sha256=FLOOR,
            runtime=f"numpy {np.__version__}",
            delegate="none",
            hop_samples=0,
        )
        return replace(score, condition=condition.text)

    score = kept(computed, [FLOOR, condition.text, VERSION], task_set, cache)
    return Floor(score=score, accuracies=accuracies)
