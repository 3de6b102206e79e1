"""Accuracy of an artifact, and of the log-mel floor, on a task set, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core import config
from bench.core.artifact import Artifact
from bench.core.hashing import sha256_file, sha256_value
from bench.core.score import Difference, Score, TaskScore
from models import frontend
from models.accuracy import head
from models.accuracy.classification import Verdict, differences, interval, verdicts
from models.accuracy.embed import embed_clips
from models.accuracy.frames import frames_of
from models.audio.taskset import TaskSet
from models.teachers.clips import clip_vectors
from models.teachers.teacher import Teacher
from models.tflite import litert

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]

FLOOR = "log-mel"
_VERSION = 2  # of the judging
_FLOOR_OFFSET = 1e-6


def score_artifact(
    artifact: Artifact,
    path: Path,
    task_set: TaskSet,
    *,
    cache: Path,
    frontend_path: Path | None = None,
    progress: Progress | None = None,
    threads: int = 1,
    delegate: str = "xnnpack",
) -> Score:
    """Returns an artifact's accuracy on every task, beside the log-mel floor's on the same clips.

    Embeddings and scores are kept in the cache, so a second call takes no time.

    Args:
        artifact: the manifest.
        path: the .tflite file.
        task_set: the tasks.
        cache: the cache folder.
        frontend_path: a .tflite file that makes the model's input from a window of audio.
        progress: is told how many clips are embedded, and of how many.
        threads: CPU threads of the interpreter.
        delegate: ``xnnpack`` or ``none``.

    Raises:
        ConfigurationError: the file embeds no audio, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero.
    """
    clips = task_set.paths()
    key = [artifact.sha256, artifact.window_samples, artifact.hop_samples, delegate, threads]
    key += [litert.runtime(), sha256_file(frontend_path) if frontend_path else ""]

    def computed() -> Score:
        floor = {task.task: task.value for task in _floor(task_set, cache, progress).tasks}
        embeddings = embed_clips(
            path,
            artifact,
            clips,
            cache=cache,
            frontend_path=frontend_path,
            threads=threads,
            delegate=delegate,
            progress=progress,
        )
        return _score(
            task_set,
            verdicts(task_set, embeddings),
            floor,
            artifact_sha256=artifact.sha256,
            runtime=litert.runtime(),
            delegate=delegate,
            threads=threads,
            hop_samples=artifact.hop_samples,
        )

    score = _kept(computed, key, task_set, cache)
    _finish(progress, task_set)
    return score


def score_teacher(
    teacher: Teacher, task_set: TaskSet, *, cache: Path, progress: Progress | None = None
) -> Score:
    """Returns a teacher's accuracy on every task, with the same heads and floor as a student's.

    A clip's vector is the mean over the frames of the whole clip. Kept in the cache.

    Raises:
        ConfigurationError: a clip cannot be decoded.
        ConversionError: an output is not finite or all zero.
    """

    def computed() -> Score:
        floor = {task.task: task.value for task in _floor(task_set, cache, progress).tasks}
        return _score(
            task_set,
            verdicts(
                task_set, clip_vectors(teacher, task_set.paths(), cache=cache, progress=progress)
            ),
            floor,
            artifact_sha256=teacher.sha256,
            runtime=teacher.runtime,
            delegate="none",
            threads=1,
            hop_samples=0,
        )

    score = _kept(computed, ["teacher", teacher.sha256, teacher.runtime], task_set, cache)
    _finish(progress, task_set)
    return score


def score_floor(task_set: TaskSet, *, cache: Path, progress: Progress | None = None) -> Score:
    """Returns what mean and deviation of a log-mel score, with the same heads on the same clips.

    The recording channel differs from voice to voice, so a score says little without its floor.

    Raises:
        ConfigurationError: a clip cannot be decoded.
    """
    score = _floor(task_set, cache, progress)
    _finish(progress, task_set)
    return score


def score_beside_host(
    artifact: Artifact,
    task_set: TaskSet,
    vectors: Floats,
    host_vectors: Floats,
    *,
    cache: Path,
    device: str,
    runtime: str,
    delegate: str,
) -> Score:
    """Returns the accuracy of what a device made of the clips, and how far it is from the host's.

    Args:
        artifact: the manifest of the file that ran on the device.
        vectors, host_vectors: float32 [clips, dimensions] in the order of the task set's paths.
        cache: the cache folder, for the floor.
        device: its key.
        runtime, delegate: that made ``vectors``, with one thread.
    """
    floor = {task.task: task.value for task in _floor(task_set, cache, None).tasks}
    ours, hosts = verdicts(task_set, vectors), verdicts(task_set, host_vectors)
    score = _score(
        task_set,
        ours,
        floor,
        artifact_sha256=artifact.sha256,
        runtime=runtime,
        delegate=delegate,
        threads=1,
        hop_samples=artifact.hop_samples,
    )
    apart = differences(task_set, ours, hosts)
    return replace(score, device=device, less_host=apart)


def differences_to_first(
    files: Sequence[tuple[Artifact, Path, Path | None]],
    task_set: TaskSet,
    *,
    cache: Path,
    progress: Progress | None = None,
) -> list[tuple[Difference, ...]]:
    """Returns how far each file's values are from the first one's on the same clips.

    What a format costs is such a difference: of pairs, so that it is known better than the scores.

    Args:
        files: manifest, .tflite file, and that of its own front-end where it has one.

    Raises:
        ConfigurationError: a file embeds no audio, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero.
    """
    clips = task_set.paths()
    judged = [
        verdicts(
            task_set,
            embed_clips(
                path, artifact, clips, cache=cache, frontend_path=frontend, progress=progress
            ),
        )
        for artifact, path, frontend in files
    ]
    return [differences(task_set, each, judged[0]) for each in judged]


def _finish(progress: Progress | None, task_set: TaskSet) -> None:
    if progress is not None:
        total = len(task_set.paths())
        progress(total, total)


def _floor(task_set: TaskSet, cache: Path, progress: Progress | None) -> Score:
    def computed() -> Score:
        clips = task_set.paths()
        frames = frames_of(clips, cache=cache, progress=progress or (lambda done, total: None))
        heard = (frames.heard(sha256) for sha256 in clips)
        mels = (_plain_log_mel(each) for each in heard)
        statistics = np.stack([np.concatenate([m.mean(axis=0), m.std(axis=0)]) for m in mels])
        return _score(
            task_set,
            verdicts(task_set, statistics),
            {},
            artifact_sha256=FLOOR,
            runtime=f"numpy {np.__version__}",
            delegate="none",
            threads=1,
            hop_samples=frontend.FRAME_HOP_SAMPLES,
        )

    return _kept(computed, [FLOOR], task_set, cache)


def _plain_log_mel(frames: Floats) -> Floats:
    """Returns log(mel + 1e-6) of frames of log(mel + 0.001), float32 [frames, 64].

    FRILL's offset hides the quiet bins that tell voices apart; a floor should not be handicapped.
    With this one the floor also agrees with its published scores on all six tasks.
    """
    mel = np.exp(frames.astype(np.float64)) - frontend.LOG_OFFSET
    plain: Floats = np.log(np.maximum(mel, 0.0) + _FLOOR_OFFSET).astype(np.float32)
    return plain


def _kept(
    computed: Callable[[], Score], key: list[object], task_set: TaskSet, cache: Path
) -> Score:
    name = sha256_value([_VERSION, head.VERSION, task_set.name, task_set.sha256, key])
    stored = cache / "scores" / f"{name}.json"
    if not stored.is_file():
        config.save(stored, computed())
    return config.load(stored, Score)


def _score(
    task_set: TaskSet,
    judged: Sequence[Verdict],
    floor: dict[str, float],
    *,
    artifact_sha256: str,
    runtime: str,
    delegate: str,
    threads: int,
    hop_samples: int,
) -> Score:
    tasks = []
    for task, verdict in zip(task_set.tasks, judged, strict=True):
        low, high = interval(verdict.resampled)
        tasks.append(
            TaskScore(
                task=task.name,
                metric=task.metric.value,
                value=verdict.value,
                low=low,
                high=high,
                chance=task.chance,
                floor=floor.get(task.name),
                test_clips=task.test_clips,
            )
        )
    mean_low, mean_high = interval(np.mean([verdict.resampled for verdict in judged], axis=0))
    return Score(
        artifact_sha256=artifact_sha256,
        task_set=task_set.name,
        task_set_sha256=task_set.sha256,
        tasks=tuple(tasks),
        mean=float(np.mean([verdict.value for verdict in judged])),
        mean_low=mean_low,
        mean_high=mean_high,
        runtime=runtime,
        delegate=delegate,
        threads=threads,
        hop_samples=hop_samples,
        caveats=task_set.caveats,
    )
