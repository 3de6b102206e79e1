"""Public tasks out of small copies of their data in the published layout."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from support.public_copies import (
    COPIES,
    masc,
    savee,
    voxceleb1_verification,
    write_noise,
)

from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from models.audio.taskset import Metric, Task, TaskSet
from models.public.public_task import catalogue, explained, public_task
from models.public.task_sets import about_public, is_public, public_task_set


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a small copy of every data set."""
    root = tmp_path_factory.mktemp("public")
    for name, write in COPIES.items():
        write(root / name)
    return root


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(cache))


@pytest.fixture(scope="module")
def sets(data: Path, cache: Path) -> dict[str, TaskSet]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRILL_BENCH_CACHE", str(cache))
        return {name: public_task_set(name, data) for name in COPIES}


def clips(task: Task, side: str) -> Counter[str]:
    (fold,) = task.folds
    return Counter(task.clips[index].label for index in getattr(fold, side))


def speakers(task: Task, side: str) -> set[str]:
    (fold,) = task.folds
    return {task.clips[index].group for index in getattr(fold, side)}


def caveats(found: TaskSet) -> dict[CaveatKind, str]:
    return {each.kind: each.evidence for each in found.caveats}


def test_every_task_has_a_copy_that_is_tested() -> None:
    assert sorted(COPIES) == [task.name for task in catalogue()]
    assert {name for task in catalogue() for name in task.suites} == {"noss", "mobile_health"}


@pytest.mark.parametrize("name", sorted({*COPIES} - {"voxceleb1_verification"}))
def test_nothing_of_a_task_is_on_two_sides_of_its_split(
    sets: dict[str, TaskSet], name: str
) -> None:
    (task,) = sets[name].tasks
    (fold,) = task.folds
    sides = (fold.train, fold.validation, fold.test)
    assert all(sides)
    for kind in ("sha256", "group"):
        held = [{getattr(task.clips[index], kind) for index in side} for side in sides]
        assert not held[0] & held[2]
        assert not held[0] & held[1]
        assert not held[1] & held[2]
    assert CaveatKind.SPEAKERS_SHARED not in caveats(sets[name])
    wanted = Metric.MEAN_AVERAGE_PRECISION if name == "fsd50k" else Metric.ACCURACY
    assert task.metric is wanted


def test_the_speakers_of_crema_d_are_divided_as_the_published_ones(
    sets: dict[str, TaskSet],
) -> None:
    (task,) = sets["crema_d"].tasks
    found = {side: speakers(task, side) for side in ("train", "validation", "test")}
    assert {side: len(own) for side, own in found.items()} == {
        "train": 63, "validation": 9, "test": 19,
    }  # fmt: skip
    assert clips(task, "test") == Counter(
        dict.fromkeys(("neutral", "happy", "sad", "anger", "fear", "disgust"), 19)
    )
    assert "ITH_SAD" not in " ".join(clip.path for clip in task.clips)
    # Speakers are whole: what differs from the published counts is the number of clips.
    assert caveats(sets["crema_d"]) == {
        CaveatKind.INCOMPLETE_DATA: "crema_d: 378 of 5,144 train clips; 54 of 738 validation "
        "clips; 114 of 1,556 test clips"
    }


def test_a_copy_of_few_speakers_is_divided_as_the_whole_is(
    sets: dict[str, TaskSet], data: Path, tmp_path: Path
) -> None:
    (whole,) = sets["crema_d"].tasks
    kept = sorted(speakers(whole, "train"))[:3] + sorted(speakers(whole, "test"))[:2]
    (tmp_path / "AudioWAV").mkdir()
    for path in (data / "crema_d" / "AudioWAV").iterdir():
        if path.name[:4] in kept:
            shutil.copy(path, tmp_path / "AudioWAV")
    part = public_task_set("crema_d", tmp_path)
    assert speakers(part.tasks[0], "train") == set(kept[:3])
    assert speakers(part.tasks[0], "test") == set(kept[3:])
    assert "3 of 63 train speakers" in caveats(part)[CaveatKind.INCOMPLETE_DATA]


def test_savee_is_tested_on_dc_alone(sets: dict[str, TaskSet]) -> None:
    (task,) = sets["savee"].tasks
    assert speakers(task, "train") == {"JK", "KL"}
    assert speakers(task, "validation") == {"JE"}
    assert speakers(task, "test") == {"DC"}
    assert len(clips(task, "train")) == 7


def test_a_whole_copy_has_no_caveat(tmp_path: Path) -> None:
    savee(tmp_path, takes=15)
    found = public_task_set("savee", tmp_path)
    assert found.caveats == ()
    assert [sum(clips(found.tasks[0], side).values()) for side in ("train", "test")] == [240, 120]


def test_people_of_dementiabank_are_divided_by_7_1_2(sets: dict[str, TaskSet]) -> None:
    (task,) = sets["dementiabank"].tasks
    counts = [len(speakers(task, side)) for side in ("train", "validation", "test")]
    assert counts == [147, 21, 42]
    assert sets["dementiabank"].caveats == ()


def test_voxforge_has_six_languages_of_uploads_before_2020(sets: dict[str, TaskSet]) -> None:
    (task,) = sets["voxforge"].tasks
    assert len(task.clips) == 60
    assert set(clips(task, "train")) == {"de", "en", "es", "fr", "it", "ru"}
    assert not any("20210101" in clip.path for clip in task.clips)


def test_voxceleb_follows_its_list_and_counts_what_is_missing(sets: dict[str, TaskSet]) -> None:
    (task,) = sets["voxceleb1"].tasks
    assert [sum(clips(task, side).values()) for side in ("train", "validation", "test")] == [12] * 3
    evidence = caveats(sets["voxceleb1"])[CaveatKind.INCOMPLETE_DATA]
    assert "1 files of the data's own lists are not there" in evidence
    assert "6 of 1,251 labels" in evidence


def test_verification_has_the_listed_pairs_and_counts_what_is_missing(
    sets: dict[str, TaskSet],
) -> None:
    (task,) = sets["voxceleb1_verification"].tasks
    (fold,) = task.folds
    assert (fold.train, fold.test) == ((), tuple(range(12)))
    assert Counter(each.is_same for each in task.trials) == Counter({False: 54, True: 12})
    assert all(
        each.is_same == (task.clips[each.one].label == task.clips[each.other].label)
        for each in task.trials
    )
    assert len(task.voices_tested) == 4
    assert (task.chance, task.metric.scored_as) == (0.5, "1-eer")
    evidence = caveats(sets["voxceleb1_verification"])
    for words in ("1 files of the data's own lists", "67 of 37,720 pairs", "4 of 40 test speakers"):
        assert words in evidence[CaveatKind.INCOMPLETE_DATA]
    assert "1 pairs without both clips" in evidence[CaveatKind.CLIPS_LEFT_OUT]
    assert about_public(sets["voxceleb1_verification"])[0].endswith("4 labels, 66 pairs")


def test_a_line_that_is_no_pair_is_named(tmp_path: Path) -> None:
    voxceleb1_verification(tmp_path)
    (tmp_path / "veri_test.txt").write_text("1 a/b.wav c/d.wav\n2 a/b.wav c/d.wav\n")
    with pytest.raises(ConfigurationError, match=r"veri_test\.txt: line 2 is not a pair"):
        public_task_set("voxceleb1_verification", tmp_path)


def test_fsd50k_has_several_labels_a_clip_and_its_official_parts(sets: dict[str, TaskSet]) -> None:
    (task,) = sets["fsd50k"].tasks
    assert [sum(clips(task, side).values()) for side in ("train", "validation", "test")] == [
        9,
        3,
        6,
    ]
    assert set(clips(task, "test")) == {"Animal;Meow", "Speech", "Dog;Speech"}
    # Of six tested clips two are of animals, two of cats, four of speech and two of dogs.
    assert task.chance == pytest.approx((2 + 2 + 4 + 2) / 4 / 6)


def test_speech_commands_have_unknown_words_and_silence(sets: dict[str, TaskSet]) -> None:
    (task,) = sets["speech_commands"].tasks
    assert clips(task, "train")["_unknown_"] == 2
    assert clips(task, "validation")["_unknown_"] == 2
    assert clips(task, "train")["_silence_"] == clips(task, "validation")["_silence_"] == 4
    assert clips(task, "test") == Counter(
        [*("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"),
         "_unknown_", "_silence_"]
    )  # fmt: skip


def test_esc_50_has_its_human_sounds_by_fold(sets: dict[str, TaskSet]) -> None:
    (task,) = sets["esc50_human"].tasks
    assert {len(clips(task, side)) for side in ("train", "validation", "test")} == {10}
    assert [sum(clips(task, side).values()) for side in ("train", "test")] == [60, 20]
    assert not any("dog" in clip.label for clip in task.clips)


def test_masc_with_all_labels_is_tested_on_its_test_part(tmp_path: Path) -> None:
    masc(tmp_path)
    (task,) = public_task_set("masc", tmp_path).tasks
    assert clips(task, "test") == clips(task, "validation") == Counter({"mask": 2, "clear": 2})


def test_masc_without_labels_of_its_test_part_is_tested_on_the_other_one(tmp_path: Path) -> None:
    masc(tmp_path, kept_back=True)
    found = public_task_set("masc", tmp_path)
    assert clips(found.tasks[0], "test") == Counter({"mask": 2, "clear": 2})
    assert "test" not in {Path(clip.path).name.split("_")[0] for clip in found.tasks[0].clips}
    evidence = caveats(found)[CaveatKind.INCOMPLETE_DATA]
    assert "the test part has no labels, so validation is tested" in evidence


def test_a_set_has_the_tasks_that_are_there_and_names_the_others(
    data: Path, tmp_path: Path
) -> None:
    for name in ("savee", "crema_d"):
        (tmp_path / name).symlink_to(data / name)
    found = public_task_set("noss", tmp_path)
    assert [task.name for task in found.tasks] == ["crema_d", "savee"]
    assert found.sha256 != public_task_set("noss", data).sha256
    assert (
        "noss without dementiabank, speech_commands, voxceleb1, voxforge, whose data are not in "
        "the folder"
    ) in [each.evidence for each in found.caveats]
    assert about_public(found)[0] == ("crema_d: 378 train, 54 validation, 114 test clips, 6 labels")


def test_the_data_are_found_in_the_folder_itself_and_from_within(data: Path) -> None:
    wanted = public_task_set("savee", data)
    for place in (data / "savee", data / "savee" / "AudioData"):
        assert public_task_set("savee", place).sha256 == wanted.sha256


@pytest.mark.parametrize("name", ["crema_d", "noss"])
def test_a_folder_without_the_data_points_to_the_steps(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"crema_d.* neither in the published") as refused:
        public_task_set(name, tmp_path)
    assert refused.value.hint == "frill-bench data explain crema_d"


def test_two_copies_and_a_missing_table_are_named(data: Path, tmp_path: Path) -> None:
    for copy in ("one", "two"):
        shutil.copytree(data / "esc50_human", tmp_path / copy)
    with pytest.raises(ConfigurationError, match="are two copies of esc50_human"):
        public_task_set("esc50_human", tmp_path)
    (tmp_path / "one" / "meta" / "esc50.csv").unlink()
    with pytest.raises(ConfigurationError, match=r"esc50\.csv: cannot be read"):
        public_task_set("esc50_human", tmp_path / "one")


def test_what_is_trained_on_under_another_name_is_not_tested(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "savee" / "AudioData", tmp_path / "AudioData")
    shutil.copy(
        tmp_path / "AudioData" / "JK" / "a01.wav", tmp_path / "AudioData" / "DC" / "a02.wav"
    )
    found = public_task_set("savee", tmp_path)
    assert "1 copies" in caveats(found)[CaveatKind.CLIPS_LEFT_OUT]
    assert sum(clips(found.tasks[0], "test").values()) == 8


def test_a_file_that_changed_is_read_again(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "savee" / "AudioData", tmp_path / "AudioData")
    before = public_task_set("savee", tmp_path).sha256
    assert public_task_set("savee", tmp_path).sha256 == before
    write_noise(tmp_path / "AudioData" / "DC" / "a01.wav", samples=500)
    assert public_task_set("savee", tmp_path).sha256 != before


@pytest.mark.parametrize("task", catalogue(), ids=lambda task: task.name)
def test_a_task_is_explained_with_its_steps_licence_and_citation(task: object) -> None:
    found = public_task(getattr(task, "name"))  # noqa: B009
    text = " ".join(" ".join(explained(found)).split())
    for part in (found.licence, found.citation, found.split.words, *found.steps):
        assert " ".join(part.split()) in text
    assert is_public(found.name)


def test_no_stand_in_has_the_name_of_a_public_task() -> None:
    from models.audio import tasks

    own = {tasks.DEFAULT, tasks.QUICK, tasks.DEMO, "extended", "development", "kw1shot"}
    assert not any(is_public(name) for name in own)
    with pytest.raises(ConfigurationError, match="did you mean 'crema_d'"):
        public_task("crema-d")
