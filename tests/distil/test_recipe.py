from pathlib import Path

import pytest

from bench.core.errors import ConfigurationError
from models.distill import recipe
from models.distill.recipe import Lesson, Recipe, Schedule

TINY = "tiny_w0.5_keras3_gap_e16_unfused"


def test_every_starter_student_has_a_name_that_can_be_built() -> None:
    found = recipe.load(recipe.STARTER)
    assert len(found.students) >= 8
    assert set(found.kept_out).isdisjoint(found.students)


def test_an_unknown_key_of_a_recipe_names_the_near_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"students: [{TINY}]\nschedule: {{epoch: 3}}\n")
    with pytest.raises(ConfigurationError, match="did you mean 'epochs'"):
        recipe.load(str(path))


def test_a_recipe_that_is_not_there_is_told(tmp_path: Path) -> None:
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
def test_a_lesson_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Lesson(**wrong)  # type: ignore[arg-type]  # one of its numbers


def test_a_schedule_without_a_step_or_with_an_unknown_optimizer_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        Schedule(epochs=0)
    with pytest.raises(ConfigurationError, match="unknown optimizer"):
        Schedule(optimizer="sgd")


def test_a_student_with_a_front_end_is_told_whom_to_teach_instead() -> None:
    with pytest.raises(ConfigurationError, match="learns nothing") as error:
        Recipe(students=(f"{TINY}_conv",))
    assert f"distil {TINY};" in error.value.hint


def test_what_decides_a_students_weights_is_its_identity() -> None:
    one = Recipe(students=(TINY, f"{TINY}_qat"))
    slower = Recipe(students=one.students, schedule=Schedule(learning_rate=1e-4))
    tuned = Recipe(students=one.students, fine_tuning=Schedule(epochs=1))
    more = Recipe(students=(*one.students, "frill"))
    assert one.sha256_of(TINY) == more.sha256_of(TINY) == tuned.sha256_of(TINY)
    assert one.sha256_of(TINY) != slower.sha256_of(TINY)
    assert one.sha256_of(f"{TINY}_qat") != tuned.sha256_of(f"{TINY}_qat")


def test_a_student_that_learns_longer_is_another_and_its_quantised_one_too() -> None:
    other = "tiny_w0.5_keras3_gap_e32_unfused"
    one = Recipe(students=(TINY, f"{TINY}_qat", other))
    long = Recipe(students=one.students, longer={TINY: 10})
    assert long.schedule_of(TINY) == Schedule(epochs=10)
    assert long.schedule_of(f"{TINY}_qat") == one.fine_tuning
    assert long.sha256_of(other) == one.sha256_of(other)
    for name in (TINY, f"{TINY}_qat"):
        assert long.sha256_of(name) != one.sha256_of(name)
    with pytest.raises(ConfigurationError, match="less than an epoch"):
        Recipe(students=(TINY,), longer={TINY: 0})
