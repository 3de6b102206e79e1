"""Agreement with the published table of baselines of the six tasks; about two minutes."""

from pathlib import Path

import pytest
from support.real_models import efficient_word_net
from support.tables import write_table

from bench.core.score import Score
from models.accuracy.floor import score_floor
from models.accuracy.score import score_artifact
from models.audio import packages
from models.audio.tasks import task_set

pytestmark = [pytest.mark.evidence, pytest.mark.audio]

# Measured once by somebody else with code of their own: log-mel floor, EfficientWord-Net, and the
# binomial 95 % half-width of each task, 1.96 * sqrt(p (1 - p) / n) at its wider of the two.
PUBLISHED = {
    "kw1shot": (0.066, 0.090, 0.019),
    "spk7-short": (0.867, 0.340, 0.027),
    "spk-xling": (0.297, 0.348, 0.041),
    "lang3-xvoice": (0.351, 0.605, 0.030),
    "tone4": (0.848, 0.571, 0.020),
    "sound7": (0.625, 0.438, 0.055),
}


@pytest.fixture(scope="module")
def scores(audio_root: Path, real_model: packages.ModelFiles) -> dict[str, Score]:
    from bench.core.paths import cache_dir

    tasks = task_set("default", audio_root=audio_root)
    artifact = efficient_word_net(real_model.embedding)
    return {
        "log-mel": score_floor(tasks, cache=cache_dir()),
        "EfficientWord-Net": score_artifact(
            artifact,
            real_model.embedding,
            tasks,
            cache=cache_dir(),
            frontend_path=real_model.frontend,
        ),
    }


def test_the_table_of_scores_is_kept(scores: dict[str, Score]) -> None:
    floor, model = scores["log-mel"], scores["EfficientWord-Net"]
    rows = []
    for one, other in zip(floor.tasks, model.tasks, strict=True):
        assert one.task == other.task
        published = PUBLISHED[one.task]
        cells = [one.task, str(one.test_clips), f"{one.chance:.3f}"]
        for task, theirs in ((one, published[0]), (other, published[1])):
            cells += [f"{task.value:.3f} ({task.low:.3f}-{task.high:.3f})", f"{theirs:.3f}"]
        rows.append([*cells, f"{published[2]:.3f}"])
    means = [
        f"{each.mean:.3f} ({each.mean_low:.3f}-{each.mean_high:.3f})" for each in (floor, model)
    ]
    rows.append(["mean", "", "", means[0], ".509", means[1], ".399", ""])
    write_table(
        "scores",
        "The six tasks: the log-mel floor and EfficientWord-Net, with 95 % intervals by clip "
        "bootstrap, beside scores published for the same clips (`make evidence`).",
        ["task", "test clips", "chance", "log-mel", "published", "EfficientWord-Net", "published",
         "half-width"],
        rows,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["log-mel", "EfficientWord-Net"])
@pytest.mark.parametrize("task", list(PUBLISHED))
def test_a_score_agrees_with_the_published_one(
    scores: dict[str, Score], name: str, task: str
) -> None:
    floor, model, half_width = PUBLISHED[task]
    published = floor if name == "log-mel" else model
    (found,) = (one for one in scores[name].tasks if one.task == task)
    assert abs(found.value - published) <= half_width


def test_the_floor_beside_each_score_is_the_floor(scores: dict[str, Score]) -> None:
    floor = {one.task: one.value for one in scores["log-mel"].tasks}
    assert {one.task: one.floor for one in scores["EfficientWord-Net"].tasks} == floor
