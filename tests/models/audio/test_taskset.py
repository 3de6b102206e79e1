from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.errors import ConfigurationError
from models.audio.taskset import Clip, Fold, Metric, Task, TaskSet, distinct, grouped_folds


def clip(sha256: str, label: str, *, path: str = "x.wav", group: str = "g") -> Clip:
    return Clip(path=path, sha256=sha256, label=label, group=group)


def task_set(clips: tuple[Clip, ...], folds: tuple[Fold, ...]) -> TaskSet:
    task = Task(
        name="t",
        metric=Metric.BALANCED_ACCURACY,
        clips=clips,
        folds=folds,
        pooled=True,
        chance=0.5,
    )
    return TaskSet(name="s", root=Path("/nowhere"), tasks=(task,))


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), min_size=1, max_size=60),
    st.integers(2, 5),
)
def test_each_clip_is_tested_once_and_no_group_is_on_both_sides(
    rows: list[tuple[str, int]], count: int
) -> None:
    # Every label is given two groups of its own, as the contract demands.
    rows = [*rows, *((label, group) for label in "ab" for group in (100, 101))]
    labels = [label for label, _ in rows]
    groups = [f"{group}" for _, group in rows]
    folds = grouped_folds(labels, groups, count=count)
    assert sorted(index for fold in folds for index in fold.test) == list(range(len(rows)))
    for fold in folds:
        assert sorted((*fold.train, *fold.test)) == list(range(len(rows)))
        assert not {groups[i] for i in fold.train} & {groups[i] for i in fold.test}


def test_folds_spread_each_label_evenly() -> None:
    labels = ["a"] * 10 + ["b"] * 20
    folds = grouped_folds(labels, [str(index) for index in range(30)], count=5)
    for fold in folds:
        assert [labels[index] for index in fold.test].count("a") == 2
        assert [labels[index] for index in fold.test].count("b") == 4


def test_a_label_of_one_speaker_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'b' has one group"):
        grouped_folds(["a", "a", "b", "b"], ["1", "2", "3", "3"], count=2)


def test_copies_count_once_and_copies_with_two_labels_not_at_all() -> None:
    clips = [clip("1", "a", path="p"), clip("1", "a", path="q"), clip("2", "a"), clip("2", "b")]
    assert distinct(clips) == [clip("1", "a", path="p")]


def test_the_identity_is_that_of_contents_labels_and_splits() -> None:
    fold = Fold(train=(0,), test=(1,))
    base = task_set((clip("1", "a"), clip("2", "b")), (fold,)).sha256
    renamed = task_set((clip("1", "a", path="other.wav"), clip("2", "b")), (fold,))
    assert renamed.sha256 == base
    for changed in (
        task_set((clip("3", "a"), clip("2", "b")), (fold,)),
        task_set((clip("1", "c"), clip("2", "b")), (fold,)),
        task_set((clip("1", "a"), clip("2", "b")), (Fold(train=(1,), test=(0,)),)),
    ):
        assert changed.sha256 != base


def test_a_speaker_is_no_part_of_the_identity_of_clips_and_splits() -> None:
    folds = (Fold(train=(0,), test=(1,)),)
    bare = task_set((clip("1", "a"), clip("2", "b")), folds)
    named = task_set((clip("1", "a"), replace(clip("2", "b"), speaker="june")), folds)
    assert bare.sha256 == named.sha256
    assert bare.speakers_sha256 == ""
    assert named.speakers_sha256
    assert named.tasks[0].voices_tested == ("june",)
