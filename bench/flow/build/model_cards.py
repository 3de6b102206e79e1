"""Writes the scores of students in each format into their model cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.core.artifact import Artifact, Format
from bench.core.errors import BenchError
from bench.core.paths import cache_dir
from bench.core.progress import OnStepProgress, ignore
from bench.flow.build.convert import convert_to_zoo
from models import teachers
from models.accuracy.score import differences_to_first, score_artifact, score_teacher
from models.accuracy.scored_teacher import ScoredTeacher, scored_network
from models.audio.taskset import TaskSet
from models.distill import card as card_file
from models.distill.card import Card, FormatScore
from models.student.spec import parse_name
from models.zoo import Zoo


def score_cards(
    cards: Sequence[Card],
    out: Path,
    *,
    task_set: TaskSet,
    model_dir: Path | None = None,
    on_progress: OnStepProgress = ignore,
) -> tuple[list[Card], dict[str, BenchError]]:
    """Returns the cards with the scores of all formats and of the teacher, written to ``out``.

    Args:
        cards: of students with the same targets.
        out: the folder of their weights; their converted files are written to ``out/zoo``.
        on_progress: called with the name of what is scored, clips done and the total.
    """
    if not cards:
        return [], {}
    zoo = Zoo(out / "zoo")
    converted, failed = convert_to_zoo(
        [parse_name(card.student) for card in cards],
        formats=tuple(Format),
        zoo=zoo.root,
        weights=str(out),
    )
    artifacts = {group[0].name: group for group in converted}
    targets = cards[0].targets
    teacher = teachers.load(
        targets.teacher, model_dir=model_dir, output=targets.output, cache=cache_dir()
    )
    teacher_score = score_teacher(
        teacher, task_set, cache=cache_dir(), on_progress=partial(on_progress, teacher.name)
    )
    against = scored_network(teacher, task_set, cache=cache_dir())
    scored = []
    for card in cards:
        if card.student in artifacts:
            scores = _scores(artifacts[card.student], zoo, task_set, against, on_progress)
            scored.append(replace(card, teacher_score=teacher_score, scores=scores))
            card_file.save(scored[-1], out)
    return scored, failed


def _scores(
    artifacts: Sequence[Artifact],
    zoo: Zoo,
    task_set: TaskSet,
    teacher: ScoredTeacher,
    on_progress: OnStepProgress,
) -> tuple[FormatScore, ...]:
    paths = [zoo.checked_path(artifact) for artifact in artifacts]
    scores = [
        score_artifact(
            artifact,
            path,
            task_set,
            cache=cache_dir(),
            teacher=teacher,
            on_progress=partial(on_progress, f"{artifact.name}.{artifact.format.value}"),
        )
        for artifact, path in zip(artifacts, paths, strict=True)
    ]
    files = [(artifact, path, None) for artifact, path in zip(artifacts, paths, strict=True)]
    differences = differences_to_first(files, task_set, cache=cache_dir())
    return tuple(
        FormatScore(
            format=artifact.format.value,
            size_bytes=artifact.size_bytes,
            score=score,
            less_float32=difference,
        )
        for artifact, score, difference in zip(artifacts, scores, differences, strict=True)
    )
