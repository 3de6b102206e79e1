"""The flags of one process's runs, under the names that the official tool has for them."""

import json
from pathlib import Path

import pytest
from support.phone_sweeps import TINY
from support.program import command_line

STAND_IN = Path(__file__).parents[1] / "data" / "stand_in" / "benchmark_model"
RUNS = ("--num-runs=2", "--warmup-runs=5", "--min-secs=0", "--max-secs=9", "--warmup-min-secs=0")


def test_they_go_to_the_tool_as_they_are_over_the_suite_s(tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text("name: s\nmodels: [x]\nprotocol: {num_runs: 3, max_secs: 60}\n")
    words = ("--host", "--model", TINY, "--benchmark-binary", STAND_IN, "--delegate", "none")
    done = command_line("run", suite, *words, *RUNS, "--processes=1", "--dry-run", status=0)
    given = set(done.stdout.split())
    assert {"--num_runs=2", "--warmup_runs=5", "--min_secs=0", "--max_secs=9"} <= given
    assert "--warmup_min_secs=0" in given


@pytest.mark.parametrize("flag", ["--num-runs=50", "--min-secs=1"])
def test_more_than_the_official_tool_can_show_one_by_one_is_refused_with_the_other_ways(
    flag: str,
) -> None:
    words = ("--host", "--model", TINY, "--benchmark-binary", STAND_IN, "--delegate", "none")
    refused = command_line("run", *words, flag, "--dry-run", status=2)
    for way in ("--num-runs 3", "--min-secs 0", "--processes N", "--conventional"):
        assert way in refused.stderr


def test_rows_of_other_protocols_are_apart(tmp_path: Path) -> None:
    words = ("run", "--host", "--model", TINY, "--processes=1", "--warmup-min-secs=0", "--json")
    found = [
        json.loads(command_line(*words, flag, cwd=tmp_path, status=0).stdout)["sessions"][0]
        for flag in ("--num-runs=3", "--num-runs=7")
    ]
    (few,), (many,) = (each["cases"] for each in found)
    assert few["key"] != many["key"]
    assert [each["protocol"]["num_runs"] for each in (few, many)] == [3, 7]
    assert many["iterations"] == 7
    assert many["between_sessions"] is None  # which is over sessions of equal cases


def test_the_official_tool_for_this_machine_says_where_it_may_be_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    for tool, version in (("interpreter", None), ("compiled-model", "nightly")):
        asked = ["--tool", tool, *(["--tool-version", version] if version else [])]
        done = command_line("run", "--host", "--model", TINY, *asked, status=3)
        assert f"put the file at {tmp_path / 'cache' / 'official'}" in done.stderr
        assert "linux" in done.stderr
        assert f"/{version}/" in done.stderr or version is None
