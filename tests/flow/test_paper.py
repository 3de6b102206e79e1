"""What `frill-bench paper` leaves: students against a teacher, in one command."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from support.audio_models import MODELS
from support.demo_run import TINY, Ran
from support.program import frill_bench

from bench.core.hashing import sha256_file
from bench.flow.paper import students
from models.student.spec import FRILL
from models.student.weights import starter_folder, students_in

TRILL = MODELS / "patch_one.tflite"  # stands for TRILL's own file


def test_frill_and_the_starter_students_are_compared_by_default() -> None:
    names = students()
    assert names[0] == FRILL.name
    assert set(names) == {FRILL.name, *students_in(starter_folder())}


def test_without_a_phone_nothing_is_made(tmp_path: Path) -> None:
    done = frill_bench("paper", "--out", "out", cwd=tmp_path, ANDROID_SERIAL="")
    assert done.returncode != 0
    assert "--host" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.journey
@pytest.mark.zoo
@pytest.mark.audio
@pytest.mark.timeout(1800)
def test_one_command_converts_measures_scores_and_writes_the_table(
    demo: Ran, split_tones: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "zoo").mkdir(parents=True)
    for name in (f"{TINY}.float32", f"{TINY}.int8", "frontend-dft-17.float32"):
        for suffix in ("tflite", "json"):  # not made again: they are up to date
            shutil.copy(demo.out / "zoo" / f"{name}.{suffix}", out / "zoo")
    words = ("--students", TINY, "--trill", TRILL, "--processes", "2", "--task-set", split_tones)
    done = frill_bench("paper", "--host", "--out", out, *words, "--json", status=0)
    teacher, *own, trill, frill = json.loads(done.stdout)["lines"]
    assert (teacher["model"], teacher["artifact_sha256"]) == ("trill", sha256_file(TRILL))
    assert {each["format"] for each in own} == {"float32", "int8"}
    for line in own:
        assert line["times_as_fast"] == pytest.approx(
            teacher["latency_us_median"] / line["latency_us_median"]
        )
        assert line["times_as_fast_low"] is None  # two processes have no interval
        assert line["size_ratio"] == line["size_bytes"] / TRILL.stat().st_size
        assert (line["teacher"], line["paired"]) == ("trill", True)
        assert line["score_ratio"] == pytest.approx(line["score_mean"] / teacher["score_mean"])
        assert line["score_ratio_low"] <= line["score_ratio"] <= line["score_ratio_high"]
        assert line["times_as_fast_app"] < line["times_as_fast"] or line["times_as_fast"] < 1
    assert (trill["model"], frill["model"]) == ("TRILL", "FRILL")
    with (out / "paper.csv").open() as stream:
        assert [each["model"] for each in csv.DictReader(stream)][-2:] == ["TRILL", "FRILL"]
    assert "student against teacher" in (out / "index.html").read_text()
    assert done.stderr.splitlines()[-1].endswith(f"open {out / 'index.html'}")
