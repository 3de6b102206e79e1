"""Which teacher's accuracy a student is compared with, and from which records."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.stored_sessions import ARTIFACT, CASE, add_session

from bench.core.artifact import Artifact, WeightsOrigin
from bench.core.caveats import Caveat, CaveatKind
from bench.core.score import Difference, Score, TaskScore, TeacherDifference, Windows
from bench.flow.report.join import join
from bench.flow.report.write import against_teachers, report
from bench.store.store import Store
from models.distill import card as cards
from models.student import weights
from reports.rows.against_teacher import AgainstTeacher

STUDENT = "tiny_w0.5_keras3_gap_e512_unfused"
SHAPE = replace(
    ARTIFACT, name="trill-shaped", sha256="b" * 64, weights=WeightsOrigin.UNTRAINED,
    caveats=(Caveat(kind=CaveatKind.UNTRAINED),),
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "bench.db") as opened:
        yield opened


def starter() -> Artifact:
    """Returns a file with the weights of a starter student."""
    card = cards.load(weights.starter_folder(), STUDENT)
    assert card is not None
    return replace(
        ARTIFACT, name=STUDENT, weights=WeightsOrigin.DISTILLED,
        provenance=f"distilled from a teacher, weights SHA-256 {card.weights_sha256}",
    )  # fmt: skip


def scored(sha256: str, mean: float, *, tasks: str = "s", **fields: Any) -> Score:
    task = TaskScore(
        task="speaker", metric="top1", value=mean, low=mean - 0.02, high=mean + 0.02, chance=0.1,
        floor=0.5, test_clips=400,
    )  # fmt: skip
    score = Score(
        artifact_sha256=sha256, task_set="default", task_set_sha256=tasks, tasks=(task,),
        mean=mean, mean_low=mean - 0.02, mean_high=mean + 0.02, runtime="ai-edge-litert 2.3.0",
        delegate="xnnpack", threads=1, hop_samples=15_360,
    )  # fmt: skip
    return replace(score, **fields)


def measured(store: Store, *artifacts: Artifact) -> None:
    for artifact in artifacts:
        store.add_artifact(artifact)
    times = {replace(CASE, artifact_sha256=each.sha256): 900.0 for each in artifacts}
    add_session(store, "one", times)


def student_line(store: Store) -> AgainstTeacher:
    rows, _ = join(store)
    (line,) = (each for each in against_teachers(store, rows) if each.side == "student")
    return line


PAIRED = TeacherDifference(
    teacher="speech+voice", teacher_sha256="e" * 64, mean=0.7, mean_low=0.68, mean_high=0.72,
    differences=(Difference(task="mean", value=-0.07, low=-0.08, high=-0.06),),
    ratio=0.9, ratio_low=0.89, ratio_high=0.91,
)  # fmt: skip


def test_a_comparison_in_pairs_stays_after_the_file_was_scored_again_alone(store: Store) -> None:
    measured(store, starter(), SHAPE)
    store.add_score(scored("a" * 64, 0.63, less_teacher=PAIRED))
    store.add_score(scored("a" * 64, 0.63))
    line = student_line(store)
    assert (line.teacher, line.paired) == ("speech+voice", True)
    assert (line.score_ratio, line.score_ratio_low, line.score_change) == (0.9, 0.89, -0.07)


def test_trills_own_score_comes_before_that_of_the_cards_teacher(store: Store) -> None:
    trill = replace(ARTIFACT, name="trill", sha256="c" * 64, weights=WeightsOrigin.GIVEN)
    measured(store, starter(), trill)
    store.add_score(scored("a" * 64, 0.6, less_teacher=PAIRED))
    store.add_score(scored("c" * 64, 0.75))
    line = student_line(store)
    assert (line.teacher, line.paired) == ("trill", False)
    assert line.score_ratio == pytest.approx(0.8)
    assert line.score_ratio_low == pytest.approx(0.58 / 0.77)
    assert line.score_ratio_high == pytest.approx(0.62 / 0.73)
    assert line.score_change_low == pytest.approx(0.58 - 0.77)


def test_the_cards_teacher_on_the_same_tasks_is_taken_unpaired(store: Store) -> None:
    card = cards.load(weights.starter_folder(), STUDENT)
    assert card is not None
    assert card.teacher_score is not None
    measured(store, starter(), SHAPE)
    theirs = card.teacher_score
    alike: dict[str, Any] = {
        "tasks": theirs.task_set_sha256,
        "windows": theirs.windows,
        "head": theirs.head,
    }
    store.add_score(scored("a" * 64, 0.6, **alike))
    line = student_line(store)
    assert (line.teacher, line.paired) == ("speech-embedding+ge2e", False)
    assert line.score_ratio == pytest.approx(0.6 / theirs.mean)


def test_scores_by_another_rule_are_not_compared(store: Store) -> None:
    trill = replace(ARTIFACT, name="trill", sha256="c" * 64, weights=WeightsOrigin.GIVEN)
    measured(store, starter(), trill)
    store.add_score(scored("a" * 64, 0.6, windows=Windows.TO_END))
    store.add_score(scored("c" * 64, 0.75, windows=Windows.WHOLE_HOPS))
    assert student_line(store).score_ratio is None


def test_on_other_tasks_or_with_other_weights_no_teacher_is_known(store: Store) -> None:
    other = replace(starter(), sha256="d" * 64, provenance="weights SHA-256 of another training")
    measured(store, starter(), other, SHAPE)
    for sha256 in ("a" * 64, "d" * 64):
        store.add_score(scored(sha256, 0.6))
    rows, _ = join(store)
    students = [each for each in against_teachers(store, rows) if each.side == "student"]
    assert len(students) == 2
    for line in students:
        assert line.score_mean == 0.6
        assert line.score_ratio is None


def test_the_report_of_such_a_database_has_the_section(store: Store, tmp_path: Path) -> None:
    measured(store, starter(), SHAPE)
    page, _ = report(store, out=tmp_path / "out", title="t", command="c")
    assert "student against teacher" in page.read_text()
    assert (tmp_path / "out" / "paper.csv").is_file()
