"""The extended tasks: connected voices, and what is on two sides of a split."""

import hashlib
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from support.required import required

from bench.core.caveats import CaveatKind
from bench.core.errors import InfrastructureError
from models.audio import packages, wavpack
from models.audio.extended import connected, extended
from models.audio.tasks import task_set
from models.audio.taskset import Task, TaskSet


def test_groups_that_share_a_content_are_one_group() -> None:
    groups = ["c", "b", "a", "d", "e", "b", "e"]
    contents = ["1", "1", "2", "3", "4", "2", "4"]
    assert connected(groups, contents) == ["a", "a", "a", "d", "e", "a", "e"]


def test_extended_tasks_name_the_package_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="hedgewars-data is not there") as refused:
        extended(tmp_path, extended_root=tmp_path)
    assert "data fetch --extended" in refused.value.hint


@pytest.mark.audio
def test_wavpack_files_of_a_package_are_replaced_by_equal_wav_files(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "data" / "tone.wv", tmp_path / "tone.wv")
    try:
        wavpack.to_wav(tmp_path)
    except InfrastructureError as error:
        if required("audio"):
            raise
        pytest.skip(f"no wvunpack: {error.message}")
    assert [path.name for path in tmp_path.iterdir()] == ["tone.wav"]
    wanted = (8_000 * np.sin(np.arange(1_600) / 5)).astype(np.int16)  # what was packed
    with wave.open(str(tmp_path / "tone.wav")) as stream:
        assert np.array_equal(np.frombuffer(stream.readframes(1_600), dtype="<i2"), wanted)


@pytest.fixture(scope="module")
def found(audio_root: Path) -> TaskSet:
    wanted = {package.name for package in packages.catalogue().extended}
    try:
        return task_set("extended", audio_root=audio_root)
    except InfrastructureError as error:
        if required("extended"):
            raise
        pytest.skip(f"no packages of the extended tasks ({', '.join(wanted)}): {error.message}")


@pytest.mark.audio
def test_extended_tasks_have_the_published_counts(found: TaskSet) -> None:
    counts = {task.name: [len(fold.test) for fold in task.folds] for task in found.tasks}
    assert {name: sum(count) for name, count in counts.items()} == {
        "vocal3": 191, "speech-vs-vocal": 762, "human-vs-other": 358,
    }  # fmt: skip
    assert len(counts["vocal3"]) == len(counts["speech-vs-vocal"]) == 11  # voice groups
    assert sorted(counts["human-vs-other"]) == [129, 229]


@pytest.mark.audio
def test_no_content_or_voice_of_an_extended_task_is_on_two_sides(found: TaskSet) -> None:
    for task in found.tasks:
        for fold in task.folds:
            for kind in ("sha256", "group"):
                trained, tested = (
                    {getattr(task.clips[index], kind) for index in side}
                    for side in (fold.train, fold.test)
                )
                assert not trained & tested


@pytest.fixture(scope="module")
def training() -> set[str]:
    """Returns the contents of the audio that students are trained on."""
    root = packages.distillation_root()
    if packages.manifest(root) is None:
        pytest.skip("the training packages were not fetched")
    return {
        hashlib.sha256((root / name).read_bytes()).hexdigest()
        for name in packages.packaged_files(root)
    }


def contents(task: Task) -> set[str]:
    return {clip.sha256 for clip in task.clips}


@pytest.mark.audio
def test_no_default_task_has_audio_that_students_are_trained_on(
    audio_root: Path, training: set[str]
) -> None:
    for task in task_set("default", audio_root=audio_root).tasks:
        assert not contents(task) & training, task.name


@pytest.mark.audio
def test_extended_tasks_that_students_are_trained_on_have_a_caveat(
    found: TaskSet, training: set[str]
) -> None:
    heard = [task.name for task in found.tasks if contents(task) & training]
    assert heard == ["vocal3", "speech-vs-vocal"]
    (caveat,) = found.caveats
    assert caveat.kind is CaveatKind.HEARD_IN_TRAINING
    assert all(name in caveat.evidence for name in heard)
