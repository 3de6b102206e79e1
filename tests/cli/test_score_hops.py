"""``score --hop``: a list of hops in frames, for the models that have a choice."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.program import command_line

from bench.core import config
from bench.core.artifact import Artifact
from bench.store.store import Store

MODELS = Path(__file__).parents[1] / "data" / "audio_models"


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Returns a zoo of a model with a choice of hop, and of one that fixes half a second."""
    folder = tmp_path / "zoo"
    command_line("zoo", "add", MODELS / "patch.tflite", "--zoo", folder, "--name", "m", status=0)
    (path,) = folder.glob("*.json")
    manifest = config.load(path, Artifact)
    fixed = replace(manifest, name="fixed", frontend="its own", hop_samples=8_000, sha256="0" * 64)
    config.save(path.with_name("fixed.float32.json"), fixed)
    return folder


def test_each_hop_is_scored_stored_and_printed_with_its_difference(
    zoo: Path, split_tones: Path, tmp_path: Path
) -> None:
    database = tmp_path / "r.db"
    words = (
        "score",
        "--zoo",
        zoo,
        "--task-set",
        split_tones,
        "--db",
        database,
        "--hop",
        "96,17,48",
    )
    done = command_line(*words, status=0)
    assert "hop (s)" in done.stdout
    assert "less reference hop (95 %)" in done.stdout
    hops = re.findall(r"m\.float32 +\S? *(0\.\d\d)", done.stdout)
    assert hops == ["0.17", "0.48", "0.96"]
    with Store.open(database) as store:
        assert [each.hop_samples for each in store.scores()] == [2_720, 7_680, 15_360]
    assert "fixed: not scored at 0.17 s, 0.48 s, 0.96 s" in done.stderr
    assert "because the file fixes its hop: 0.5 s" in done.stderr
    document = json.loads(command_line(*words, "--json", status=0).stdout)
    assert document["skipped"] == [
        {"name": "fixed", "hops_s": [0.17, 0.48, 0.96], "own_hop_s": 0.5}
    ]
    assert [each["less_hop"] is None for each in document["scores"]] == [True, False, False]


@pytest.mark.parametrize("text", ["0", "97", "17,", "1.5", "0.96s"])
def test_what_is_not_a_list_of_hops_is_refused(zoo: Path, text: str) -> None:
    done = command_line("score", "--zoo", zoo, "--hop", text)
    assert done.returncode == 2
    assert "give frames from 1 to 96, such as 17,48,96" in done.stderr


def test_a_hop_that_no_file_has_is_refused(zoo: Path, split_tones: Path) -> None:
    done = command_line("score", "fixed", "--zoo", zoo, "--task-set", split_tones, "--hop", "17")
    assert done.returncode == 2
    assert "fixed: not scored at 0.17 s, because the file fixes its hop: 0.5 s" in done.stderr
    assert "leave out --hop" in done.stderr


def test_the_published_protocol_names_the_head_of_each_score(
    zoo: Path, split_tones: Path, tmp_path: Path
) -> None:
    words = ("score", "m", "--zoo", zoo, "--db", tmp_path / "r.db", "--task-set", split_tones)
    done = command_line(*words, "--protocol", "noss-published", status=0)
    assert re.search(r"m\.float32: best_on_test: tones: best of 10 heads .*: logistic", done.stderr)
    with Store.open(tmp_path / "r.db") as store:
        (score,) = store.scores()
    assert score.rule.endswith("protocol noss-published")


def test_each_condition_is_scored_stored_and_printed_with_its_difference_to_clean(
    zoo: Path, split_tones: Path, tmp_path: Path
) -> None:
    words = ("score", "m", "--zoo", zoo, "--db", tmp_path / "r.db", "--task-set", split_tones)
    done = command_line(*words, "--condition", "clean,noise,telephone", status=0)
    assert "less clean (95 %)" in done.stdout
    with Store.open(tmp_path / "r.db") as store:
        scores = store.scores()
    assert [each.condition.partition(" ")[0] for each in scores] == ["", "noise", "telephone"]
    assert len({each.rule for each in scores}) == 3
    assert len({each.task_set_sha256 for each in scores}) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--condition", "clean,rain"), "'rain' is not a condition; give some of clean, noise"),
        (("--condition", "noise", "--on", "SERIAL"), "leave out --condition or --on"),
        (
            ("--condition", "noise", "--protocol", "noss-published"),
            "conditions are scored by the default protocol",
        ),
    ],
)
def test_conditions_that_are_not_scored_are_refused(
    zoo: Path, words: tuple[str, ...], message: str
) -> None:
    assert message in command_line("score", "--zoo", zoo, *words, status=2).stderr


def test_a_phone_has_the_default_protocol(zoo: Path) -> None:
    words = ("score", "--zoo", zoo, "--protocol", "noss-published", "--on", "SERIAL")
    assert "leave out --protocol or --on" in command_line(*words, status=2).stderr


def test_a_phone_has_no_choice_of_hop(zoo: Path) -> None:
    done = command_line("score", "--zoo", zoo, "--hop", "17", "--on", "SERIAL")
    assert done.returncode == 2
    assert "leave out --hop or --on" in done.stderr
