from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from models.distill import card as cards
from models.distill import recipe
from models.distill.recipe import Recipe, Schedule, TargetSpec
from models.student.spec import FRILL, parse_name
from models.student.weights import starter_folder

TINY = "tiny_w0.5_keras3_gap_e16_unfused"


def test_every_starter_student_has_a_name_that_can_be_built() -> None:
    found = recipe.load(recipe.STARTER)
    assert len(found.students) >= 8
    assert FRILL.name in found.students


def test_the_crossed_students_mix_no_axis_with_another_or_with_a_pair_of_others() -> None:
    students = [parse_name(name) for name in recipe.load("crossed").students]
    values = {
        (each.size, each.width, each.head, each.bottleneck_rank, each.embedding_size,
         each.activation)
        for each in students
    }  # fmt: skip
    assert len(values) == len(students) == 16
    axes = [
        [1 if each == column[0] else -1 for each in column] for column in zip(*values, strict=True)
    ]
    assert all(sum(axis) == 0 for axis in axes)
    for one, other in combinations(range(len(axes)), 2):
        pair = [a * b for a, b in zip(axes[one], axes[other], strict=True)]
        assert sum(pair) == 0
        for third in set(range(len(axes))) - {one, other}:
            assert sum(a * b for a, b in zip(pair, axes[third], strict=True)) == 0


def test_an_unknown_key_of_a_recipe_names_the_near_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"students: [{TINY}]\nschedule: {{epoch: 3}}\n")
    with pytest.raises(ConfigurationError, match="did you mean 'epochs'"):
        recipe.load(str(path))


def test_a_recipe_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such recipe or file"):
        recipe.load(str(tmp_path / "no.yaml"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"validation_ratio": 0.0},
        {"telephone_ratio": 2.0},
        {"hop_s": 0.0},
        {"copies": 0},
        {"speed_range": (1.25, 0.8)},
    ],
)
def test_targets_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        TargetSpec(**wrong)  # type: ignore[arg-type]  # one of its numbers


def test_a_schedule_without_a_step_or_with_an_unknown_optimizer_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        Schedule(epochs=0)
    with pytest.raises(ConfigurationError, match="unknown optimizer"):
        Schedule(optimizer="sgd")


def test_a_student_with_a_front_end_names_the_one_to_train_instead() -> None:
    with pytest.raises(ConfigurationError, match="nothing to train") as error:
        Recipe(students=(f"{TINY}_dft",))
    assert f"distill {TINY};" in error.value.hint


def test_what_decides_a_students_weights_is_its_identity() -> None:
    one = Recipe(students=(TINY, f"{TINY}_qat"))
    slower = Recipe(students=one.students, schedule=Schedule(learning_rate=1e-4))
    tuned = Recipe(students=one.students, fine_tuning=Schedule(epochs=1))
    more = Recipe(students=(*one.students, "frill"))
    assert (
        one.sha256_of(parse_name(TINY))
        == more.sha256_of(parse_name(TINY))
        == tuned.sha256_of(parse_name(TINY))
    )
    assert one.sha256_of(parse_name(TINY)) != slower.sha256_of(parse_name(TINY))
    assert one.sha256_of(parse_name(f"{TINY}_qat")) != tuned.sha256_of(parse_name(f"{TINY}_qat"))


def test_a_student_that_is_trained_longer_is_another_and_its_quantised_one_too() -> None:
    other = "tiny_w0.5_keras3_gap_e32_unfused"
    one = Recipe(students=(TINY, f"{TINY}_qat", other))
    long = Recipe(students=one.students, longer={TINY: 10})
    assert long.schedule_of(parse_name(TINY)) == Schedule(epochs=10)
    assert long.schedule_of(parse_name(f"{TINY}_qat")) == one.fine_tuning
    assert long.sha256_of(parse_name(other)) == one.sha256_of(parse_name(other))
    for name in (TINY, f"{TINY}_qat"):
        assert long.sha256_of(parse_name(name)) != one.sha256_of(parse_name(name))
    with pytest.raises(ConfigurationError, match="less than an epoch"):
        Recipe(students=(TINY,), longer={TINY: 0})


def test_a_recipe_and_a_card_with_the_key_of_earlier_versions_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_text(f"students: [{TINY}]\nlesson: {{teacher: ge2e}}\n")
    assert recipe.load(str(path)) == Recipe(students=(TINY,), targets=TargetSpec(teacher="ge2e"))
    card = cards.load(starter_folder(), recipe.load(recipe.STARTER).students[0])
    assert card is not None
    document = config.unstructure(card)
    document["lesson"] = document.pop("targets")
    config.save(tmp_path / f"{card.student}.json", document)
    assert cards.load(tmp_path, card.student) == card


def test_students_of_earlier_versions_are_still_up_to_date() -> None:
    starter = recipe.load(recipe.STARTER)
    for student in starter.specs:
        card = cards.load(starter_folder(), student.name)
        assert card is not None
        own = replace(starter, schedule=card.schedule, longer={}) if card.start_sha256 else starter
        identity = [own.sha256_of(student), card.audio_sha256, card.teacher_sha256]
        identity += [card.start_sha256] if card.start_sha256 else []
        assert sha256_value(identity) == card.recipe_sha256
