import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from models.audio.folder import summary
from models.audio.tasks import task_set
from models.audio.taskset import Metric, TaskSet
from models.tflite.arrays import Floats


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
        ("path,label\na.wav,x\n", r"1 of 1 files are missing: a.wav \(line 2\)"),
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


def caveats(found: TaskSet) -> dict[CaveatKind, str]:
    return {caveat.kind: caveat.evidence for caveat in found.caveats}


def test_speakers_on_both_sides_of_a_split_are_named(tones: Path) -> None:
    text = "path,label,split,speaker\n" + "".join(
        f"{label}/speaker{take}/clip.wav,{label},{'test' if take > 3 else 'train'},{who}\n"
        for label in ("low", "middle", "high")
        for take, who in enumerate(("anna", "bert", "cleo", "dora", "anna", "emil"))
    )
    found = task_set(csv(tones, text))
    assert caveats(found) == {CaveatKind.SPEAKERS_SHARED: "1 speakers: anna"}
    assert summary(found) == "18 clips, 3 labels (high; low; middle), 5 speakers"


def test_audio_without_speakers_says_so(tones: Path) -> None:
    for label in ("low", "middle", "high"):
        for take in range(6):
            (tones / label / f"speaker{take}" / "clip.wav").rename(tones / label / f"{take}.wav")
    assert caveats(task_set(str(tones))) == {
        CaveatKind.SPEAKERS_UNKNOWN: "of 18 of 18 clips; name them by LABEL/SPEAKER/ or a column "
        "speaker"
    }


def test_files_that_are_left_out_are_counted_by_reason(tones: Path) -> None:
    shutil.copytree(tones / "low" / "speaker0", tones / "high" / "copied")
    shutil.copytree(tones / "low" / "speaker1", tones / "low" / "again")
    for take in (2, 3):
        (tones / "low" / f"speaker{take}" / "phone.m4a").write_bytes(b"x")
    (tones / "low" / "speaker2" / "nothing.wav").write_bytes(b"")
    (tones / "low" / "speaker2" / ".DS_Store").write_bytes(b"x")
    (tones / "beside.wav").write_bytes((tones / "low/speaker4/clip.wav").read_bytes())
    assert caveats(task_set(str(tones))) == {
        CaveatKind.CLIPS_LEFT_OUT: "2 of two labels, 2 that end in .m4a, "
        "1 beside the folders of the labels, 1 copies, 1 empty"
    }


def test_one_class_in_test_is_a_recall(tones: Path) -> None:
    text = "path,label,split\n" + rows(s0="train", s1="train")
    text += "low/speaker2/clip.wav,low,test\n"
    found = task_set(csv(tones, text))
    assert found.tasks[0].metric is Metric.RECALL
    assert caveats(found)[CaveatKind.ONE_CLASS_TESTED] == "'low' alone"


def test_what_is_trained_on_is_not_tested(tones: Path) -> None:
    text = "path,label,split\n" + rows(s0="train", s1="train", s2="test", s3="test")
    found = task_set(csv(tones, text + "low/speaker0/clip.wav,low,test\n"))
    (fold,) = found.tasks[0].folds
    assert (len(fold.train), len(fold.test)) == (6, 6)
    assert "1 in several splits" in caveats(found)[CaveatKind.CLIPS_LEFT_OUT]


def test_odd_audio_is_counted_by_kind(tones: Path) -> None:
    def write(take: int, audio: Floats, rate_hz: int = 16_000) -> Path:
        path = tones / "low" / f"speaker{take}" / "clip.wav"
        soundfile.write(path, audio, rate_hz)
        return path

    tone = np.sin(np.arange(16_000) / 5).astype(np.float32)
    write(0, np.zeros(16_000, dtype=np.float32))
    write(1, tone[:100] / 2)
    write(2, np.clip(20 * tone, -1, 1))
    write(3, tone / 2, 4_000)
    whole = write(4, tone / 3)
    whole.write_bytes(whole.read_bytes()[:20_000])
    assert caveats(task_set(str(tones)))[CaveatKind.ODD_AUDIO] == (
        "of 18 clips 1 clipped, 1 cut off before their end, 1 recorded at less than 8 kHz, "
        "1 shorter than a frame of 25 ms, 1 silent"
    )


def test_all_files_that_cannot_be_decoded_are_named_at_once(tones: Path) -> None:
    for take in (1, 4):
        (tones / "low" / f"speaker{take}" / "clip.wav").write_bytes(b"no audio %d" % take)
    with pytest.raises(ConfigurationError, match=r"2 of 18 clips cannot be decoded: ") as refused:
        task_set(str(tones))
    for take in (1, 4):
        assert f"low/speaker{take}/clip.wav" in refused.value.message


def test_a_folder_of_speakers_with_labels_is_explained(tones: Path) -> None:
    turned = tones.parent / "turned"
    for label in ("low", "high"):
        shutil.copytree(tones / label / "speaker0", turned / "anna" / label)
    shutil.copytree(tones / "low" / "speaker1", turned / "bert" / "low")
    with pytest.raises(ConfigurationError, match="'bert' has one group") as refused:
        task_set(str(turned))
    assert "not SPEAKER/LABEL/" in refused.value.hint


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_than_a_comma_is_named(tones: Path, separator: str) -> None:
    with pytest.raises(ConfigurationError, match="columns are separated by"):
        task_set(csv(tones, f"path{separator}label\na.wav{separator}x\n"))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no such task set"):
        task_set("defualt")


@pytest.mark.parametrize(
    ("line", "column"), [(",low", "path"), ("low/speaker0/clip.wav,", "label")]
)
def test_an_empty_cell_of_a_csv_is_named(tones: Path, line: str, column: str) -> None:
    with pytest.raises(ConfigurationError, match=f"line 2: its {column} is empty"):
        task_set(csv(tones, f"path,label\n{line}\n"))


def test_a_speaker_s_folders_within_are_that_speaker(tones: Path) -> None:
    for take in range(6):
        clip = tones / "low" / f"speaker{take}" / "clip.wav"
        (clip.parent / "monday").mkdir()
        clip.rename(clip.parent / "monday" / clip.name)
    shutil.copytree(tones / "low" / "speaker0", tones / "low" / "speaker1" / "tuesday")
    (task,) = task_set(str(tones)).tasks
    assert {clip.group for clip in task.clips} == {f"speaker{take}" for take in range(6)}


def test_folders_of_splits_are_not_taken_for_labels(tones: Path) -> None:
    split = tones.parent / "split"
    for name in ("Train", "test"):
        shutil.copytree(tones, split / name)
    with pytest.raises(ConfigurationError, match="named like splits, not like labels: Train, test"):
        task_set(str(split))


def test_what_a_mac_puts_beside_clips_is_counted_and_not_decoded(tones: Path) -> None:
    (tones / "__MACOSX" / "low").mkdir(parents=True)
    for place in (tones / "__MACOSX" / "low", tones / "low" / "speaker0"):
        (place / "._clip.wav").write_bytes(b"no audio")
    found = task_set(str(tones))
    assert caveats(found) == {CaveatKind.CLIPS_LEFT_OUT: "2 hidden"}
    assert len({clip.label for clip in found.tasks[0].clips}) == 3


def test_blanks_and_two_ways_of_writing_a_letter_make_no_other_label(tones: Path) -> None:
    text = "path, label ,speaker\r\n" + "".join(
        f" low/speaker{take}/clip.wav,{label},{take} \r\n"
        for take, label in enumerate(("caf\u00e9", "cafe\u0301 ", " caf\u00e9"))
    )
    text += "".join(f"high/speaker{take}/clip.wav,tea,{take}\r\n" for take in range(3))
    (task,) = task_set(csv(tones, text)).tasks
    assert sorted({clip.label for clip in task.clips}) == ["caf\u00e9", "tea"]
    assert {clip.group for clip in task.clips} == {"0", "1", "2"}


def test_a_column_that_is_there_twice_and_another_system_s_paths_are_named(tones: Path) -> None:
    with pytest.raises(ConfigurationError, match="the column 'label' is there twice"):
        task_set(csv(tones, "path,label,label\na.wav,x,y\n"))
    with pytest.raises(ConfigurationError, match="1 of 1 files are missing") as refused:
        task_set(csv(tones, "path,label\nlow\\speaker0\\clip.wav,low\n"))
    assert "with / between folders" in refused.value.hint
