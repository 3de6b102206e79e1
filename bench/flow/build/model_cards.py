"""What students score in each format, written into their model cards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.core.artifact import Format
from bench.core.errors import BenchError
from bench.core.paths import cache_dir
from bench.flow.build.convert import convert
from models import teachers
from models.accuracy.score import differences_to_first, score_artifact, score_teacher
from models.audio.taskset import TaskSet
from models.distill import card as cards
from models.distill.card import Card, Scored
from models.zoo import Zoo

Told = Callable[[str, int, int], None]


def score_cards(
    found: Sequence[Card],
    out: Path,
    *,
    task_set: TaskSet,
    model_dir: Path | None = None,
    told: Told = lambda what, done, total: None,
) -> tuple[list[Card], dict[str, BenchError]]:
    """Returns the cards with the scores of all formats and of the teacher, written to ``out``.

    Args:
        found: cards of students of one lesson, whose weights are in ``out``; the files made of them
            go to ``out/zoo``.
        told: how far it is: what is scored, clips done, clips in all.
    """
    if not found:
        return [], {}
    zoo = Zoo(out / "zoo")
    names = [each.student for each in found]
    formats = tuple(Format)
    made, failed = convert(names, formats=formats, zoo=zoo.root, weights=str(out))
    artifacts = {group[0].name: group for group in made}
    lesson = found[0].lesson
    teacher = teachers.load(
        lesson.teacher, model_dir=model_dir, output=lesson.output, cache=cache_dir()
    )
    teacher_score = score_teacher(
        teacher, task_set, cache=cache_dir(), progress=_named(told, teacher.name)
    )
    scored = []
    for each in found:
        if each.student not in artifacts:
            continue
        files = [(artifact, zoo.checked_path(artifact)) for artifact in artifacts[each.student]]
        scores = [
            score_artifact(
                artifact,
                path,
                task_set,
                cache=cache_dir(),
                progress=_named(told, f"{artifact.name}.{artifact.format.value}"),
            )
            for artifact, path in files
        ]
        losses = differences_to_first(
            [(artifact, path, None) for artifact, path in files], task_set, cache=cache_dir()
        )
        card = replace(
            each,
            teacher_score=teacher_score,
            scores=tuple(
                Scored(
                    format=artifact.format.value,
                    size_bytes=artifact.size_bytes,
                    score=score,
                    less_float32=loss,
                )
                for (artifact, _), score, loss in zip(files, scores, losses, strict=True)
            ),
        )
        cards.save(card, out)
        scored.append(card)
    return scored, failed


def _named(told: Told, what: str) -> Callable[[int, int], None]:
    return lambda done, total: told(what, done, total)
