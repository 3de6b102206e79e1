"""Without a terminal, as in CI, a log shows at which stage a verb is and how long each one took."""

import re
import time
from pathlib import Path

import pytest

from bench.cli import terminal as output
from bench.cli.main import main

DATA = Path(__file__).parents[1] / "data"
Captured = pytest.CaptureFixture[str]


def lines(capsys: Captured) -> list[str]:
    """Returns what was printed on stderr, without the numbers of seconds."""
    return re.sub(r"\d+(\.\d+)? s", "N s", capsys.readouterr().err).splitlines()


def test_a_run_prints_a_line_as_its_stage_starts_and_one_with_its_time(
    tmp_path: Path, capsys: Captured
) -> None:
    words = ["--benchmark-binary", str(DATA / "stand_in" / "benchmark_model"), "--delegate", "none"]
    words += ["--model", str(DATA / "tiny.tflite"), "--processes", "2", "--db", str(tmp_path / "d")]
    assert main(["run", "--host", "--no-check", *words]) == 0
    assert lines(capsys)[:2] == ["host measure: started", "host measure: 2 of 2 in N s"]


def test_stages_are_told_apart_by_their_names(capsys: Captured) -> None:
    with output.stages() as on_progress:
        on_progress("audio", 0, 0)
        on_progress("audio", 1, 1)
        on_progress("convert", 0, 2)
        on_progress("convert", 1, 2)
        on_progress("convert", 2, 2)
        on_progress("convert", 2, 2)
    assert lines(capsys) == [
        "audio: started", "audio: 1 of 1 in N s", "convert: started", "convert: 2 of 2 in N s",
    ]  # fmt: skip


def test_a_stage_that_takes_long_is_heard_of_now_and_then(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LOG_EVERY_S", 0.0)
    with output.stages() as on_progress:
        for done in range(4):
            on_progress("train", done, 3)
    assert lines(capsys) == [
        "train: started",
        *(f"train: {done} of 3 after N s" for done in range(3)),
        "train: 3 of 3 in N s",
    ]


def test_a_bar_that_begins_again_has_the_time_of_what_it_shows_now(capsys: Captured) -> None:
    with output.progress() as display:
        bar = display.add_task("score", total=None)
        time.sleep(0.3)
        for name in ("first", "second"):
            display.update(bar, description=name, completed=0, total=2)
            display.update(bar, completed=2)
    times = re.findall(r"(\w+): 2 of 2 in ([\d.]+) s", capsys.readouterr().err)
    assert [name for name, _ in times] == ["first", "second"]
    first_s, second_s = (float(each) for _, each in times)
    assert first_s >= 0.3
    assert second_s < first_s


def test_a_stage_that_is_left_early_is_closed_with_how_far_it_came(capsys: Captured) -> None:
    with pytest.raises(KeyboardInterrupt), output.stages() as on_progress:
        on_progress("push (MB)", 2.5, 10)
        raise KeyboardInterrupt
    assert lines(capsys) == ["push (MB): started", "push (MB): 2.5 of 10 in N s"]
