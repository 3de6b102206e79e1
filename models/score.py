"""Accuracy of an artifact, and of the log-mel floor, on a task set, with 95 % intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core import config
from bench.core.artifact import Artifact
from bench.core.hashing import sha256_file, sha256_value
from bench.core.score import Difference, Score, TaskScore
from models import frontend, head, litert
from models.audio.taskset import Metric, Task, TaskSet
from models.embed import embed_clips
from models.frames import frames_of
from models.teachers.clips import clip_vectors
from models.teachers.teacher import Teacher

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]
# A label (a stratum of the bootstrap) and whether each of its test clips was named rightly.
_Judged = dict[str, list[bool]]

FLOOR = "log-mel"
_VERSION = 2  # of the judging below
_RESAMPLES = 1_000
_SEED = 95
_TINY = 1e-9
_FLOOR_OFFSET = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """A task's value, and what it was in each bootstrap resample, float64 [1000].

    Args:
        judged: which clips were right, that it is the value of.
    """

    value: float
    resampled: NDArray[np.float64]
    judged: tuple[_Judged, ...] = ()


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
            _verdicts(task_set, embeddings),
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
            _verdicts(
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

    Each side's heads are fitted to its own embeddings. The interval of the difference is that of a
    bootstrap of pairs: a clip is drawn with both its answers (Efron and Tibshirani 1993, chapter
    8), so that what makes a clip hard cancels out.

    Args:
        artifact: the manifest of the file that ran on the device.
        vectors, host_vectors: float32 [clips, dimensions] in the order of the task set's paths.
        cache: the cache folder, for the floor.
        device: its key.
        runtime, delegate: that made ``vectors``, with one thread.
    """
    floor = {task.task: task.value for task in _floor(task_set, cache, None).tasks}
    ours, hosts = _verdicts(task_set, vectors), _verdicts(task_set, host_vectors)
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
    apart = {
        task.name: _paired(one.judged, other.judged)
        for task, one, other in zip(task_set.tasks, ours, hosts, strict=True)
    }
    apart["mean"] = _Verdict(
        value=float(np.mean([each.value for each in apart.values()])),
        resampled=np.mean([each.resampled for each in apart.values()], axis=0),
    )
    differences = []
    for name, verdict in apart.items():
        low, high = _interval(verdict.resampled)
        differences.append(Difference(task=name, value=verdict.value, low=low, high=high))
    return replace(score, device=device, less_host=tuple(differences))


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
            _verdicts(task_set, statistics),
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
    verdicts: Sequence[_Verdict],
    floor: dict[str, float],
    *,
    artifact_sha256: str,
    runtime: str,
    delegate: str,
    threads: int,
    hop_samples: int,
) -> Score:
    tasks = []
    for task, verdict in zip(task_set.tasks, verdicts, strict=True):
        low, high = _interval(verdict.resampled)
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
    mean_low, mean_high = _interval(np.mean([verdict.resampled for verdict in verdicts], axis=0))
    return Score(
        artifact_sha256=artifact_sha256,
        task_set=task_set.name,
        task_set_sha256=task_set.sha256,
        tasks=tuple(tasks),
        mean=float(np.mean([verdict.value for verdict in verdicts])),
        mean_low=mean_low,
        mean_high=mean_high,
        runtime=runtime,
        delegate=delegate,
        threads=threads,
        hop_samples=hop_samples,
        caveats=task_set.caveats,
    )


def _verdicts(task_set: TaskSet, vectors: Floats) -> list[_Verdict]:
    """Judges every task; ``vectors`` are float32 [clips, dimensions] in the order of the paths."""
    rows = {sha256: row for row, sha256 in enumerate(task_set.paths())}
    return [
        _judge(task, vectors[[rows[clip.sha256] for clip in task.clips]]) for task in task_set.tasks
    ]


def _judge(task: Task, vectors: Floats) -> _Verdict:
    """Returns a task's value; ``vectors`` are float32 [clips, dimensions] in the task's order."""
    rng = np.random.default_rng(_SEED)
    judged = _judged(task, vectors)
    verdict = _averaged([_resampled(part, rng) for part in judged])
    return replace(verdict, judged=tuple(judged))


def _judged(task: Task, vectors: Floats) -> list[_Judged]:
    """Returns which test clips were named rightly, in one part or, not pooled, in one a fold."""
    judged = _nearest(task, vectors) if task.metric is Metric.TOP1 else _headed(task, vectors)
    if task.pooled:
        merged: _Judged = defaultdict(list)
        for part in judged:
            for label, right in part.items():
                merged[label] += right
        judged = [dict(merged)]
    return judged


def _averaged(parts: Sequence[tuple[float, NDArray[np.float64]]]) -> _Verdict:
    return _Verdict(
        value=float(np.mean([value for value, _ in parts])),
        resampled=np.mean([resampled for _, resampled in parts], axis=0),
    )


def _paired(ours: Sequence[_Judged], theirs: Sequence[_Judged]) -> _Verdict:
    """Returns one side's value less the other's; both judged the same clips."""
    rng = np.random.default_rng(_SEED)
    return _averaged(
        [_resampled_pairs(part, other, rng) for part, other in zip(ours, theirs, strict=True)]
    )


def _resampled_pairs(
    ours: _Judged, theirs: _Judged, rng: np.random.Generator
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


def _resampled(judged: _Judged, rng: np.random.Generator) -> tuple[float, NDArray[np.float64]]:
    """Returns the mean recall of the strata, and of 1000 bootstrap resamples of their clips.

    Drawing n clips with replacement from n of which k are right gives a binomial(n, k / n) count,
    so the bootstrap (Efron and Tibshirani 1993, chapter 13, percentile intervals) is drawn as such.
    """
    counts = np.array([len(right) for right in judged.values()])
    recalls = np.array([np.mean(right) for right in judged.values()])
    drawn = rng.binomial(counts, recalls, size=(_RESAMPLES, len(counts))) / counts
    return float(recalls.mean()), drawn.mean(axis=1)


def _headed(task: Task, vectors: Floats) -> list[_Judged]:
    """Returns for each fold and label whether each test clip was named rightly."""
    labels = [clip.label for clip in task.clips]
    groups = [clip.group for clip in task.clips]
    parts = []
    for fold in task.folds:
        said, _ = head.predict(vectors, labels, groups, fold)
        judged: _Judged = defaultdict(list)
        for index, word in zip(fold.test, said, strict=True):
            judged[labels[index]].append(word == labels[index])
        parts.append(dict(judged))
    return parts


def _nearest(task: Task, vectors: Floats) -> list[_Judged]:
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


def _interval(resampled: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)
