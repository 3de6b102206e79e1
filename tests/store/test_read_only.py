"""Databases that can be read and not written: on a mount that is really read-only."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from support.program import COMMAND
from support.required import required

from bench.core.errors import InfrastructureError
from bench.measure.outcome import Failed
from bench.store.store import Store

# A root user passes every mode of a file, but no read-only mount.
MOUNT = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


def on_read_only_mount(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Returns a command that ran where ``folder`` cannot be written to."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        assert not required("handset"), "this machine refuses namespaces"
        pytest.skip("this machine refuses namespaces")
    words = ["unshare", "-rm", "sh", "-c", MOUNT, str(folder), *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True)


def report(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return on_read_only_mount(
        folder, *COMMAND, "report", "--db", folder / "a b%20.db", "--out", out, "--json"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Returns a folder with a database, closed as a run that ended leaves it."""
    folder = tmp_path / "kept"
    with Store.open(folder / "a b%20.db"):
        pass
    assert [path.name for path in folder.iterdir()] == ["a b%20.db"]
    return folder


def test_a_database_on_a_read_only_mount_is_reported(folder: Path, tmp_path: Path) -> None:
    refused = on_read_only_mount(folder, "touch", folder / "x")
    assert "Read-only file system" in refused.stderr
    done = report(folder, tmp_path / "page")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page" / "index.html").is_file()


def test_rows_that_only_the_log_holds_are_not_left_out_in_silence(
    folder: Path, tmp_path: Path
) -> None:
    database = folder / "a b%20.db"
    with sqlite3.connect(database) as writer:
        writer.execute("CREATE TABLE more (x)")
        writer.commit()
        log = shutil.copy(folder / "a b%20.db-wal", tmp_path / "log")
    writer.close()
    shutil.copy(log, folder / "a b%20.db-wal")  # as a killed writer leaves it
    done = report(folder, tmp_path / "page")
    assert done.returncode == 3
    assert "its last rows are in a b%20.db-wal only" in done.stderr
    assert "copy both files" in done.stderr


def test_a_reader_cannot_write(folder: Path) -> None:
    with Store.open(folder / "a b%20.db", create=False) as store:
        assert store.sessions() == []
        with pytest.raises(InfrastructureError, match="readonly"):
            store.add_outcome(1, Failed(failure="tool-failed: it ended with 1"))
