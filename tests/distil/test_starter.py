"""The students that come with the project: their weights, their cards, and what these promise."""

from dataclasses import replace

import pytest

from bench.core.hashing import sha256_file
from models.audio import packages
from models.distill import card as cards
from models.distill import recipe
from models.distill.card import Card
from models.student import weights
from models.student.spec import parse_name

FOLDER = weights.starter_folder()
STARTER = recipe.load(recipe.STARTER)
CARDS = [found for name in STARTER.students if (found := cards.load(FOLDER, name)) is not None]
# FRILL continues from what the recipe made of it: docs/distillation.md has both commands.
CONTINUED = replace(STARTER.schedule, epochs=5, learning_rate=3e-4)
FORMATS = ["float32", "float16", "dynamic", "int8"]


def loss(card: Card, format: str) -> float:
    """Returns how much of the mean of the tasks a format loses, in points."""
    (scored,) = (each for each in card.scores if each.format == format)
    (mean,) = (each for each in scored.less_float32 if each.task == "mean")
    return -100 * mean.value


def test_every_starter_student_has_weights_and_a_card_and_nothing_else_lies_there() -> None:
    expected = {f"{name}.{end}" for name in STARTER.students for end in ("npz", "json", "md")}
    assert {path.name for path in FOLDER.iterdir()} == expected
    assert sum(path.stat().st_size for path in FOLDER.glob("*.npz")) <= 40e6


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.student)
def test_a_card_is_of_the_very_weights_and_of_the_recipe(card: Card) -> None:
    path = FOLDER / f"{card.student}.npz"
    assert card.weights_sha256 == sha256_file(path)
    assert card.targets == STARTER.targets
    planned = STARTER.schedule_of(parse_name(card.student))
    assert card.schedule == (CONTINUED if card.start_sha256 else planned)
    assert len(card.curve) <= card.schedule.epochs
    assert bool(weights.load(path).ranges) == card.student.endswith("_qat")
    assert [each.format for each in card.scores] == FORMATS
    assert card.audio_licences
    assert (FOLDER / f"{card.student}.md").read_text() == cards.to_markdown(card)


def test_the_packages_to_learn_from_are_none_of_the_tasks() -> None:
    catalogue = packages.catalogue()
    learnt = {each.name for each in catalogue.distillation}
    assert learnt
    assert not learnt & {each.name for each in catalogue.audio}


def test_at_least_five_students_beat_the_log_mel_floor() -> None:
    above = [
        card.student
        for card in CARDS
        if card.scores[0].score.mean > (card.scores[0].score.floor_mean or 1.0)
    ]
    assert len(above) >= 5


def test_float16_and_dynamic_lose_at_most_half_a_point_and_int8_two() -> None:
    for card in CARDS:
        assert loss(card, "float16") <= 0.5, card.student
        assert loss(card, "dynamic") <= 0.5, card.student
        assert loss(card, "int8") <= 2.0, card.student
