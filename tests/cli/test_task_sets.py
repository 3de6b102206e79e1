"""``score --task-set`` given several times, and how much audio was embedded."""

import json
import re
from pathlib import Path

import pytest
from support.program import command_line

from bench.store.store import Store

MODELS = Path(__file__).parents[1] / "data" / "audio_models"


def test_several_task_sets_are_scored_in_one_command_a_clip_of_both_embedded_once(
    split_tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    zoo, database = tmp_path / "zoo", tmp_path / "r.db"
    command_line("zoo", "add", MODELS / "patch.tflite", "--zoo", zoo, "--name", "m", status=0)
    fewer = split_tones.with_name("fewer.csv")
    lines = split_tones.read_text().splitlines()
    fewer.write_text("\n".join(line for line in lines if "high" not in line) + "\n")
    words = ("score", "--zoo", zoo, "--task-set", split_tones, "--task-set", fewer)
    done = command_line(*words, "--db", database, status=0)
    assert len(re.findall(r"m\.float32 ", done.stdout)) == 2
    assert len(re.findall(r"log-mel floor", done.stdout)) == 2
    assert re.search(
        r"embedded 18 clips, 0\.006 audio-hours, \S+ audio-hours a minute", done.stderr
    )
    with Store.open(database) as store:
        assert [each.task_set for each in store.scores()] == ["tones", "fewer"]
    document = json.loads(command_line(*words, "--db", database, "--json", status=0).stdout)
    assert len(document["scores"]) == 2
    assert document["embedded"] == {"clips": 0, "audio_s": 0.0, "elapsed_s": 0.0}


def test_a_folder_is_not_another_task_set_beside_one(split_tones: Path, tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    command_line("zoo", "add", MODELS / "patch.tflite", "--zoo", zoo, "--name", "m", status=0)
    words = ("score", "--zoo", zoo, "--task-set", split_tones, "--audio", split_tones)
    assert "are both task sets" in command_line(*words, status=2).stderr
