"""``score --data`` and ``data explain``."""

import json
from pathlib import Path

import pytest
from support.program import command_line
from support.public_copies import savee, voxceleb1_verification

from bench.core.caveats import CaveatKind
from bench.store.store import Store

MODELS = Path(__file__).parents[1] / "data" / "audio_models"


def test_a_public_task_is_scored_and_its_score_names_the_incomplete_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    zoo, database = tmp_path / "zoo", tmp_path / "r.db"
    command_line("zoo", "add", MODELS / "patch.tflite", "--zoo", zoo, "--name", "m", status=0)
    savee(tmp_path / "data" / "savee")
    words = ("score", "m", "--zoo", zoo, "--db", database, "--data", tmp_path / "data")
    done = command_line(*words, "--task-set", "savee", status=0)
    assert "savee: 16 train, 8 validation, 8 test clips, 7 labels" in done.stderr
    assert "incomplete_data" in done.stderr
    command_line(*words, "--task-set", "noss", status=0)
    with Store.open(database) as store:
        one, several = store.scores()
    assert (one.task_set, several.task_set) == ("savee", "noss")
    assert one.task_set_sha256 == several.task_set_sha256  # the same clips, labels and splits
    (task,) = one.tasks
    assert (task.task, task.metric, task.test_clips) == ("savee", "accuracy", 8)
    # All clips count the same, whatever their label: two of them are neutral.
    (answers,) = task.correct
    assert set(answers) == {"clips"}
    assert task.value == pytest.approx(answers["clips"].count("1") / 8)
    assert {each.kind for each in one.caveats} == {
        CaveatKind.INCOMPLETE_DATA,
        CaveatKind.ONE_VOICE,
    }
    assert task.by_voice == pytest.approx({"DC": task.value})
    assert any("noss without" in each.evidence for each in several.caveats)


def test_pairs_are_scored_with_their_metric_and_have_no_head_to_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    zoo, data = tmp_path / "zoo", tmp_path / "data"
    command_line("zoo", "add", MODELS / "patch.tflite", "--zoo", zoo, "--name", "m", status=0)
    voxceleb1_verification(data)
    words = ("score", "--zoo", zoo, "--db", tmp_path / "r.db", "--data", data, "--task-set")
    done = command_line(*words, "voxceleb1_verification", status=0)
    assert "(1 - EER)" in done.stdout
    published = ("voxceleb1_verification", "--protocol", "noss-published")
    refused = command_line(*words, *published, status=2)
    assert "no task has classes" in refused.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--task-set", "crema_d"), "--task-set crema_d needs --data DIR"),
        (("--task-set", "quick", "--data", "."), "--task-set quick takes no --data"),
        (("--task-set", "crema_d", "--data", "."), "neither in the published layout"),
    ],
)
def test_data_are_for_public_tasks_and_needed_there(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    zoo = tmp_path / "zoo"
    command_line("zoo", "add", MODELS / "patch.tflite", "--zoo", zoo, "--name", "m", status=0)
    (tmp_path / "empty").mkdir()
    done = command_line("score", "--zoo", zoo, *words, cwd=tmp_path / "empty", status=2)
    assert message in done.stderr


def test_a_public_task_is_explained() -> None:
    text = command_line("data", "explain", "savee", status=0).stdout
    assert "1. register at http://personal.ee.surrey.ac.uk" in text
    assert "DC test" in text
    table = command_line("data", "explain", status=0).stdout
    assert "CREMA-D" in table
    document = json.loads(command_line("data", "explain", "--json", status=0).stdout)
    assert len(document["tasks"]) == 10
    assert "no such public task" in command_line("data", "explain", "cremad", status=2).stderr
