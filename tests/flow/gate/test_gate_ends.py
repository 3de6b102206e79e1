"""What a gate leaves for a CI system: however it ends, and never that of an earlier gate."""

import html
import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.gate_logs import to_text
from support.gate_phone import revision
from support.program import COMMAND
from support.smallest_program import program

from bench.cli.main import main
from bench.core.hashing import sha256_file
from bench.flow.gate.log_file import read
from bench.gate.records import Block, Closed, CloseReason, Process
from bench.gate.schedule import candidate_first
from bench.gate.verdict import ModelKey
from bench.plan.suite import zoo_targets

STAND_IN = Path(__file__).parents[2] / "data" / "stand_in" / "benchmark_model"
OUTPUTS = (
    *("--junit", "gate.xml", "--summary", "summary.md"),
    *("--comment", "comment.md", "--page", "gate.html"),
)
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the current folder: two revisions of a model, and the outputs of last week's gate."""
    for number, folder in enumerate(("old", "new")):
        revision(tmp_path / folder, "tiny", number=number)
    monkeypatch.chdir(tmp_path)
    Path("gate.xml").write_text("<testsuites><testsuite name='last week'/></testsuites>")
    Path("gate.html").write_text("last week")
    return tmp_path


def suites() -> list[ET.Element]:
    return list(ET.parse("gate.xml").getroot())  # noqa: S314 - our own


def gate(*words: str) -> int:
    return main(["gate", "--baseline", "old", "--candidate", "new", *OUTPUTS, *words])


@pytest.mark.parametrize(
    ("words", "code", "kind", "said"),
    [
        (["--host", "-s", "x"], 2, "error", "a gate takes one device"),
        (["--host", "--margin", "0"], 2, "error", "margin"),
        (["--baseline", "gone/x", "--host"], 2, "error", "no such file or folder"),
        (["--replay", "old/tiny.float32.json"], 2, "error", "line 1"),
        (["-s", "127.0.0.1:9"], 3, "skipped", "127.0.0.1:9"),
    ],
)
def test_a_gate_that_measures_nothing_writes_why(
    here: Path, capsys: Shown, words: list[str], code: int, kind: str, said: str
) -> None:
    assert gate(*words, "--json", "--wait-for-device", "0") == code
    document = json.loads(capsys.readouterr().out)
    assert document["gate"] is None
    assert document["ended"]["exit_code"] == code
    assert said in document["ended"]["message"]
    (suite,) = suites()
    (child,) = suite.findall("testcase/*")
    assert (child.tag, child.get("type")) == (kind, f"exit code {code}")
    assert said in (child.get("message") or "")
    assert f"exit code {code}." in Path("summary.md").read_text()
    assert Path("comment.md").read_text() == Path("summary.md").read_text()
    assert said in html.unescape(Path("gate.html").read_text())


@pytest.mark.parametrize("words", [["--margn", "5%"], ["--margin", "much"], ["--tool", "x"], ["x"]])
def test_a_command_line_that_the_parser_refuses_leaves_no_report_of_an_earlier_gate(
    here: Path, capsys: Shown, words: list[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        gate(*words, "--json")
    assert refused.value.code == 2
    assert json.loads(capsys.readouterr().out)["ended"]["exit_code"] == 2
    (suite,) = suites()
    assert suite.get("errors") == "1"
    assert "refused" in Path("summary.md").read_text()
    assert "the command line was refused" in Path("gate.html").read_text()


def test_a_gate_of_equal_files_writes_that_they_are_equal(here: Path, capsys: Shown) -> None:
    assert gate("--candidate", "old", "--host", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["unmeasured"] == {"tiny float32": "unchanged"}
    (suite,) = suites()
    assert (suite.get("name"), suite.get("tests"), suite.get("errors")) == (
        "gate latency",
        "1",
        "0",
    )
    assert "## gate: passed" in Path("summary.md").read_text()
    assert "<h1>passed</h1>" in Path("gate.html").read_text()


def test_a_gate_that_is_killed_leaves_no_report_of_an_earlier_one(here: Path) -> None:
    words = [*COMMAND, "gate", "--baseline", "old", "--candidate", "new", "--host", *OUTPUTS]
    root = Path(__file__).parents[3]
    with subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(root)}) as process:
        while "last week" in Path("gate.xml").read_text():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    (suite,) = suites()
    assert suite.get("errors") == "1"
    assert "did not end" in Path("gate.xml").read_text()
    assert "last week" not in Path("gate.html").read_text()


def test_a_gate_without_a_log_that_ends_by_a_bug_or_ctrl_c_writes_that_too(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    for error, code, kind in (
        (RuntimeError("a bug"), 70, "error"),
        (KeyboardInterrupt(), 130, "skipped"),
    ):

        def broken(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("bench.flow.gate.references.pair_up", broken)
        assert gate("--host") == code
        (child,) = suites()[0].findall("testcase/*")
        assert (child.tag, child.get("type")) == (kind, f"exit code {code}")


def test_a_summary_is_not_appended_through_a_link_of_the_checkout(
    here: Path, capsys: Shown
) -> None:
    Path("profile").write_text("# mine\n")
    Path("summary.md").symlink_to("profile")
    Path("gate.xml").unlink()
    Path("gate.xml").symlink_to("profile")
    assert gate("--host", "--max-minutes", "0") == 2
    assert "which is not a link" in capsys.readouterr().err
    assert Path("profile").read_text() == "# mine\n"
    Path("summary.md").unlink()
    assert gate("--candidate", "old", "--host") == 0  # the link is replaced, not followed
    assert Path("profile").read_text() == "# mine\n"


def test_one_block_shows_no_noise(here: Path, capsys: Shown) -> None:
    assert gate("--host", "--max-minutes", "0", "--log", "gate.jsonl") == 0
    log = read(Path("gate.jsonl"))
    sides = [Process(value_us=us, position=n, invocation=n) for n, us in enumerate((10.0, 11.0))]
    model: ModelKey = log.opened.models[0].model
    block = Block(
        model=model, index=0, candidate_first=False, baseline=(sides[0],), candidate=(sides[1],)
    )
    first = replace(block, candidate_first=True, baseline=(sides[1],), candidate=(sides[0],))
    block = first if candidate_first(log.opened.seed, model, 0) else block
    ended = replace(log, entries=(block, Closed(reason=CloseReason.OUT_OF_TIME)))
    Path("one.jsonl").write_text(to_text(ended))
    capsys.readouterr()
    assert main(["gate", "--replay", "one.jsonl", "--json", *OUTPUTS]) == 0
    (latency,) = json.loads(capsys.readouterr().out)["models"]
    assert (latency["blocks"], latency["block_sd"], latency["smallest_slowdown"]) == (1, None, None)
    assert latency["ratio"]["low"] is None
    assert "1 block, which shows no noise" in Path("gate.xml").read_text()
    page = Path("gate.html").read_text()
    assert page.count('<div class="plot"') == 1
    assert "one.jsonl" in page
    assert "smallest slowdown that" not in Path("gate.xml").read_text()


def test_another_tool_is_the_first_that_is_shown_and_so_is_another_runtime(
    here: Path, capsys: Shown
) -> None:
    save = ["gate", "--candidate", "old", "--save-baseline", "kept"]
    assert main([*save, "--benchmark-binary", str(STAND_IN)]) == 0
    capsys.readouterr()
    for words, said in (
        (["--candidate", "old"], "it was not measured (--own-tools --measure-unchanged"),
        (["--max-minutes", "0"], "both sides are measured with the new one"),
    ):
        assert gate("--baseline", "kept", "--host", *words) == 0
        first = capsys.readouterr().err.splitlines()[0]
        assert first.startswith("another tool than the baseline was saved with: litert-python")
        assert said in first
        head, difference, *_ = Path("summary.md").read_text().split("\n\n")
        assert head.startswith("## gate")
        assert difference.startswith("**another tool than the baseline was saved with: ")
        Path("summary.md").unlink()
    assert main([*save, "--host"]) == 0
    document = json.loads(Path("kept/bundle.json").read_text())
    document["runtimes"]["ai-edge-litert"] = "1.0.1"
    Path("kept/bundle.json").write_text(json.dumps(document))
    capsys.readouterr()
    assert gate("--baseline", "kept", "--host", "--max-minutes", "0", "--json") == 0
    shown = capsys.readouterr()
    assert "another runtime than the baseline was saved with: ai-edge-litert" in shown.err
    (difference,) = json.loads(shown.out)["differences"]
    assert difference.endswith(", not 1.0.1")


def test_another_tool_for_phones_than_in_the_bundle_is_shown_though_nothing_is_measured(
    here: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(here / "cache"))
    for name in ("before", "now"):
        Path(name).write_bytes(program(machine=183) + f"--graph --num_runs {name}".encode())
    save = ["gate", "--candidate", "old", "--save-baseline", "kept"]
    assert main([*save, "--benchmark-binary", "before"]) == 0
    cached = here / "cache" / "official" / "benchmark_model-arm64-v8a" / "benchmark_model"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(Path("now").read_bytes())
    capsys.readouterr()
    assert gate("--baseline", "kept", "--candidate", "old") == 0
    assert capsys.readouterr().err.startswith("another tool than the baseline was saved with: ")


def test_another_number_format_is_shown_first(here: Path, capsys: Shown) -> None:
    int8 = Path(__file__).parents[2] / "data" / "audio_models" / "patch.tflite"
    (target,) = zoo_targets(Path("old"))
    document = json.loads(Path("old/tiny.float32.json").read_text())
    assert sha256_file(target.path) == document["sha256"]
    assert gate("--baseline", str(target.path), "--candidate", str(int8), "--host",
                "--max-minutes", "0") in (0, 1)  # fmt: skip
    document["format"] = "int8"
    Path("old/tiny.float32.json").write_text(json.dumps(document))
    capsys.readouterr()
    assert gate("--host") == 2
    assert "is float32, and its manifest has int8" in capsys.readouterr().err


def test_a_tool_that_does_not_start_is_refused_when_the_baseline_is_saved(
    here: Path, capsys: Shown
) -> None:
    for name, content in (
        ("silent", "#!/bin/sh\nexit 1\n"), ("missing", "#!/no/such/shell\n"), ("text", "hello"),
    ):  # fmt: skip
        Path(name).write_text(content)
        Path(name).chmod(0o755)
        words = ["gate", "--candidate", "old", "--save-baseline", "kept"]
        assert main([*words, "--benchmark-binary", name]) == 2, name
        assert name in capsys.readouterr().err
        assert not Path("kept").exists()
