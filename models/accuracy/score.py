"""Scores: accuracy of an artifact or a teacher on a task set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache as cache_in_memory
from functools import partial
from pathlib import Path
from statistics import fmean

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
from models.accuracy.floor import floor_of
from models.accuracy.scored_teacher import ScoredTeacher, less_teacher
from models.accuracy.scores import kept, of_protocol, report_done, score_of
from models.audio.taskset import TaskSet
from models.embeddings.embed import DELEGATE, THREADS, embed_at_hops, embed_clips
from models.embeddings.frames import frames_of
from models.embeddings.pieces import Work
from models.embeddings.windows import starts_of
from models.teachers.clips import clip_vectors
from models.teachers.teacher import Teacher
from models.tflite import litert
from models.tflite.arrays import Floats


def score_artifact(
    artifact: Artifact,
    path: Path,
    task_set: TaskSet,
    *,
    cache: Path,
    frontend_path: Path | None = None,
    teacher: ScoredTeacher | None = None,
    on_progress: OnProgress = ignore,
    work: Work | None = None,
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
        work=work,
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
    work: Work | None = None,
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
        work: where it is done; by default in processes of this machine, if that is worth it.

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
            work=work,
        )
        return evaluate(task_set, embeddings[hop], protocol, work)

    def computed(hop: int) -> Score:
        score = score_of(
            task_set,
            accuracies(hop),
            floor_of(task_set, cache, on_progress, protocol, work),
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
        own_key += of_protocol(protocol)
        scores.append(kept(partial(computed, hop), own_key, task_set, cache))
    report_done(on_progress, task_set)
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
        samples = frontend.samples_of(frames.count(sha256))
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
        floor = floor_of(task_set, cache, on_progress)
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
    report_done(on_progress, task_set)
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
        floor_of(task_set, cache, ignore),
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
