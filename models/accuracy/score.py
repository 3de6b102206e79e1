"""Scores: accuracy of an artifact, a teacher or the log-mel floor on a task set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache as cache_in_memory
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np

from bench.core.artifact import Artifact
from bench.core.hashing import sha256_file
from bench.core.progress import OnProgress, ignore
from bench.core.score import (
    Difference,
    HopDifference,
    Score,
    ScoringProtocol,
)
from models import frontend
from models.accuracy.classification import (
    TaskAccuracy,
    differences,
    evaluate,
)
from models.accuracy.embed import DELEGATE, THREADS, embed_at_hops, embed_clips
from models.accuracy.frames import frames_of
from models.accuracy.scored_teacher import ScoredTeacher, less_teacher
from models.accuracy.scores import Floor, kept, score_of
from models.accuracy.windows import starts_of
from models.audio.taskset import TaskSet
from models.teachers.clips import clip_vectors
from models.teachers.teacher import Teacher
from models.tflite import litert
from models.tflite.arrays import Floats

FLOOR = "log-mel"
_FLOOR_OFFSET = 1e-6


def score_artifact(
    artifact: Artifact,
    path: Path,
    task_set: TaskSet,
    *,
    cache: Path,
    frontend_path: Path | None = None,
    teacher: ScoredTeacher | None = None,
    on_progress: OnProgress = ignore,
) -> Score:
    """Returns an artifact's accuracy at its manifest's hop, as ``score_at_hops`` does."""
    (score,) = score_at_hops(
        artifact,
        path,
        task_set,
        hops=(artifact.audio()[1],),
        cache=cache,
        frontend_path=frontend_path,
        teacher=teacher,
        on_progress=on_progress,
    )
    return score


def score_at_hops(
    artifact: Artifact,
    path: Path,
    task_set: TaskSet,
    *,
    hops: Sequence[int],
    cache: Path,
    frontend_path: Path | None = None,
    teacher: ScoredTeacher | None = None,
    protocol: ScoringProtocol = ScoringProtocol.DEFAULT,
    on_progress: OnProgress = ignore,
) -> list[Score]:
    """Returns an artifact's accuracy on every task at each hop, the log-mel floor's beside it.

    Embeddings and scores are cached, so a second call takes no time. The reference hop, which the
    others are compared with on the same clips, is the manifest's, else the shortest.

    Args:
        artifact: the manifest.
        hops: in samples.
        frontend_path: a .tflite file that makes the model's input from a window of audio.
        teacher: on the same task set; each score is also compared with it, by the default protocol.
        protocol: how the heads are chosen; the floor's too.
        on_progress: called with the clips embedded and all clips.

    Raises:
        ConfigurationError: the file embeds no audio, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero.
    """
    key = [artifact.sha256, artifact.window_samples, DELEGATE, THREADS]
    key += [litert.runtime(), sha256_file(frontend_path) if frontend_path else ""]
    own = artifact.audio()[1]
    reference = own if own in hops else min(hops)

    @cache_in_memory
    def accuracies(hop: int) -> list[TaskAccuracy]:
        embeddings = embed_at_hops(
            path,
            artifact,
            task_set.paths(),
            hops=hops,
            cache=cache,
            frontend_path=frontend_path,
            on_progress=on_progress,
        )
        return evaluate(task_set, embeddings[hop], protocol)

    def computed(hop: int) -> Score:
        score = score_of(
            task_set,
            accuracies(hop),
            _floor(task_set, cache, on_progress, protocol),
            artifact_sha256=artifact.sha256,
            runtime=litert.runtime(),
            delegate=DELEGATE,
            hop_samples=hop,
            protocol=protocol,
        )
        if teacher is not None:
            compared = less_teacher(task_set, accuracies(hop), teacher)
            score = replace(score, less_teacher=compared)
        if hop == reference:
            return score
        differences_to_reference = HopDifference(
            hop_samples=reference,
            differences=differences(task_set, accuracies(hop), accuracies(reference)),
            same_windows=_same_windows(artifact, task_set, (reference, hop), cache, on_progress),
        )
        return replace(score, less_hop=differences_to_reference)

    scores = []
    for hop in hops:
        own_key = [*key, hop, *([] if hop == reference else ["less", reference])]
        own_key += [] if teacher is None else ["teacher", teacher.sha256]
        own_key += _of_protocol(protocol)
        scores.append(kept(partial(computed, hop), own_key, task_set, cache))
    _report_done(on_progress, task_set)
    return scores


def _same_windows(
    artifact: Artifact,
    task_set: TaskSet,
    hops: tuple[int, int],
    cache: Path,
    on_progress: OnProgress,
) -> dict[str, float]:
    """Returns for each task the share of its test clips whose windows are the same at both hops."""
    frames = frames_of(task_set.paths(), cache=cache, on_progress=on_progress)

    def same(sha256: str) -> bool:
        samples = frontend.samples_of(len(frames.unpadded(sha256)))
        one, other = (starts_of(artifact, samples, hop) for hop in hops)
        return one == other

    shares = {}
    for task in task_set.tasks:
        tested = {index for fold in task.folds for index in fold.test}
        shares[task.name] = fmean(same(task.clips[index].sha256) for index in sorted(tested))
    return shares


def score_teacher(
    teacher: Teacher, task_set: TaskSet, *, cache: Path, on_progress: OnProgress = ignore
) -> Score:
    """Returns a teacher's accuracy on every task, with the same heads and floor as a student's.

    A clip's vector is the mean over the frames of the whole clip. Cached.

    Raises:
        ConfigurationError: a clip cannot be decoded.
        ConversionError: an output is not finite or all zero.
    """

    def computed() -> Score:
        floor = _floor(task_set, cache, on_progress)
        vectors = clip_vectors(teacher, task_set.paths(), cache=cache, on_progress=on_progress)
        return score_of(
            task_set,
            evaluate(task_set, vectors),
            floor,
            artifact_sha256=teacher.sha256,
            runtime=teacher.runtime,
            delegate="none",
            hop_samples=0,
        )

    score = kept(computed, ["teacher", teacher.sha256, teacher.runtime], task_set, cache)
    _report_done(on_progress, task_set)
    return score


def score_floor(
    task_set: TaskSet,
    *,
    cache: Path,
    protocol: ScoringProtocol = ScoringProtocol.DEFAULT,
    on_progress: OnProgress = ignore,
) -> Score:
    """Returns the log-mel floor: the score of mean and deviation of a clip's log-mel frames.

    The recording channel differs from voice to voice, so a score means little without its floor.

    Raises:
        ConfigurationError: a clip cannot be decoded.
    """
    score = _floor(task_set, cache, on_progress, protocol).score
    _report_done(on_progress, task_set)
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
    """Returns the accuracy of a device's embeddings, and its difference from the host's.

    Args:
        artifact: the manifest of the file that ran on the device.
        vectors, host_vectors: float32 [clips, dimensions] in the order of the task set's paths.
        cache: the cache folder, for the floor.
        runtime, delegate: that made ``vectors``, with one thread.
    """
    ours, hosts = evaluate(task_set, vectors), evaluate(task_set, host_vectors)
    score = score_of(
        task_set,
        ours,
        _floor(task_set, cache, ignore),
        artifact_sha256=artifact.sha256,
        runtime=runtime,
        delegate=delegate,
        hop_samples=artifact.audio()[1],
    )
    apart = differences(task_set, ours, hosts)
    return replace(score, device=device, less_host=apart)


def differences_to_first(
    files: Sequence[tuple[Artifact, Path, Path | None]],
    task_set: TaskSet,
    *,
    cache: Path,
    on_progress: OnProgress = ignore,
) -> list[tuple[Difference, ...]]:
    """Returns each file's values minus the first one's on the same clips.

    The loss of a format is such a difference. It is paired, so it is known better than the scores.

    Args:
        files: manifest, .tflite file, and that of its own front-end where it has one.

    Raises:
        ConfigurationError: a file embeds no audio, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero.
    """
    clips = task_set.paths()
    results = [
        evaluate(
            task_set,
            embed_clips(
                path, artifact, clips, cache=cache, frontend_path=frontend, on_progress=on_progress
            ),
        )
        for artifact, path, frontend in files
    ]
    return [differences(task_set, each, results[0]) for each in results]


def _report_done(on_progress: OnProgress, task_set: TaskSet) -> None:
    total = len(task_set.paths())
    on_progress(total, total)


def _of_protocol(protocol: ScoringProtocol) -> list[object]:
    """Returns what a protocol adds to the key of a kept score."""
    return [] if protocol is ScoringProtocol.DEFAULT else [protocol]


def _floor(
    task_set: TaskSet,
    cache: Path,
    on_progress: OnProgress,
    protocol: ScoringProtocol = ScoringProtocol.DEFAULT,
) -> Floor:
    @cache_in_memory
    def accuracies() -> list[TaskAccuracy]:
        vectors = floor_vectors(task_set.paths(), cache=cache, on_progress=on_progress)
        return evaluate(task_set, vectors, protocol)

    def computed() -> Score:
        return score_of(
            task_set,
            accuracies(),
            None,
            artifact_sha256=FLOOR,
            runtime=f"numpy {np.__version__}",
            delegate="none",
            hop_samples=frontend.FRAME_HOP_SAMPLES,
            protocol=protocol,
        )

    score = kept(computed, [FLOOR, *_of_protocol(protocol)], task_set, cache)
    return Floor(score=score, accuracies=accuracies)


def floor_vectors(
    clips: Mapping[str, Path], *, cache: Path, on_progress: OnProgress = ignore
) -> Floats:
    """Returns mean and deviation of each clip's log-mel frames, float32 [clips, 128].

    Args:
        clips: SHA-256 of each clip to a file that holds it; the rows follow this order.
        on_progress: called with the clips done and all clips.

    Raises:
        ConfigurationError: a clip cannot be decoded.
    """
    frames = frames_of(clips, cache=cache, on_progress=on_progress)
    mels = (_plain_log_mel(frames.unpadded(sha256)) for sha256 in clips)
    return np.stack([np.concatenate([m.mean(axis=0), m.std(axis=0)]) for m in mels])


def _plain_log_mel(frames: Floats) -> Floats:
    """Returns log(mel + 1e-6) of frames of log(mel + 0.001), float32 [frames, 64].

    FRILL's offset hides the quiet bins that distinguish voices, which would weaken the floor. With
    this offset the floor also agrees with its published scores on all six tasks.
    """
    mel = np.exp(frames.astype(np.float64)) - frontend.LOG_OFFSET
    plain: Floats = np.log(np.maximum(mel, 0.0) + _FLOOR_OFFSET).astype(np.float32)
    return plain
