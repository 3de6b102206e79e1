"""Verification and several labels: values against scikit-learn's and by hand, and resamples."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_curve
from support.audio_models import MODELS, manifest
from support.public_copies import fsd50k, voxceleb1_verification

from bench.core.hashing import sha256_value
from models.accuracy.classification import differences, evaluate, evaluate_task
from models.accuracy.clusters import clusters_of, drawn_weights, widened
from models.accuracy.score import score_artifact
from models.accuracy.several_labels import average_precisions, marks_of
from models.accuracy.verification import equal_error_rates
from models.audio.sample import sampled
from models.audio.taskset import Clip, Fold, Metric, Task, TaskSet, Trial, drawn_trials
from models.public.task_sets import public_task_set
from models.tflite.arrays import Floats

Numbers = NDArray[np.float64]


def rate(cosines: list[float], is_same: list[bool], weights: Numbers | None = None) -> float:
    each = np.ones(len(cosines)) if weights is None else weights
    (found,) = equal_error_rates(np.array(cosines), np.array(is_same), each[np.newaxis])
    return float(found)


def by_scikit_learn(cosines: Numbers, is_same: NDArray[np.bool_]) -> float:
    false, found, _ = roc_curve(is_same, cosines, drop_intermediate=False)
    fine = np.interp(np.linspace(0, 1, 2_000_001), false, found)
    return float(np.linspace(0, 1, 2_000_001)[np.argmax(fine >= 1 - np.linspace(0, 1, 2_000_001))])


def test_equal_error_rates_by_hand() -> None:
    assert rate([0.9, 0.8, 0.2, 0.1], [True, True, False, False]) == 0
    assert rate([0.9, 0.8, 0.2, 0.1], [False, False, True, True]) == 1
    # At any threshold between .4 and .6 one of two of each kind is wrong.
    assert rate([0.9, 0.4, 0.6, 0.1], [True, True, False, False]) == 0.5
    # All pairs alike: the line from (0, 0) to (1, 1) crosses where both rates are a half.
    assert rate([0.5] * 5, [True, True, False, False, False]) == 0.5
    # Three of one speaker, one below the best of two others: a third is missed at no false
    # alarm, none at a half; between these points misses are 1/3 - 2/3 of the false alarms.
    assert rate([0.9, 0.8, 0.3, 0.5, 0.1], [True] * 3 + [False] * 2) == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", range(4))
def test_equal_error_rates_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_same = rng.random(200) < 0.3
    cosines = rng.normal(size=200) + is_same
    if seed % 2:
        cosines = cosines.round(1)  # with equal ones
    assert rate(list(cosines), list(is_same)) == pytest.approx(
        by_scikit_learn(cosines, is_same), abs=2e-6
    )


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_label = rng.random(60) < 0.2
    scores = (rng.normal(size=60) + is_label).round(1 if seed % 2 else 8)
    (found,) = average_precisions(scores, is_label, np.ones((1, 60)))
    assert found == pytest.approx(average_precision_score(is_label, scores))


def test_average_precision_by_hand() -> None:
    marks = np.array([True, False, True, False])
    (found,) = average_precisions(np.array([4.0, 3.0, 2.0, 1.0]), marks, np.ones((1, 4)))
    assert found == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize("digits", [8, 0])
def test_precision_without_a_clip_itself_counts_the_others_above_its_threshold(digits: int) -> None:
    rng = np.random.default_rng(2)
    scores, is_label = rng.normal(size=12).round(digits), rng.random(12) < 0.4
    weights = rng.integers(1, 4, size=12).astype(float)
    (found,) = average_precisions(scores, is_label, weights[np.newaxis], itself=False)
    by_clip = []
    for at in np.flatnonzero(is_label):
        above = (scores >= scores[at]) & (np.arange(12) != at)
        own = weights[above & is_label].sum()
        by_clip.append(own / weights[above].sum() if above.any() else 1.0)
    assert found == pytest.approx(np.average(by_clip, weights=weights[is_label]))


def test_a_weight_of_two_is_a_clip_or_a_pair_twice() -> None:
    rng = np.random.default_rng(8)
    scores, kinds = rng.normal(size=20), rng.random(20) < 0.5
    weights = rng.integers(0, 3, size=20)
    again = np.repeat(np.arange(20), weights)
    (one,) = average_precisions(scores, kinds, weights[np.newaxis].astype(float))
    (other,) = average_precisions(scores[again], kinds[again], np.ones((1, len(again))))
    assert one == pytest.approx(other)
    assert rate(list(scores), list(kinds), weights.astype(float)) == pytest.approx(
        rate(list(scores[again]), list(kinds[again]))
    )


def spoken(speakers: int, takes: int, *, noise: float) -> tuple[Task, Floats]:
    """Returns a task of verification: voices of 8 dimensions, and clips around them."""
    rng = np.random.default_rng(5)
    clips = tuple(
        Clip(path="x", sha256=f"{who}-{take}", label=f"s{who}", group="", speaker=f"s{who}")
        for who in range(speakers)
        for take in range(takes)
    )
    voices = np.repeat(rng.normal(size=(speakers, 8)), takes, axis=0)
    vectors = (voices + noise * rng.normal(size=voices.shape)).astype(np.float32)
    task = Task(
        name="v", metric=Metric.EER, clips=clips, pooled=False, chance=0.5,
        folds=(Fold(train=(), test=tuple(range(len(clips)))),),
        trials=drawn_trials(clips, most=200),
    )  # fmt: skip
    return task, vectors


def test_voices_far_apart_are_verified_and_noise_is_not() -> None:
    for noise, low, high in ((0.01, 1.0, 1.0), (100.0, 0.4, 0.65)):
        task, vectors = spoken(8, 6, noise=noise)
        result = evaluate_task(task, vectors)
        assert low <= result.value <= high
        ends = np.percentile(result.resampled, [2.5, 97.5])
        assert ends[0] <= result.value <= ends[1]


def test_drawn_pairs_are_as_many_of_each_kind_and_the_same_again() -> None:
    task, _ = spoken(8, 6, noise=1.0)
    same = [each for each in task.trials if each.is_same]
    assert len(same) == 8 * 15  # all that there are
    assert len(task.trials) == len(set(task.trials)) == 2 * len(same)
    labels = [clip.label for clip in task.clips]
    assert all(each.is_same == (labels[each.one] == labels[each.other]) for each in task.trials)
    assert drawn_trials(task.clips, most=200) == task.trials
    assert len(drawn_trials(task.clips, most=10)) == 20


def test_two_embeddings_are_compared_in_the_same_resamples_of_the_speakers() -> None:
    task, clear = spoken(12, 5, noise=0.8)
    noisy = clear + np.random.default_rng(1).normal(size=clear.shape).astype(np.float32) * 0.2
    tasks = TaskSet(name="v", root=Path("/"), tasks=(task,))
    rows = [[clip.sha256 for clip in task.clips].index(sha256) for sha256 in tasks.paths()]
    ours, theirs = (evaluate(tasks, vectors[rows]) for vectors in (clear, noisy))
    less, mean = differences(tasks, ours, theirs)
    assert less.value == mean.value == pytest.approx(ours[0].value - theirs[0].value)
    apart = np.hypot(ours[0].resampled.std(), theirs[0].resampled.std())
    assert less.high - less.low < 0.8 * 2 * 1.96 * apart
    same = differences(tasks, ours, ours)[0]
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_speakers_are_drawn_whole_and_clips_where_speakers_are_not_known() -> None:
    task, _ = spoken(4, 3, noise=1.0)
    weights = drawn_weights(clusters_of(task.clips))
    assert (weights.reshape(-1, 4, 3).std(axis=2) == 0).all()
    assert weights.mean() == pytest.approx(1.0, abs=0.05)
    unknown = [replace(clip, speaker="") for clip in task.clips]
    assert len(set(clusters_of(unknown))) == 12
    assert len(set(clusters_of(task.clips[:6]))) == 6  # two speakers are too few


def test_resamples_of_few_speakers_are_farther_apart() -> None:
    drawn = np.array([0.4, 0.5, 0.7])
    # Student's t of two degrees of freedom, and the root of 3 / 2.
    factor = 4.30265 / 1.95996 * np.sqrt(1.5)
    assert widened(0.5, drawn, ["a", "b", "c", "a"]) == pytest.approx(
        [0.5 - 0.1 * factor, 0.5, 1.0],  # .5 + .2 * 2.69 is beyond the scale
        abs=1e-5,
    )
    many = widened(0.5, drawn, [f"{index}" for index in range(5_000)])
    assert many == pytest.approx(drawn, abs=1e-3)


def test_a_sample_keeps_the_pairs_of_its_clips() -> None:
    task, _ = spoken(4, 40, noise=1.0)
    tasks = TaskSet(name="v", root=Path("/"), tasks=(task,))
    (thin,) = sampled(tasks, 120).tasks
    pairs = {
        (task.clips[each.one].sha256, task.clips[each.other].sha256, each.is_same)
        for each in task.trials
    }
    assert thin.trials
    assert {
        (thin.clips[each.one].sha256, thin.clips[each.other].sha256, each.is_same)
        for each in thin.trials
    } < pairs


def test_a_head_for_each_label_ranks_the_clips_that_have_it() -> None:
    rng = np.random.default_rng(2)
    labels = ["a", "a;b", "b", "c", "b;c"] * 24
    marks = marks_of(labels)
    assert marks[1].tolist() == [True, True, False]
    vectors = (marks + 0.3 * rng.normal(size=marks.shape)).astype(np.float32)
    clips = tuple(
        Clip(path="x", sha256=f"{index}", label=label, group="")
        for index, label in enumerate(labels)
    )
    fold = Fold(train=tuple(range(60)), test=tuple(range(60, 120)))
    task = Task(
        name="m", metric=Metric.MEAN_AVERAGE_PRECISION, clips=clips, folds=(fold,), pooled=False,
        chance=0.4,
    )  # fmt: skip
    good = evaluate_task(task, vectors)
    assert good.value > 0.9
    assert good.neighbours is not None
    assert good.neighbours > 0.85
    nothing = evaluate_task(task, rng.normal(size=vectors.shape).astype(np.float32))
    assert nothing.value < 0.6  # guessing scores the shares of the labels, .47 on average
    assert nothing.resampled.std() > 0


def test_other_names_of_metrics() -> None:
    assert Metric("unweighted_average_recall") is Metric("uar") is Metric.BALANCED_ACCURACY
    assert Metric("map") is Metric.MEAN_AVERAGE_PRECISION
    with pytest.raises(ValueError, match="auc"):
        Metric("auc")


def test_the_identity_of_a_task_has_its_pairs_and_is_as_before_without() -> None:
    task, _ = spoken(3, 2, noise=1.0)
    without, drawn, other = (
        TaskSet(name="v", root=Path("/"), tasks=(replace(task, trials=trials),)).sha256
        for trials in ((), task.trials, (Trial(one=0, other=1, is_same=True),))
    )
    assert len({without, drawn, other}) == 3
    clips = [[clip.sha256, clip.label, clip.group] for clip in task.clips]
    folds = [[(), (), fold.test] for fold in task.folds]
    assert without == sha256_value([["v", "eer", False, clips, folds]])


def test_a_file_is_scored_by_pairs_and_by_labels_with_the_floor_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    path = MODELS / "patch.tflite"
    for write, metric in ((voxceleb1_verification, "1-eer"), (fsd50k, "mean_average_precision")):
        write(tmp_path / write.__name__)
        tasks = public_task_set(write.__name__, tmp_path)
        score = score_artifact(manifest(path, batch=-1), path, tasks, cache=tmp_path / "cache")
        (task,) = score.tasks
        assert (task.metric, task.correct) == (metric, ())
        assert task.low <= task.value <= task.high
        assert task.floor is not None
        assert score.less_floor[0].value == pytest.approx(task.value - task.floor)
        assert (task.neighbours is None) == (metric == "1-eer")
