"""Scores the zoo's artifacts on a task set and stores the scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.core.artifact import Artifact, Role
from bench.core.errors import BenchError
from bench.core.paths import cache_dir
from bench.core.progress import OnStepProgress
from bench.core.score import Score
from bench.store.store import Store
from models.accuracy.score import FLOOR, score_artifact, score_floor
from models.audio.taskset import TaskSet
from models.zoo import Zoo

_EMBEDDINGS = (Role.EMBEDDING_PATCH, Role.EMBEDDING_WAVEFORM, Role.EMBEDDING_STREAM)


def scorable(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Returns the artifacts that are audio embeddings."""
    return [each for each in artifacts if each.role in _EMBEDDINGS]


def score_artifacts(
    artifacts: Sequence[Artifact],
    *,
    zoo: Zoo,
    task_set: TaskSet,
    store: Store,
    on_progress: OnStepProgress,
) -> tuple[list[Score], dict[str, BenchError]]:
    """Returns the score of each artifact and the error of each that failed; stores each score.

    The log-mel floor is scored first: every score is compared with it.

    Args:
        on_progress: called with the name of what is scored, clips done and the total.
    """
    cache = cache_dir()
    score_floor(task_set, cache=cache, on_progress=partial(on_progress, FLOOR))
    scores: list[Score] = []
    failed: dict[str, BenchError] = {}
    for artifact in artifacts:
        name = f"{artifact.name}.{artifact.format.value}"
        try:
            score = score_artifact(
                artifact,
                zoo.checked_path(artifact),
                task_set,
                cache=cache,
                frontend_path=zoo.frontend_path(artifact),
                on_progress=partial(on_progress, name),
            )
        except BenchError as error:
            failed[name] = error
            continue
        store.add_artifact(artifact)
        store.add_score(score)
        scores.append(score)
    return scores, failed
