import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.program import frill_bench

from bench.cli import main as cli
from bench.cli.main import main

HELP = Path(__file__).parent.parent / "data" / "help"
HEAVY = ("tensorflow", "keras", "matplotlib", "numpy", "sqlalchemy", "rich", "jinja2")


@pytest.mark.evidence
def test_help_comes_in_less_than_three_tenths_of_a_second() -> None:
    walls = []
    for _ in range(5):
        started = time.perf_counter()
        assert frill_bench("--help").returncode == 0
        walls.append(time.perf_counter() - started)
    assert statistics.median(walls) < 0.3


@pytest.mark.parametrize("verb", ["", *cli.VERBS])
def test_nothing_heavy_is_imported_for_help(verb: str) -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-P", "-m", "bench", *verb.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert "bench.cli.main" in imported
    assert not imported & set(HEAVY)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its help by version")
@pytest.mark.parametrize("verb", ["", *cli.VERBS])
def test_help_reads_as_it_was_agreed(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("FRILL_BENCH_ZOO", "ZOO")
    with pytest.raises(SystemExit) as left:
        main([*verb.split(), "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    golden = HELP / f"{verb or 'frill-bench'}.txt"
    assert text == golden.read_text()
    assert "example: frill-bench" in text


def test_a_wrong_flag_or_verb_is_usage() -> None:
    for arguments in ([], ["fly"], ["demo", "--outt", "x"]):
        assert frill_bench(*arguments).returncode == 2


def test_an_error_of_the_user_is_one_line_with_a_hint_and_no_traceback(tmp_path: Path) -> None:
    done = frill_bench("zoo", "show", "fril", "--zoo", str(tmp_path))
    assert done.returncode == 2
    assert "fril" in done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_model_is_usage(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_text("no")
    done = frill_bench("zoo", "add", str(tmp_path / "a.tflite"), "--zoo", str(tmp_path / "zoo"))
    assert done.returncode == 2
    assert "a.tflite: is not a TFLite model" in done.stderr
    assert not (tmp_path / "zoo").exists()


def test_a_bug_of_ours_keeps_its_traceback_and_has_a_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("bench.cli.verbs.build.zoo.run", broken)
    assert main(["zoo", "list"]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_zoo_show_knows_frill_without_building_it(tmp_path: Path) -> None:
    done = frill_bench("zoo", "show", "frill", "--json", "--zoo", str(tmp_path))
    shown = json.loads(done.stdout)
    assert shown["schema_version"] == 1
    assert shown["name"] == "small_w2.0_legacy_gap_e2048_fused"
    assert shown["parameters"] == 10_119_632
    assert shown["macs"] == 42_315_776
    assert shown["input_shapes"] == [[1, 96, 64, 1]]
    assert shown["output_shapes"] == [[1, 2048]]
    assert shown["formats"] == []


def test_a_reader_that_leaves_early_is_no_error() -> None:
    script = f"{sys.executable} -P -m bench zoo show frill --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
