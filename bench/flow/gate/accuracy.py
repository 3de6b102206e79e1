"""Scores both sides of a gate's models on the same clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.core.artifact import Artifact
from bench.core.errors import ConfigurationError
from bench.core.paths import cache_dir
from bench.flow.gate.references import Pairing
from bench.gate.records import Scored
from bench.plan.suite import Target
from models.accuracy.score import differences_to_first
from models.audio.taskset import TaskSet
from models.tflite.litert import runtime
from models.zoo import Zoo

Told = Callable[[str, int, int], None]


def scored(pairs: Sequence[Pairing], task_set: TaskSet, *, told: Told) -> Iterator[Scored]:
    """Yields how far each candidate scores from its baseline; embeddings are kept in the cache.

    Args:
        told: how far it is: the model, clips done, clips in all.

    Raises:
        ConfigurationError: a file has no manifest or embeds no audio, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero.
    """
    for pair in pairs:
        files = [_scorable(side) for side in (pair.baseline, pair.candidate)]
        key = f"{pair.name} {pair.format}"
        apart = differences_to_first(
            files,
            task_set,
            cache=cache_dir(),
            on_progress=lambda done, total, key=key: told(key, done, total),  # type: ignore[misc]  # the default binds the key
        )
        yield Scored(
            model=key,
            task_set=task_set.name,
            task_set_sha256=task_set.sha256,
            runtime=runtime(),
            differences=apart[1],
        )


def _scorable(target: Target) -> tuple[Artifact, Path, Path | None]:
    artifact = target.artifact
    if artifact is None:
        raise ConfigurationError(
            f"{target.path}: has no manifest, so what audio it takes is not known",
            hint="frill-bench zoo add FILE writes one; or leave out --task-set",
        )
    return artifact, target.path, Zoo(target.path.parent).frontend_path(artifact)
