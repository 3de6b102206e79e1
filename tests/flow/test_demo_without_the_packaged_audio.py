"""The demo where there is no apt, and with audio of one's own."""

import csv
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.program import frill_bench

from bench.flow.demo import demo as own_demo

pytestmark = [pytest.mark.zoo]

STUDENT = "tiny_w0.5_keras3_gap_e64_unfused"


def demo(
    tmp_path: Path, *arguments: str, path: str
) -> tuple[subprocess.CompletedProcess[str], Sequence[dict[str, str]]]:
    done = frill_bench(
        "demo", "--out", tmp_path / "out", "--students", STUDENT, "--processes", "1", *arguments,
        status=0, FRILL_BENCH_CACHE=str(tmp_path / "cache"), PATH=path,
    )  # fmt: skip
    with (tmp_path / "out" / "results.csv").open() as stream:
        return done, list(csv.DictReader(stream))


@pytest.mark.journey
def test_without_apt_one_line_says_how_to_give_audio_and_accuracy_is_a_gap(tmp_path: Path) -> None:
    done, rows = demo(tmp_path, path=str(tmp_path))
    (note,) = (line for line in done.stderr.splitlines() if "No audio" in line)
    assert "apt-get is not on this machine" in note
    assert "Give clips of your own: --audio DIR" in note
    own = [row for row in rows if row["student"] == STUDENT]
    assert {row["format"] for row in own} == {"float32", "float16", "dynamic"}
    for row in own:
        assert ("unchecked" in row["caveats"].split(";")) is (row["format"] != "float32")
    for row in rows:
        assert row["latency_us_median"]
        assert row["size_bytes"]
        assert row["score_mean"] == ""
        assert row["on_frontier"] == "False"
    page = (tmp_path / "out" / "index.html").read_text()
    assert "No audio, so no accuracy" in page
    assert re.search(r"made in \d", page)
    assert re.search(r"convert \d+(\.\d)? s, measure latency \d", page)
    assert re.search(r"^convert: 4 of 4 in \d", done.stderr, re.MULTILINE)


@pytest.mark.journey
def test_a_folder_of_ones_own_calibrates_and_scores(tmp_path: Path, tones: Path) -> None:
    _, rows = demo(tmp_path, "--audio", str(tones), path=str(tmp_path))
    own = {row["format"]: row for row in rows if row["student"] == STUDENT}
    assert set(own) == {"float32", "float16", "dynamic", "int8"}
    for row in own.values():
        assert row["score_task_set"] == "tones"
        assert float(row["score_mean"]) > 0.5  # three pitches
        assert "quick" not in row["caveats"].split(";")


@pytest.mark.journey
def test_the_smallest_student_has_a_page_before_the_others_are_converted(
    tmp_path: Path, tones: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))

    def until_all_are_converted(stage: str, done: int, total: int) -> None:
        if stage == "convert":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        own_demo(
            tmp_path / "out",
            audio=tones,
            on_progress=until_all_are_converted,
            students=(STUDENT, STUDENT.replace("e64", "e128")),
            processes=2,
        )
    page = (tmp_path / "out" / "index.html").read_text()
    assert "of the smallest student alone, with 2 processes for each file" in page
    with (tmp_path / "out" / "results.csv").open() as stream:
        assert {row["student"] for row in csv.DictReader(stream)} == {STUDENT}
    left = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    assert left == {"devices", "files", "zoo"}


def test_fetching_without_apt_is_an_infrastructure_failure(tmp_path: Path) -> None:
    done = frill_bench(
        "data", "fetch", status=3, FRILL_BENCH_CACHE=str(tmp_path), PATH=str(tmp_path)
    )
    assert "apt-get is not on this machine" in done.stderr
    assert "hint: give audio of your own" in done.stderr
