"""Which teacher each artifact is compared with, and scores that its model card holds already."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.core.artifact import Artifact, WeightsOrigin
from bench.core.errors import BenchError
from bench.core.paths import cache_dir
from bench.core.progress import OnStepProgress
from bench.core.score import PRESENT_RULE, Score
from bench.flow.build.score import scorable
from models import teachers
from models.accuracy.scored_teacher import ScoredTeacher, scored_file, scored_network
from models.audio.taskset import TaskSet
from models.distill import card as cards
from models.distill.card import Card
from models.student.buildable import TRILL
from models.zoo import Zoo


def card_scores(artifact: Artifact, task_set: TaskSet | None) -> list[Score]:
    """Returns the score of the very file by the present rule that its model card holds, if any.

    Args:
        task_set: ``None`` for any.
    """
    card = cards.of_artifact(artifact)
    return [
        each.score
        for each in (card.scores if card is not None else ())
        if each.score.artifact_sha256 == artifact.sha256
        and each.score.rule == PRESENT_RULE
        and (task_set is None or each.score.task_set_sha256 == task_set.sha256)
    ]


def teachers_of(
    artifacts: Sequence[Artifact], zoo: Zoo, task_set: TaskSet, *, on_progress: OnStepProgress
) -> tuple[dict[str, ScoredTeacher], list[str]]:
    """Returns the teacher of each trained artifact by the artifact's SHA-256, and notes.

    It is TRILL where the zoo holds its own file, else the teacher of the artifact's model card. A
    note is there for each teacher that cannot be used.

    Args:
        on_progress: called with a teacher's name, clips done and the total.
    """
    trained = [each for each in artifacts if each.weights is WeightsOrigin.DISTILLED]
    trills = [each for each in scorable(zoo.artifacts()) if _is_trill(each)]
    if trills:
        trill = scored_file(
            trills[0],
            zoo.checked_path(trills[0]),
            task_set,
            cache=cache_dir(),
            frontend_path=zoo.frontend_path(trills[0]),
            on_progress=partial(on_progress, TRILL),
        )
        return {each.sha256: trill for each in trained}, []
    found: dict[str, ScoredTeacher] = {}
    loaded: dict[str, ScoredTeacher | str] = {}  # by the teacher's SHA-256
    for artifact in trained:
        card = cards.of_artifact(artifact)
        if card is None:
            continue
        if card.teacher_sha256 not in loaded:
            loaded[card.teacher_sha256] = _load(card, task_set, on_progress)
        teacher = loaded[card.teacher_sha256]
        if isinstance(teacher, ScoredTeacher):
            found[artifact.sha256] = teacher
    return found, [each for each in loaded.values() if isinstance(each, str)]


def _is_trill(artifact: Artifact) -> bool:
    return artifact.name == TRILL and artifact.weights is WeightsOrigin.GIVEN


def _load(card: Card, task_set: TaskSet, on_progress: OnStepProgress) -> ScoredTeacher | str:
    """Returns the teacher of a card, or why it cannot be used."""
    try:
        teacher = teachers.load(card.targets.teacher, output=card.targets.output, cache=cache_dir())
    except BenchError as error:
        return (
            f"Accuracies are not compared with {card.teacher} in pairs: {error.message}. "
            f"{error.hint}"
        )
    if teacher.sha256 != card.teacher_sha256:
        return f"Accuracies are not compared with {card.teacher}: it is another version here."
    return scored_network(
        teacher, task_set, cache=cache_dir(), on_progress=partial(on_progress, teacher.name)
    )
