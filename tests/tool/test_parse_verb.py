"""``frill-bench parse`` as people and programs call it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from bench.cli.main import main

LOGS = Path(__file__).parent.parent / "data" / "benchmark_logs"
GOOD = str(LOGS / "67_tf2.14.1_three_runs_recommended.txt")
SEVERAL = str(LOGS / "posted" / "01_termux_four_runs_one_failed.txt")
BAD = str(LOGS / "70_tf2.14.1_max_secs_cut.txt")


def test_json_of_one_log_is_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", GOOD, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert (document["ok"], document["failure"]) == (True, None)
    assert document["dialect"] == "interpreter"
    assert document["inference_us"] == [1176.0, 1017.0, 6773.0]
    assert document["memory_mb"] == {"init": 0.0, "overall": 11.1953}
    assert document["unconsumed_flags"] == []


def test_a_log_that_must_not_be_trusted_exits_4_and_prints_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["parse", BAD, "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert document["failure"].startswith("fewer-runs: ")
    assert document["runs"] == 1


def test_several_logs_are_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", GOOD, BAD, "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert [log["ok"] for log in document["logs"]] == [True, False]


def test_several_runs_in_one_file_are_a_list_with_their_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["parse", SEVERAL, "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert [(log["run"], log["ok"]) for log in document["logs"]] == [
        (1, True), (2, False), (3, True), (4, True),
    ]  # fmt: skip
    assert "tiny_muaalem_int8.tflite" in document["logs"][1]["command"]
    assert {log["file"] for log in document["logs"]} == {SEVERAL}


def test_people_get_an_overview_of_several_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", SEVERAL]) == 4
    shown = " ".join(capsys.readouterr().out.split())
    assert "4 runs, 1 must not be trusted" in shown
    assert "no: shape" in shown
    assert "run 4 of 4" in shown


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", GOOD, BAD]) == 4
    shown = capsys.readouterr().out
    assert "2.989 ms" in shown
    assert "no: fewer-runs: " in shown


def test_only_this_verb_and_import_read_pastes() -> None:
    root = Path(__file__).parent.parent.parent / "bench"
    users = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "bench.tool.paste" in path.read_text() and path.parent.name != "paste"
    ]
    assert sorted(users) == ["cli/verbs/results/parse.py", "flow/exchange/logs.py"]


def test_standard_input_is_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO(Path(GOOD).read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    assert main(["parse", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 3


def test_streams_that_were_kept_apart_belong_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = tmp_path / "stderr.txt"
    errors.write_text("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
    assert main(["parse", GOOD, "--stderr", str(errors), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["delegate"] == "xnnpack"


def test_an_exit_status_is_believed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", GOOD, "--exit-status", "139", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["failure"].startswith("crashed: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere.txt"],
        [GOOD, "--stderr", "nowhere.txt"],
        [GOOD, BAD, "--exit-status", "0"],
        [SEVERAL, "--exit-status", "0"],
    ],
)
def test_a_wrong_command_line_exits_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["parse", *arguments]) == 2
    assert "hint: " in capsys.readouterr().err
