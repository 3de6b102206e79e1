"""Disks that are full, files that are cut or changed, and databases that others hold."""

import logging
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.damaged_stores import flip, read_all, write_store
from support.patience import PATIENCE_S
from support.program import command_line
from support.required import required
from support.stored_sessions import CASE, add_session

from bench.core.errors import ConfigurationError, InfrastructureError
from bench.store import engine
from bench.store.store import Store


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("written") / "bench.db"
    write_store(path, processes=6)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, written: bytes) -> Path:
    """Returns a database of two sessions, closed."""
    path = tmp_path / "bench.db"
    path.write_bytes(written)
    return path


def test_a_flipped_bit_never_changes_what_is_read(tmp_path: Path) -> None:
    found = flip(tmp_path, count=60, seed=1)
    assert found.silent == ()
    assert found.refused > 12
    assert found.same > 5


def test_a_changed_latency_is_refused_by_its_row(path: Path, tmp_path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("UPDATE outcome SET payload = replace(payload, '1002.0', '1003.0')")
    other.close()
    done = command_line("report", "--db", path, "--out", tmp_path / "page", status=3)
    assert f"{path}: outcome 7 is damaged: its checksum does not fit" in done.stderr
    assert "use a copy of the file" in done.stderr
    assert not (tmp_path / "page" / "index.html").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_cut_file_is_refused(path: Path, share: float, written: bytes) -> None:
    path.write_bytes(written[: int(share * len(written))])
    with pytest.raises((ConfigurationError, InfrastructureError)) as caught:
        read_all(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


# A database that is filled until its disk is full, then once more with room again.
FILL = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2], sys.argv[3]]
from bench.core.errors import InfrastructureError
from support.stored_sessions import CASE, add_session
from bench.store.store import Store
place = Path(sys.argv[1])
ballast = place / "ballast"
with Store.open(place / "bench.db") as store:
    ballast.write_bytes(bytes(300_000))
    try:
        for number in range(1000):
            add_session(store, f"s{number}", {CASE: 1000.0})
    except InfrastructureError as error:
        print(error)
    kept = len(store.invocations())
    ballast.unlink()
    add_session(store, "after", {CASE: 1000.0})
    print(kept, len(store.invocations()), len(store.invocations("after")))
with Store.open(place / "bench.db", create=False) as store:
    print(len(store.invocations()))
"""


def test_a_full_disk_ends_clearly_and_loses_nothing(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        assert not required("handset"), "this machine refuses namespaces"
        pytest.skip("this machine refuses namespaces")
    mount = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    folders = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, tmp_path, sys.executable, "-c", FILL, tmp_path,
         *folders],
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    error, hint, counts, read_again = done.stdout.splitlines()
    assert error.endswith("bench.db: database or disk is full")
    assert "free space on its disk, then give the same command again" in hint
    kept, after, of_the_last = map(int, counts.split())
    assert kept > 10
    assert (after, of_the_last) == (kept + 6, 6)
    assert int(read_again) == after


def test_a_writer_waits_for_another_and_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "_QUIET_S", 0.05)
    holder = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    with Store.open(path) as store, caplog.at_level(logging.WARNING):
        holder.execute("BEGIN IMMEDIATE")
        threading.Timer(0.3, holder.execute, ["COMMIT"]).start()
        add_session(store, "s2", {CASE: 1002.0})
        assert len(store.invocations("s2")) == 6
    holder.close()
    (said,) = caplog.messages
    assert said == f"{path}: another process is writing; waiting for up to 30 s"


def test_a_writer_that_waited_long_enough_ends_and_names_the_next_step(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_QUIET_S", 0.05)
    monkeypatch.setattr(engine, "_BUSY_LIMIT_S", 0.1)
    with Store.open(path) as store:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(InfrastructureError, match="database is locked") as caught:
            add_session(store, "s2", {CASE: 1002.0})
        holder.close()
        assert str(path) in caught.value.message
        assert "wait until the other process has ended" in caught.value.hint
        assert [each.id for each in store.sessions()] == ["s0", "s1"]


def test_a_reader_does_not_take_a_held_database_for_one_that_nobody_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_BUSY_LIMIT_S", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(InfrastructureError, match="database is locked"):
        read_all(path)
    holder.close()
    read_all(path)


def test_a_report_reads_whole_processes_while_a_run_writes(path: Path) -> None:
    with Store.open(path) as writer:
        for number in range(2, 6):
            add_session(writer, f"s{number}", {CASE: 1000.0 + number}, processes=number)
            with Store.open(path, create=False) as reader:
                found = reader.invocations()
                assert len(reader.sessions()) == number + 1
            assert all(each.outcome is not None for each in found)
            assert len(found) == 12 + sum(range(2, number + 1))


def test_a_column_whose_name_is_damaged_is_an_error_and_no_bug(path: Path, written: bytes) -> None:
    path.write_bytes(written.replace(b"ON session (plan_", b"ON session (pla\xce_"))
    with pytest.raises(InfrastructureError, match="is damaged: its tables cannot be read"):
        read_all(path)
