"""Scores of a file against a teacher on the same clips."""

from pathlib import Path

import numpy as np
import pytest
from support.audio_models import MODELS, manifest

from bench.core import config
from bench.core.score import Score
from models.accuracy.classification import TaskAccuracy, evaluate, ratio_of_means
from models.accuracy.score import score_artifact
from models.accuracy.scored_teacher import scored_file
from models.audio.tasks import task_set
from models.embeddings.embed import embed_clips

PATCH, ONE = MODELS / "patch.tflite", MODELS / "patch_one.tflite"


def answers(**right: list[bool]) -> TaskAccuracy:
    value = float(np.mean([np.mean(each) for each in right.values()]))
    return TaskAccuracy(value=value, resampled=np.full(1000, value), correct=(dict(right),))


def test_a_score_holds_the_teachers_mean_and_the_paired_difference_and_ratio(
    split_tones: Path, tmp_path: Path
) -> None:
    artifact, tasks = manifest(PATCH, batch=-1), task_set(str(split_tones))
    teacher = scored_file(manifest(ONE), ONE, tasks, cache=tmp_path)
    score = score_artifact(artifact, PATCH, tasks, cache=tmp_path, teacher=teacher)
    found = score.less_teacher
    assert found is not None
    assert (found.teacher, found.teacher_sha256) == ("patch_one", manifest(ONE).sha256)
    assert found.mean_low <= found.mean <= found.mean_high
    assert found.ratio == pytest.approx(score.mean / found.mean)
    assert found.ratio_low <= found.ratio <= found.ratio_high
    assert found.differences[-1].task == "mean"
    assert found.differences[-1].value == pytest.approx(score.mean - found.mean)
    assert score_artifact(artifact, PATCH, tasks, cache=tmp_path).less_teacher is None
    assert config.structure(config.unstructure(score), Score, source="a database") == score


def test_against_itself_nothing_is_uncertain_because_the_clips_are_the_same(
    split_tones: Path, tmp_path: Path
) -> None:
    artifact, tasks = manifest(PATCH, batch=-1), task_set(str(split_tones))
    embeddings = embed_clips(PATCH, artifact, tasks.paths(), cache=tmp_path)
    own = evaluate(tasks, embeddings)
    assert ratio_of_means(own, own) == (1.0, 1.0, 1.0)


def test_a_ratio_is_of_means_over_tasks_and_its_interval_is_of_pairs() -> None:
    half = [True, False] * 20
    other_half = [False, True] * 20
    ours = [answers(low=half, high=[True] * 40)]
    value, low, high = ratio_of_means(ours, [answers(low=half, high=half)])
    assert value == pytest.approx(0.75 / 0.5)
    assert low < value < high
    # What one side has right the other has wrong: a far wider interval than with equal answers.
    _, apart_low, apart_high = ratio_of_means(
        [answers(low=half, high=half)], [answers(low=other_half, high=other_half)]
    )
    _, alike_low, alike_high = ratio_of_means([answers(low=half)], [answers(low=half)])
    assert (alike_low, alike_high) == (1.0, 1.0)
    assert apart_low < 0.8 < 1.2 < apart_high
