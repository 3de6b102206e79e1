"""Database connections: SQLite set up so that writers wait for each other; translated errors."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from bench.core.errors import ConfigurationError, InfrastructureError

WRITE = "frill_write"  # the execution option of a connection that will write
_BUSY_LIMIT_S = 30.0
# FULL: not even a power cut loses a committed process, for about a millisecond each.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


def open_engine(url: str | URL, *, read_only: bool = False) -> Engine:
    """Returns the engine of a SQLAlchemy URL; nothing is connected yet.

    Args:
        read_only: nothing will be written; a SQLite file and its folder may then be read-only.

    Raises:
        ConfigurationError: it is not a URL, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        file = _file_of(parsed) if read_only else None
        if file is not None:
            engine = create_engine(parsed, creator=partial(_connect_to_read, file))
        else:
            engine = create_engine(
                parsed, connect_args={"timeout": _BUSY_LIMIT_S} if sqlite else {}
            )
    except (ImportError, SQLAlchemyError) as error:
        raise ConfigurationError(
            f"not a supported database: {error}",
            hint="give a file, or a SQLAlchemy URL whose driver is installed",
        ) from error
    if sqlite and file is None:
        event.listen(engine, "connect", _set_up)
    if sqlite:
        event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Turns the database's errors into ours, except ``IntegrityError`` (a row exists already)."""
    try:
        yield
    except IntegrityError:
        raise
    except OperationalError as error:
        raise InfrastructureError(
            f"{url}: {error.orig}", hint="check the path, its permissions and the disk's space"
        ) from error
    except DBAPIError as error:
        raise ConfigurationError(
            f"{url}: {error.orig}", hint="give a frill-bench database with --db"
        ) from error


def _file_of(url: URL) -> Path | None:
    """Returns the SQLite file of a URL; ``None`` for another database, or a URL with options."""
    if url.get_backend_name() != "sqlite" or url.query or url.database in (None, "", ":memory:"):
        return None
    return Path(url.database)


def _connect_to_read(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}"
    connection = _connect(f"{uri}?mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").close()
    except sqlite3.OperationalError as error:
        connection.close()
        # SQLite makes files beside a database in WAL mode even to read it, except with immutable=1;
        # then it does not read rows that are only in the log.
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise InfrastructureError(
                f"{path}: {error}, and its last rows are in {log.name} only",
                hint="copy both files to a writable folder, and read them there",
            ) from error
        return _connect(f"{uri}?immutable=1")
    return connection


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_LIMIT_S, check_same_thread=False)
    connection.isolation_level = None
    return connection


def _set_up(connection: sqlite3.Connection, _: object) -> None:
    # Python's driver begins a transaction late, and never for reading; _begin begins it instead.
    connection.isolation_level = None
    deadline_s = time.monotonic() + _BUSY_LIMIT_S
    while True:
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.OperationalError as error:
            # SQLite does not wait where two processes switch a new file to WAL.
            if "locked" not in str(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: a reader that becomes a writer would fail instead of wait.
    write = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
