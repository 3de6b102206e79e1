"""Scores the zoo's artifacts on a task set and keeps the scores in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.core.artifact import Artifact, Role
from bench.core.errors import BenchError
from bench.core.paths import cache_dir
from bench.core.score import Score
from bench.store.store import Store
from models.accuracy.score import score_artifact, score_floor
from models.audio.taskset import TaskSet
from models.zoo import IN_GRAPH, LOG_MEL, Zoo

Told = Callable[[str, int, int], None]

_EMBEDDINGS = (Role.EMBEDDING_PATCH, Role.EMBEDDING_WAVEFORM)


def scorable(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Returns those that are audio embeddings."""
    return [each for each in artifacts if each.role in _EMBEDDINGS]


def score(
    artifacts: Sequence[Artifact],
    *,
    zoo: Zoo,
    task_set: TaskSet,
    store: Store,
    told: Told,
) -> tuple[list[Score], dict[str, BenchError]]:
    """Returns the score of each artifact, stored as it is made, and the error of each that failed.

    The log-mel floor comes first: every score is read beside it.

    Args:
        told: how far it is: what is scored, clips done, clips in all.
    """
    cache = cache_dir()
    score_floor(task_set, cache=cache, progress=lambda done, total: told("log-mel", done, total))
    made: list[Score] = []
    failed: dict[str, BenchError] = {}
    for artifact in artifacts:
        name = f"{artifact.name}.{artifact.format.value}"
        try:
            one = score_artifact(
                artifact,
                zoo.checked_path(artifact),
                task_set,
                cache=cache,
                frontend_path=frontend_path(artifact, zoo),
                progress=lambda done, total, name=name: told(name, done, total),  # type: ignore[misc]  # the default binds the name
            )
        except BenchError as error:
            failed[name] = error
            continue
        store.add_artifact(artifact)
        store.add_score(one)
        made.append(one)
    return made, failed


def frontend_path(artifact: Artifact, zoo: Zoo) -> Path | None:
    """Returns the .tflite file that makes an artifact's input from audio, where it has its own."""
    if artifact.frontend in (LOG_MEL, IN_GRAPH):
        return None
    return zoo.checked_path(zoo.of(artifact.frontend)[0])
