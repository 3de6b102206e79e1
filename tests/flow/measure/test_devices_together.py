"""This machine and phones in one run."""

import json
from pathlib import Path

import pytest
from support.phone_sweeps import SPLIT, TINY
from support.program import command_line

from bench.handset.benchmark_tool import delegate_library
from bench.handset.running import Running


@pytest.mark.handset
def test_this_machine_and_a_phone_are_measured_by_one_command(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    done = command_line(
        "run", "--host", "-s", handset.serial, "--model", TINY, "--processes", "2", "--no-check",
        "--no-conventional", "--affinity", "all", "--json", "--db", "both.db", cwd=tmp_path,
    )  # fmt: skip
    document = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    sessions = document["sessions"]
    assert [each["device"]["kind"] for each in sessions] == ["phone", "host"]
    assert [each["suite"] for each in (one["session"] for one in sessions)] == ["phone", "host"]
    runners = [each["cases"][0]["runner"] for each in sessions]
    assert runners == ["benchmark_model", "litert-python"]


@pytest.mark.handset
def test_the_commands_of_both_are_printed_by_a_dry_run(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    words = ("--model", TINY, "--processes", "2", "--no-conventional", "--affinity", "all")
    done = command_line(
        "run", "--host", "-s", handset.serial, *words, "--dry-run", cwd=tmp_path, status=0
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all("/data/local/tmp/" in line for line in lines[:2])
    assert all("bench.tool.litert_runner" in line for line in lines[2:])


@pytest.mark.handset
def test_the_library_of_an_external_delegate_alone_asks_for_that_delegate(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    done = command_line(
        "run", "-s", handset.serial, "--model", SPLIT, "--external-delegate", delegate_library(),
        "--processes", "1", "--no-check", "--no-conventional", "--json", cwd=tmp_path, status=0,
    )  # fmt: skip
    (case,) = json.loads(done.stdout)["sessions"][0]["cases"]
    assert case["delegate"] == "external"


def test_what_is_for_phones_is_refused_where_only_this_machine_is_measured(tmp_path: Path) -> None:
    done = command_line("run", "--host", "--model", TINY, "--airplane", cwd=tmp_path, status=2)
    assert "--airplane: for phones only" in done.stderr
