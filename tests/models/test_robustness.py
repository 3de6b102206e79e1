"""Scores in conditions: clean heads, perturbed test clips, paired with the clean ones."""

from pathlib import Path

import numpy as np
import pytest
from support.audio_models import MODELS, manifest
from support.public_copies import voxceleb1_verification

from bench.core import config
from bench.core.score import PRESENT_RULE, Score
from models.accuracy.classification import differences, evaluate
from models.accuracy.robustness import clips_tested, evaluate_under, score_under
from models.accuracy.score import score_artifact
from models.audio.acoustics import AcousticCondition
from models.audio.tasks import task_set
from models.embeddings.embed import embed_clips
from models.public.task_sets import public_task_set

PATH = MODELS / "patch.tflite"


def test_the_head_is_fitted_to_clean_clips_and_the_perturbed_ones_are_tested(
    split_tones: Path,
) -> None:
    tasks = task_set(str(split_tones))
    (task,) = tasks.tasks
    (fold,) = task.folds
    labels = {clip.sha256: clip.label for clip in task.clips}
    places = {"low": [1.0, 0, 0], "middle": [0, 1.0, 0], "high": [0, 0, 1.0]}
    clean = np.array([places[labels[sha256]] for sha256 in tasks.paths()], dtype=np.float32)
    heard = np.array([places[labels[sha256]] for sha256 in clips_tested(tasks)], dtype=np.float32)
    assert len(heard) == len(fold.test) == 6
    assert [each.value for each in evaluate_under(tasks, clean, heard)] == [1.0]
    turned = np.roll(heard, 1, axis=1)  # as another label is, when it is clean
    (under,) = evaluate_under(tasks, clean, turned)
    assert under.value == 0.0
    (less, _) = differences(tasks, [under], evaluate(tasks, clean))
    assert (less.value, less.low, less.high) == (-1.0, -1.0, -1.0)


def test_a_score_in_a_condition_is_less_the_clean_one_in_pairs_and_of_another_rule(
    split_tones: Path, tmp_path: Path
) -> None:
    artifact, tasks = manifest(PATH, batch=-1), task_set(str(split_tones))
    clean = score_artifact(artifact, PATH, tasks, cache=tmp_path)

    def scored(condition: AcousticCondition) -> Score:
        return score_under(artifact, PATH, tasks, condition=condition, hop=2_720, cache=tmp_path)

    noisy = scored(AcousticCondition.NOISE)
    assert noisy == scored(AcousticCondition.NOISE)
    assert (clean.condition, clean.rule) == ("", PRESENT_RULE)
    assert noisy.rule == f"{PRESENT_RULE}, noise (pink, 10 dB SNR)"
    assert noisy.task_set_sha256 == clean.task_set_sha256
    assert [each.task for each in noisy.less_clean] == [tasks.tasks[0].name, "mean"]
    assert noisy.less_clean[-1].value == pytest.approx(noisy.mean - clean.mean)
    assert noisy.floor_mean is not None
    stored = config.unstructure(clean)
    del stored["condition"], stored["less_clean"]
    assert config.structure(stored, Score, source="a database") == clean


def test_clips_that_are_not_changed_score_what_clean_ones_do(
    split_tones: Path, tmp_path: Path
) -> None:
    artifact, tasks = manifest(PATH, batch=-1), task_set(str(split_tones))
    vectors = embed_clips(PATH, artifact, tasks.paths(), cache=tmp_path)
    rows = {sha256: row for row, sha256 in enumerate(tasks.paths())}
    heard = vectors[[rows[sha256] for sha256 in clips_tested(tasks)]]
    under, clean = evaluate_under(tasks, vectors, heard), evaluate(tasks, vectors)
    assert [(each.correct, each.voices) for each in under] == [
        (each.correct, each.voices) for each in clean
    ]


def test_pairs_are_perturbed_on_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    voxceleb1_verification(tmp_path / "data")
    tasks = public_task_set("voxceleb1_verification", tmp_path / "data")
    rng = np.random.default_rng(6)
    clean, heard = (rng.normal(size=(12, 4)).astype(np.float32) for _ in range(2))
    assert list(clips_tested(tasks)) == list(tasks.paths())
    (under,) = evaluate_under(tasks, clean, heard)
    assert under.value == evaluate(tasks, heard)[0].value
    less = differences(tasks, [under], evaluate(tasks, clean))[0]
    assert less.low <= less.value <= less.high
