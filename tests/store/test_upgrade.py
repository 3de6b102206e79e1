"""Databases of version 1, which had no checksums and fewer indices."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from support.damaged_stores import read_all, write_store

from bench.core.errors import InfrastructureError
from bench.store import prepare, schema
from bench.store.store import Store

TABLES = ("artifact", "session", "invocation", "outcome", "score", "event")
LATER = ("invocation_case", "event_session", "event_kind")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Returns a database as version 1 made it."""
    path = tmp_path / "old.db"
    write_store(path, processes=2)
    with sqlite3.connect(path) as database:
        for index in LATER:
            database.execute(f"DROP INDEX {index}")
        for table in TABLES:
            database.execute(f"ALTER TABLE {table} DROP COLUMN row_sha256")
        database.execute("UPDATE schema SET version = 1")
    database.close()
    return path


def test_an_old_database_is_read_as_it_is(old: Path, tmp_path: Path) -> None:
    write_store(tmp_path / "new.db", processes=2)
    before = old.read_bytes()
    found, expected = read_all(old), read_all(tmp_path / "new.db")
    assert str(found[0]) == str(expected[0])  # type: ignore[index]  # a tuple
    assert old.read_bytes() == before


def test_a_writer_upgrades_it_and_keeps_every_row(old: Path) -> None:
    before = read_all(old)
    Store.open(old).close()
    assert read_all(old) == before
    with sqlite3.connect(old) as database:
        assert database.execute("SELECT version FROM schema").fetchall() == [(1,), (2,)]
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        assert names >= {*LATER}
    database.close()


def test_an_upgrade_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: object) -> None:
        connection.execute(text("SELECT * FROM missing"))  # type: ignore[attr-defined]

    before = read_all(old)
    monkeypatch.setattr(prepare, "_add_version", fail)
    with pytest.raises(InfrastructureError, match="no such table"):
        Store.open(old)
    monkeypatch.undo()
    with sqlite3.connect(old) as database:
        assert database.execute("SELECT max(version) FROM schema").fetchall() == [(1,)]
    database.close()
    assert read_all(old) == before


def test_an_upgraded_database_has_what_a_new_one_has(old: Path, tmp_path: Path) -> None:
    def shape(path: Path) -> dict[str, object]:
        with sqlite3.connect(path) as database:
            indices = database.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
            columns = {
                table: [row[1:3] for row in database.execute(f"PRAGMA table_info({table})")]
                for table in schema.metadata.tables
            }
            found = {"indices": sorted(indices.fetchall()), **columns}
        database.close()
        return found

    Store.open(old).close()
    Store.open(tmp_path / "new.db").close()
    assert shape(old) == shape(tmp_path / "new.db")
