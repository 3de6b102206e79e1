"""Agreement of the extended tasks with published baselines; about a minute."""

from pathlib import Path

import pytest
from support.real_models import efficient_word_net
from support.tables import write_table

from bench.core.errors import InfrastructureError
from bench.core.paths import cache_dir
from bench.core.score import Score
from models.accuracy.floor import score_floor
from models.accuracy.score import score_artifact
from models.audio import packages
from models.audio.tasks import task_set

pytestmark = [pytest.mark.evidence, pytest.mark.audio]

# Measured once by somebody else with code of their own: log-mel floor, EfficientWord-Net (of one
# task the floor alone), and the number of test clips. Of human-vs-other each direction.
PUBLISHED: dict[str, tuple[float, float | None, int]] = {
    "vocal3": (0.518, 0.565, 191),
    "speech-vs-vocal": (0.661, None, 762),
    "human-vs-other, ufoai-sound to teeworlds": (0.62, 0.61, 129),
    "human-vs-other, teeworlds to ufoai-sound": (0.66, 0.74, 229),
}


def half_width(name: str) -> float:
    """Returns the binomial 95 % half-width at the published value nearest to a half."""
    floor, model, clips = PUBLISHED[name]
    return max(
        1.96 * (value * (1 - value) / clips) ** 0.5 for value in (floor, model) if value is not None
    )


@pytest.fixture(scope="module")
def scores(audio_root: Path, real_model: packages.ModelFiles) -> dict[str, Score]:
    try:
        tasks = task_set("extended", audio_root=audio_root)
    except InfrastructureError as error:
        pytest.skip(error.message)
    return {
        "log-mel": score_floor(tasks, cache=cache_dir()),
        "EfficientWord-Net": score_artifact(
            efficient_word_net(real_model.embedding),
            real_model.embedding,
            tasks,
            cache=cache_dir(),
            frontend_path=real_model.frontend,
        ),
    }


def values(score: Score) -> dict[str, tuple[float, int]]:
    """Returns the value and the test clips of each task, of each direction where it has two."""
    found = {}
    for task in score.tasks:
        names = [name for name in PUBLISHED if name.split(",")[0] == task.task]
        for name, part in zip(names, task.correct, strict=True):
            recalls = [digits.count("1") / len(digits) for digits in part.values()]
            clips = sum(len(digits) for digits in part.values())
            found[name] = (sum(recalls) / len(recalls), clips)
    return found


def test_the_table_of_extended_scores_is_kept(scores: dict[str, Score]) -> None:
    floor, model = (values(each) for each in scores.values())
    rows = []
    for name, (published_floor, published_model, _) in PUBLISHED.items():
        rows.append(
            [
                name,
                str(floor[name][1]),
                f"{floor[name][0]:.3f}",
                f"{published_floor:.3f}",
                f"{model[name][0]:.3f}",
                "-" if published_model is None else f"{published_model:.3f}",
                f"{half_width(name):.3f}",
            ]
        )
    write_table(
        "extended",
        "The extended tasks: balanced accuracy of the log-mel floor and EfficientWord-Net beside "
        "scores published for the same clips, and the binomial 95 % half-width "
        "(`make evidence`). vocal3 and speech-vs-vocal test each of eleven groups of voices once; "
        "voices that share a file are one group.",
        ["task", "test clips", "log-mel", "published", "EfficientWord-Net", "published",
         "half-width"],
        rows,
    )  # fmt: skip


@pytest.mark.parametrize("place", [0, 1], ids=["log-mel", "EfficientWord-Net"])
@pytest.mark.parametrize("name", list(PUBLISHED))
def test_an_extended_score_agrees_with_the_published_one(
    scores: dict[str, Score], name: str, place: int
) -> None:
    published = PUBLISHED[name][:2][place]
    value, clips = values(list(scores.values())[place])[name]
    assert clips == PUBLISHED[name][2]
    assert published is None or abs(value - published) <= half_width(name)
