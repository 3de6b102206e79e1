"""The accuracy of students against that of their teachers, from stored scores and model cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.core.artifact import SAMPLE_RATE_HZ, Artifact, WeightsOrigin
from bench.core.caveats import CaveatKind
from bench.core.score import Score, TeacherDifference
from bench.store.store import Store
from models.distill import card as cards
from models.student.buildable import TRILL
from reports.rows.against_teacher import Accuracy
from reports.rows.schema import Row


def accuracies(store: Store, rows: Sequence[Row]) -> dict[Row, Accuracy]:
    """Returns the accuracy of each scored row of a trained model against its teacher's, if known.

    The teacher is TRILL, where its own file was scored on the same tasks, else that of the model
    card. In pairs where both were scored together, by ``paper`` or for the card.
    """
    artifacts = {each.sha256: each for each in store.artifacts()}
    scores = [each for each in store.scores() if each.device is None][::-1]  # the newest first
    of_trill = [each for each in scores if _is_trill(artifacts.get(each.artifact_sha256))]
    found = {}
    for row in rows:
        artifact = artifacts.get(row.file.artifact_sha256)
        if artifact is None or _is_untrained(row) or row.score_mean is None:
            continue
        own = [each for each in scores if _is_of(each, row)]
        if own:
            found[row] = _accuracy(artifact, own, of_trill)
    return {row: accuracy for row, accuracy in found.items() if accuracy is not None}


def _is_trill(artifact: Artifact | None) -> bool:
    given = artifact is not None and artifact.weights is WeightsOrigin.GIVEN
    return given and artifact is not None and artifact.name == TRILL


def _is_untrained(row: Row) -> bool:
    return any(each.kind is CaveatKind.UNTRAINED for each in row.caveats)


def _is_of(score: Score, row: Row) -> bool:
    """Returns whether a score is the row's, or the same one stored again."""
    return (
        score.artifact_sha256 == row.file.artifact_sha256
        and (score.task_set, score.mean) == (row.score_task_set, row.score_mean)
        and score.rule == row.score_rule
        and score.hop_samples / SAMPLE_RATE_HZ == row.audio_s_per_inference
    )


def _accuracy(
    artifact: Artifact, scores: Sequence[Score], of_trill: Sequence[Score]
) -> Accuracy | None:
    """Returns the first that there is.

    Args:
        scores: of one row, the newest first.
        of_trill: of TRILL's own file.
    """
    score = scores[0]
    trills = [each for each in of_trill if _are_comparable(each, score)]
    if trills and trills[0].artifact_sha256 == artifact.sha256:
        return None  # the teacher itself
    known = [
        each.less_teacher
        for each in (*scores, *_of_card(artifact, score))
        if each.less_teacher is not None and _are_comparable(each, score)
    ]
    if trills:
        known = [each for each in known if each.teacher_sha256 == trills[0].artifact_sha256]
    if known:
        return _paired(known[0])
    if trills:
        return _unpaired(score, TRILL, trills[0])
    card = cards.of_artifact(artifact)
    theirs = None if card is None else card.teacher_score
    if card is None or theirs is None or not _are_comparable(theirs, score):
        return None
    return _unpaired(score, card.teacher, theirs)


def _are_comparable(one: Score, other: Score) -> bool:
    return (one.task_set_sha256, one.rule) == (other.task_set_sha256, other.rule)


def _of_card(artifact: Artifact, score: Score) -> Iterator[Score]:
    """Yields the score of the very file in its model card, at the same hop."""
    card = cards.of_artifact(artifact)
    for each in card.scores if card is not None else ():
        same_file = each.score.artifact_sha256 == artifact.sha256
        if same_file and each.score.hop_samples == score.hop_samples:
            yield each.score


def _paired(found: TeacherDifference) -> Accuracy:
    mean = found.differences[-1]
    return Accuracy(
        teacher=found.teacher,
        teacher_sha256=found.teacher_sha256,
        mean=found.mean,
        low=found.mean_low,
        high=found.mean_high,
        ratio=found.ratio,
        ratio_low=found.ratio_low,
        ratio_high=found.ratio_high,
        change=mean.value,
        change_low=mean.low,
        change_high=mean.high,
        paired=True,
    )


def _unpaired(score: Score, name: str, teacher: Score) -> Accuracy:
    """Returns both means against each other, from the ends of both intervals."""
    return Accuracy(
        teacher=name,
        teacher_sha256=teacher.artifact_sha256,
        mean=teacher.mean,
        low=teacher.mean_low,
        high=teacher.mean_high,
        ratio=score.mean / teacher.mean,
        ratio_low=score.mean_low / teacher.mean_high,
        ratio_high=score.mean_high / teacher.mean_low,
        change=score.mean - teacher.mean,
        change_low=score.mean_low - teacher.mean_high,
        change_high=score.mean_high - teacher.mean_low,
        paired=False,
    )
