from pathlib import Path

import pytest

from bench.core.caveats import CaveatKind
from bench.core.errors import InfrastructureError
from models.audio.tasks import task_set
from models.audio.taskset import Metric, Task

pytestmark = pytest.mark.audio


@pytest.fixture(scope="module")
def tasks(audio_root: Path) -> dict[str, Task]:
    return {task.name: task for task in task_set("default", audio_root=audio_root).tasks}


@pytest.mark.parametrize(
    ("name", "tested", "classes"),
    [
        ("kw1shot", 864, 432),
        ("spk7-short", 1_228, 7),
        ("spk-xling", 511, 7),
        ("lang3-xvoice", 1_056, 3),
        ("tone4", 2_334, 4),
        ("sound7", 316, 7),
    ],
)
def test_a_task_has_its_clips_and_classes(
    tasks: dict[str, Task], name: str, tested: int, classes: int
) -> None:
    assert tasks[name].test_clips == tested
    assert len({clip.label for clip in tasks[name].clips}) == classes


def test_no_content_is_both_trained_and_tested(tasks: dict[str, Task]) -> None:
    for task in tasks.values():
        for fold in task.folds:
            trained = {task.clips[index].sha256 for index in fold.train}
            assert not trained & {task.clips[index].sha256 for index in fold.test}


def test_words_are_asked_of_another_voice(tasks: dict[str, Task]) -> None:
    task = tasks["kw1shot"]
    assert [len(fold.test) for fold in task.folds] == [90, 90, 144, 144, 198, 198]
    for fold in task.folds:
        known = {task.clips[index].group for index in fold.train}
        assert known.isdisjoint(task.clips[index].group for index in fold.test)
        assert {task.clips[i].label for i in fold.train} == {task.clips[i].label for i in fold.test}


def test_the_crossed_language_is_not_trained(tasks: dict[str, Task]) -> None:
    task = tasks["spk-xling"]
    (fold,) = task.folds
    assert task.metric is Metric.RECALL
    assert all("core-sounds-es" in task.clips[index].path for index in fold.test)
    assert not any("core-sounds-es" in task.clips[index].path for index in fold.train)


def test_syllables_and_takes_are_not_on_both_sides(tasks: dict[str, Task]) -> None:
    for name in ("tone4", "sound7"):
        for fold in tasks[name].folds:
            trained = {tasks[name].clips[index].group for index in fold.train}
            assert trained.isdisjoint(tasks[name].clips[index].group for index in fold.test)


def test_voices_are_tested_on_other_prompts_but_for_six_words(tasks: dict[str, Task]) -> None:
    """Without these 17 of the training clips, all published scores would be of another task."""
    task = tasks["spk7-short"]
    (fold,) = task.folds
    tested = {task.clips[index].group for index in fold.test}
    shared = [task.clips[index].group for index in fold.train if task.clips[index].group in tested]
    assert set(shared) == {"dollar", "dollars", "hours", "millions", "minutes", "plus"}
    assert len(shared) == 17


@pytest.mark.parametrize(("name", "clips"), [("quick", 400), ("demo", 1312)])
def test_a_small_set_is_small_and_says_so(name: str, clips: int, audio_root: Path) -> None:
    found = task_set(name, audio_root=audio_root)
    assert len(found.tasks) == 2
    assert len(found.paths()) <= clips
    assert [caveat.kind for caveat in found.caveats] == [CaveatKind.QUICK]
    assert found.sha256 == task_set(name, audio_root=audio_root).sha256


def test_tasks_need_fetched_audio(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="data fetch"):
        task_set("default", audio_root=tmp_path)


def test_the_voices_of_each_task_are_known_and_few_ones_are_a_caveat(
    audio_root: Path, tasks: dict[str, Task]
) -> None:
    voices = {name: len(task.voices_tested) for name, task in tasks.items()}
    assert voices == {
        "kw1shot": 6, "spk7-short": 7, "spk-xling": 1, "lang3-xvoice": 6, "tone4": 2, "sound7": 0,
    }  # fmt: skip
    caveats = task_set("default", audio_root=audio_root).caveats_of_scores
    assert [(each.kind, each.evidence) for each in caveats] == [
        (CaveatKind.ONE_VOICE, "spk-xling"),
        (CaveatKind.TWO_VOICES, "tone4"),
    ]
