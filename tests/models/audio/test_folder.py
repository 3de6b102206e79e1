import shutil
from pathlib import Path

import pytest

from bench.core.errors import ConfigurationError
from models.audio.tasks import task_set


def csv(folder: Path, text: str) -> str:
    (folder / "clips.csv").write_text(text)
    return str(folder / "clips.csv")


def rows(**splits: str) -> str:
    """Returns CSV rows of all labels: speaker number to split."""
    return "".join(
        f"{label}/speaker{speaker[1:]}/clip.wav,{label},{split}\n"
        for label in ("low", "middle", "high")
        for speaker, split in splits.items()
    )


def test_a_folder_makes_a_task_whose_labels_are_its_sub_folders(tones: Path) -> None:
    found = task_set(str(tones))
    (task,) = found.tasks
    assert found.name == "tones"
    assert {clip.label for clip in task.clips} == {"low", "middle", "high"}
    assert task.chance == pytest.approx(1 / 3)
    assert task.test_clips == 18
    for fold in task.folds:
        tested = {task.clips[index].group for index in fold.test}
        assert not tested & {task.clips[index].group for index in fold.train}


def test_a_csv_with_splits_is_taken_as_it_is(tones: Path) -> None:
    text = "path,label,split\n" + rows(s0="train", s1="train", s2="validation", s3="test")
    (task,) = task_set(csv(tones, text)).tasks
    (fold,) = task.folds
    assert (len(fold.train), len(fold.validation), len(fold.test)) == (6, 3, 3)
    assert {task.clips[index].path for index in fold.test} == {
        f"{label}/speaker3/clip.wav" for label in ("low", "middle", "high")
    }


def test_a_csv_with_speakers_keeps_each_in_one_fold(tones: Path) -> None:
    text = "path,label,speaker\n" + rows(
        s0="anna", s1="anna", s2="bert", s3="bert", s4="cleo", s5="cleo"
    )
    (task,) = task_set(csv(tones, text)).tasks
    assert len(task.folds) == 3
    for fold in task.folds:
        assert len({task.clips[index].group for index in fold.test}) == 1


def test_the_same_audio_with_two_labels_is_dropped(tones: Path) -> None:
    shutil.copytree(tones / "low" / "speaker0", tones / "high" / "copied")
    (task,) = task_set(str(tones)).tasks
    assert len(task.clips) == 17


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,lable\na.wav,x\n", r"no column 'label'; did you mean 'lable'\?"),
        ("file,label\na.wav,x\n", "no column 'path'"),
        ("path,label,spilt\na.wav,x,train\n", "unknown column 'spilt'"),
        ("path,label\na.wav,x\n", "line 2: no such file: a.wav"),
        ("path,label\na.wav,x,more\n", "line 2: 2 columns are named"),
        (
            "path,label,split\nlow/speaker0/clip.wav,low,tset\n",
            r"line 2: unknown split 'tset'; did you mean 'test'\?",
        ),
        ("path,label\nlow/speaker0/clip.wav,low\n", "a single label, 'low'"),
        ("path,label\n", "no labelled audio"),
        (
            "path,label,split\nlow/speaker0/clip.wav,low,train\nhigh/speaker0/clip.wav,high,test\n",
            "label 'high' is not in the train split",
        ),
        (
            "path,label,split\nlow/speaker0/clip.wav,low,train\nhigh/speaker0/clip.wav,high,train\n",
            "no test split",
        ),
    ],
)
def test_a_csv_that_makes_no_task_is_refused_with_the_place(
    tones: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        task_set(csv(tones, text))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no such task set"):
        task_set("defualt")


@pytest.mark.parametrize(
    ("line", "column"), [(",low", "path"), ("low/speaker0/clip.wav,", "label")]
)
def test_an_empty_cell_of_a_csv_is_named(tones: Path, line: str, column: str) -> None:
    with pytest.raises(ConfigurationError, match=f"line 2: its {column} is empty"):
        task_set(csv(tones, f"path,label\n{line}\n"))
