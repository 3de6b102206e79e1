from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audio_models import MODELS, manifest

from bench.core.caveats import Caveat, CaveatKind
from models.accuracy import head
from models.accuracy.classification import (
    _resampled,
    by_voice,
    evaluate_task,
    paired_difference,
)
from models.accuracy.floor import score_floor
from models.accuracy.score import score_artifact
from models.audio.tasks import task_set
from models.audio.taskset import Clip, Fold, Metric, Task, TaskSet


def task(
    labels: list[str], folds: tuple[Fold, ...], *, metric: Metric, pooled: bool = False
) -> Task:
    clips = tuple(
        Clip(path="x", sha256=f"{index}", label=label, group=f"{index}")
        for index, label in enumerate(labels)
    )
    return Task(name="t", metric=metric, clips=clips, folds=folds, pooled=pooled, chance=0.5)


def test_tones_are_told_apart_and_the_floor_is_beside(tones: Path, tmp_path: Path) -> None:
    path = MODELS / "patch.tflite"
    found = score_artifact(manifest(path, batch=-1), path, task_set(str(tones)), cache=tmp_path)
    (only,) = found.tasks
    assert only.value == found.mean == 1.0
    assert only.low <= only.value <= only.high
    assert only.floor == 1.0
    assert only.chance == pytest.approx(1 / 3)
    assert only.test_clips == 18
    assert only.correct == ({"high": "1" * 6, "low": "1" * 6, "middle": "1" * 6},)
    assert [(each.task, each.value) for each in found.less_floor] == [(only.task, 0), ("mean", 0)]
    assert found.artifact_sha256 == manifest(path).sha256
    assert found.hop_samples == 2_720
    assert found.runtime.startswith("ai-edge-litert ")


def test_scoring_again_gives_the_very_same_score(split_tones: Path, tmp_path: Path) -> None:
    path, tasks = MODELS / "patch.tflite", task_set(str(split_tones))
    seen: list[tuple[int, int]] = []
    scores = [
        score_artifact(
            manifest(path, batch=-1),
            path,
            tasks,
            cache=cache,
            on_progress=lambda *at: seen.append(at),
        )
        for cache in (tmp_path / "one", tmp_path / "one", tmp_path / "two")
    ]
    assert scores[0] == scores[1] == scores[2]
    assert seen[-1] == (18, 18)


def test_a_kept_score_has_the_caveats_of_the_audio_that_is_scored_now(
    split_tones: Path, tmp_path: Path
) -> None:
    path, text = MODELS / "patch.tflite", split_tones.read_text()
    copied = f"{text}tones/low/speaker0/clip.wav,low,test\n"
    found = []
    for content in (text, copied, text):  # the same clips are trained on and tested
        split_tones.write_text(content)
        tasks = task_set(str(split_tones))
        found.append(score_artifact(manifest(path, batch=-1), path, tasks, cache=tmp_path))
    assert [CaveatKind.CLIPS_LEFT_OUT in {each.kind for each in one.caveats} for one in found] == [
        False, True, False,
    ]  # fmt: skip
    assert found[0].tasks == found[1].tasks


def test_the_caveats_of_a_task_set_are_those_of_its_scores(
    split_tones: Path, tmp_path: Path
) -> None:
    quick = replace(task_set(str(split_tones)), caveats=(Caveat(kind=CaveatKind.QUICK),))
    assert score_floor(quick, cache=tmp_path).caveats == quick.caveats


def test_labels_that_mean_nothing_score_near_chance() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(400, 16)).astype(np.float32)
    labels = [str(label) for label in rng.integers(4, size=400)]
    fold = Fold(train=tuple(range(200)), test=tuple(range(200, 400)))
    result = evaluate_task(task(labels, (fold,), metric=Metric.BALANCED_ACCURACY), vectors)
    assert result.value == pytest.approx(0.25, abs=0.08)


def test_balanced_accuracy_is_the_mean_recall_of_the_classes() -> None:
    correct = {"a": [True] * 8, "b": [False, True]}  # recalls: 1 and one half
    assert _resampled(correct, np.random.default_rng(1))[0] == 0.75


def test_a_nearest_neighbour_is_asked_after_each_voice_is_standardised() -> None:
    shapes = np.random.default_rng(1).normal(size=(5, 6))
    other_voice = shapes * 7 + 30  # another gain and offset of the very same words
    vectors = np.concatenate([shapes, other_voice]).astype(np.float32)
    sides = (tuple(range(5)), tuple(range(5, 10)))
    folds = (Fold(train=sides[0], test=sides[1]), Fold(train=sides[1], test=sides[0]))
    labels = [*"abcde", *"abcde"]
    assert evaluate_task(task(labels, folds, metric=Metric.TOP1), vectors).value == 1.0
    swapped = [*"abcde", *"bacde"]  # two of five words are called by each other's name
    result = evaluate_task(task(swapped, folds, metric=Metric.TOP1), vectors)
    assert result.value == pytest.approx(0.6)


def test_folds_are_pooled_or_averaged_as_the_task_says() -> None:
    # Nearest neighbours are all right in the first fold of four and all wrong in the second of two.
    vectors = np.array([[0.0], [1.0], [2.0], [3.0], [0.0], [1.0], [2.0], [3.0], [1.0], [0.0]])
    labels = [*"abcd", *"abcd", *"ab"]
    folds = (Fold(train=(0, 1, 2, 3), test=(4, 5, 6, 7)), Fold(train=(0, 1), test=(8, 9)))
    for pooled, value in ((True, 4 / 6), (False, 1 / 2)):
        one = task(labels, folds, metric=Metric.TOP1, pooled=pooled)
        assert evaluate_task(one, vectors.astype(np.float32)).value == pytest.approx(value)


def test_neither_validation_nor_test_clips_fit_the_head() -> None:
    rng = np.random.default_rng(0)
    labels = ["a", "b"] * 60
    vectors = rng.normal(size=(120, 8)).astype(np.float32)
    vectors[::2, 0] += 2
    fold = Fold(train=tuple(range(40)), validation=tuple(range(40, 80)), test=tuple(range(80, 120)))
    predicted = head.predict(vectors, labels, fold)
    assert np.mean([one == other for one, other in zip(predicted, labels[80:], strict=True)]) > 0.8
    others = [*labels[:40], *reversed(labels[40:])]
    assert head.predict(vectors, others, fold) == predicted


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=40), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_the_bootstrap_is_that_of_drawn_clips(strata: list[list[bool]]) -> None:
    correct = {str(index): right for index, right in enumerate(strata)}
    value, quick = _resampled(correct, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    drawn = [rng.choice(right, size=(400, len(right))).mean(axis=1) for right in strata]
    slow = np.mean(drawn, axis=0)
    assert value == pytest.approx(np.mean([np.mean(right) for right in strata]))
    assert quick.mean() == pytest.approx(slow.mean(), abs=0.08)
    assert quick.std() == pytest.approx(slow.std(), abs=0.05)


def test_a_difference_of_pairs_is_narrower_than_two_intervals_and_nothing_where_all_agree() -> None:
    host = {"a": [True] * 30 + [False] * 10, "b": [True] * 20 + [False] * 20}
    same = paired_difference([host], [host])
    assert same.value == 0 == same.resampled.min() == same.resampled.max()
    phone = {"a": [*host["a"][:-4], True, True, True, True], "b": host["b"]}
    found = paired_difference([phone], [host])
    assert found.value == pytest.approx((4 / 40 + 0) / 2)  # four of forty a, and no b
    low, high = np.percentile(found.resampled, [2.5, 97.5])
    assert 0 <= low < found.value < high
    # Two binomials of forty would have a deviation of about 0.08 here; four of forty pairs, 0.024.
    assert found.resampled.std() == pytest.approx(np.sqrt(0.1 * 0.9 / 40) / 2, rel=0.1)


def test_the_mean_of_two_tasks_has_a_narrower_interval_than_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    labels = ["a", "b"] * 40
    vectors = rng.normal(size=(80, 2)).astype(np.float32)
    vectors[::2, 0] += 1
    fold = Fold(train=tuple(range(40)), test=tuple(range(40, 80)))
    one = task(labels, (fold,), metric=Metric.BALANCED_ACCURACY)
    result = evaluate_task(one, vectors)
    low, high = np.percentile(result.resampled, [2.5, 97.5])
    assert low < result.value < high
    # Binomial half-width at n = 40 is at most 1.96 * sqrt(1 / 160) = 0.155.
    assert high - low < 2 * 0.155 + 0.03


@pytest.mark.audio
def test_the_quick_floor_beats_chance_and_carries_its_caveat(
    audio_root: Path, tmp_path: Path
) -> None:
    quick: TaskSet = task_set("quick", audio_root=audio_root)
    found = score_floor(quick, cache=tmp_path)
    assert [caveat.kind for caveat in found.caveats] == [
        CaveatKind.QUICK,
        CaveatKind.TWO_VOICES,
    ]
    assert all(one.low > one.chance for one in found.tasks)
    assert all(one.floor is None for one in found.tasks)


def test_answers_are_counted_by_voice_in_each_part() -> None:
    one = task(["a", "a", "b", "b"], (Fold(train=(0, 2), test=(1, 3)),) * 2, metric=Metric.RECALL)
    spoken = replace(
        one,
        clips=tuple(
            replace(clip, speaker=name) for clip, name in zip(one.clips, "xyzx", strict=True)
        ),
    )
    correct = [{"a": [True], "b": [False]}, {"a": [False], "b": [True]}]
    assert by_voice(one, correct) == ()
    found = by_voice(spoken, correct)
    assert [(each.part, each.label, each.voice, each.right) for each in found] == [
        (0, "a", "y", 1), (0, "b", "x", 0), (1, "a", "y", 0), (1, "b", "x", 1),
    ]  # fmt: skip


def test_the_nearest_clips_vote_beside_the_head() -> None:
    labels = ["a"] * 12 + ["b"] * 3 + ["a", "b"]
    fold = Fold(train=tuple(range(15)), test=(15, 16))
    vectors = np.array([[1, 0.01 * i] for i in range(12)] + [[0, 1]] * 3 + [[1, 0], [0, 1]])
    found = evaluate_task(task(labels, (fold,), metric=Metric.BALANCED_ACCURACY), vectors)
    # Of the ten nearest to the last clip three are of its label, seven of the other.
    assert (found.value, found.neighbours) == (1.0, 0.5)


def test_other_speakers_are_another_cached_score_of_the_same_task_set(
    tones: Path, tmp_path: Path
) -> None:
    path, tasks = MODELS / "patch.tflite", task_set(str(tones))
    (own,) = score_artifact(manifest(path, batch=-1), path, tasks, cache=tmp_path).tasks
    (only,) = tasks.tasks
    unnamed = replace(only, clips=tuple(replace(clip, speaker="") for clip in only.clips))
    found = score_artifact(
        manifest(path, batch=-1), path, replace(tasks, tasks=(unnamed,)), cache=tmp_path
    )
    assert len({each.voice for each in own.voices}) == 6
    assert own.over_voices is not None
    assert found.task_set_sha256 == tasks.sha256
    assert found.tasks[0].voices == ()
