"""Scores both sides of a gate's models on the same clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.core.artifact import Artifact
from bench.core.errors import ConfigurationError
from bench.core.paths import cache_dir
from bench.core.progress import OnStepProgress
from bench.flow.gate.references import FilePair
from bench.gate.records import Scored
from bench.plan.suite import Target
from models.accuracy.score import differences_to_first
from models.audio.taskset import TaskSet
from models.tflite.litert import runtime
from models.zoo import Zoo


def score_pairs(
    pairs: Sequence[FilePair], task_set: TaskSet, *, on_progress: OnStepProgress
) -> Iterator[Scored]:
    """Yields the score differences of each pair; embeddings are cached.

    Args:
        on_progress: called with the name of the model, clips done and the total.

    Raises:
        ConfigurationError: a file has no manifest or embeds no audio, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero.
    """
    for pair in pairs:
        files = [_scorable(side) for side in (pair.baseline, pair.candidate)]
        differences = differences_to_first(
            files,
            task_set,
            cache=cache_dir(),
            on_progress=partial(on_progress, str(pair.model)),
        )
        yield Scored(
            model=pair.model,
            task_set=task_set.name,
            task_set_sha256=task_set.sha256,
            runtime=runtime(),
            differences=differences[1],
        )


def _scorable(target: Target) -> tuple[Artifact, Path, Path | None]:
    artifact = target.artifact
    if artifact is None:
        raise ConfigurationError(
            f"{target.path}: has no manifest, so its audio input is unknown",
            hint="frill-bench zoo add FILE writes one; or leave out --task-set",
        )
    return artifact, target.path, Zoo(target.path.parent).frontend_path(artifact)
