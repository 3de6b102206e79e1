"""What a user does wrong, through the real command line: a sentence, a code, no traceback.

One started program shows that the code and the sentence reach a shell; the others would only
import everything again.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.program import command_line, frill_bench

from bench.store.store import Store

DATA = Path(__file__).parents[1] / "data"
TINY = DATA / "tiny.tflite"


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo"
    command_line("zoo", "add", TINY, "--zoo", folder, status=0)
    return folder


def refused(done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert "hint:" in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_folder_that_cannot_be_made_is_the_machines_fault(zoo: Path, tmp_path: Path) -> None:
    database, file = tmp_path / "r.db", tmp_path / "file"
    file.touch()
    with Store.open(str(database)):
        pass
    refused(command_line("report", "--db", database, "--out", file), 3, str(file))
    refused(command_line("run", "--host", "--zoo", zoo, "--db", file / "x.db"), 3, str(file))
    refused(frill_bench("zoo", "add", TINY, "--zoo", file / "zoo"), 3, str(file))


def test_a_folder_is_no_database_and_no_database_is_made_to_be_reported(tmp_path: Path) -> None:
    refused(command_line("report", "--db", tmp_path), 2, str(tmp_path))
    missing = tmp_path / "missing.db"
    refused(command_line("report", "--db", f"sqlite:///{missing}"), 2, "missing.db")
    assert not missing.exists()


def test_a_zoo_that_is_a_file_is_refused_and_an_empty_one_is_named(tmp_path: Path) -> None:
    refused(command_line("zoo", "list", "--zoo", TINY), 2, "tiny.tflite")
    done = command_line("zoo", "list", "--zoo", tmp_path / "none", "--json")
    assert json.loads(done.stdout)["artifacts"] == []
    assert "none: holds no artifacts" in done.stderr


def test_a_name_cannot_leave_the_zoo(tmp_path: Path) -> None:
    for name in ("../evil", "a/b", "", ".hidden"):
        done = command_line("zoo", "add", TINY, "--zoo", tmp_path / "zoo", "--name", name)
        refused(done, 2, repr(name))
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("seconds", ["nan", "0", "-1", "inf"])
def test_a_hop_is_a_positive_time(tmp_path: Path, seconds: str) -> None:
    refused(command_line("zoo", "add", TINY, "--zoo", tmp_path, f"--hop-s={seconds}"), 2, "--hop-s")


def test_no_format_is_not_all_formats(tmp_path: Path) -> None:
    refused(command_line("convert", "frill", "--formats", "", "--zoo", tmp_path), 2, "no format")


def test_threads_count_from_one(tmp_path: Path) -> None:
    run_tiny = ("run", "--host", "--model", TINY, "--db", tmp_path / "r.db")
    refused(command_line(*run_tiny, "--num-threads", "0"), 2, "threads: 0 is below 1")
    done = command_line(*run_tiny, "--num-threads", "two")
    assert done.returncode == 2
    assert "'two' is not a comma-separated list of whole numbers" in done.stderr


def test_the_commands_of_a_dry_run_are_json_too() -> None:
    words = ("run", "--host", "--model", TINY, "--dry-run", "--json", "--num-threads", "2,2")
    done = command_line(*words)
    commands = json.loads(done.stdout)["commands"]
    assert len(commands) == len({tuple(each) for each in commands}) * 10
    assert "--num_threads=2" in commands[0]


def test_the_demo_says_what_is_wrong_before_it_converts(tmp_path: Path) -> None:
    for flags in (["--processes", "0"], ["--audio", "nowhere"], ["--students", ""]):
        refused(command_line("demo", "--out", tmp_path / "demo", *flags), 2)
    assert not (tmp_path / "demo").exists()


def test_a_closed_stdout_is_no_bug_and_a_full_one_is_the_machines_fault(zoo: Path) -> None:
    script = f"{sys.executable} -P -m bench zoo list --zoo {zoo} >&-"
    assert subprocess.run(["sh", "-c", script], capture_output=True).returncode == 0
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    script = script.replace(">&-", "--json >/dev/full")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    refused(done, 3, "No space left")


def test_a_narrow_terminal_cuts_nothing_off_a_table(
    zoo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.table import Table

    from bench.cli import terminal as output

    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    table = Table("model", *(f"number {n}" for n in range(5)))
    table.add_row("abcdefghijklmnopqrstuvwxyz", *["123.4"] * 5)
    output.print_table(table)
    assert "…" not in capsys.readouterr().out


def test_a_file_changed_under_its_manifest_is_neither_timed_nor_scored(
    tmp_path: Path, split_tones: Path
) -> None:
    folder = tmp_path / "zoo"
    model = DATA / "audio_models" / "patch_one.tflite"
    command_line("zoo", "add", model, "--zoo", folder, "--name", "m", status=0)
    (file,) = folder.glob("*.tflite")
    database = tmp_path / "r.db"
    score = ("score", "--zoo", folder, "--task-set", split_tones, "--db", database)
    time = ("run", "--host", "--zoo", folder, "--db", database)
    command_line(*score, status=0)  # and is in the cache from here on
    kept = shutil.copy(file, tmp_path / "kept")
    with file.open("ab") as stream:
        stream.write(os.urandom(8))
    refused(command_line(*score), 4, file.name, "in its manifest")
    refused(command_line(*time), 2, file.name, "its manifest has")
    file.unlink()
    refused(command_line(*score), 4, file.name, "no such file")
    refused(command_line(*time), 2, file.name, "no such file")
    shutil.copy(kept, file)
    command_line(*score, status=0)
