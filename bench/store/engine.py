"""Database connections: SQLite set up so that writers wait for each other; translated errors."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from bench.core.errors import BenchError, ConfigurationError, InfrastructureError
from bench.store.seal import damaged, to_json

_LOG = logging.getLogger(__name__)  # which writes warnings to stderr
WRITE = "frill_write"  # the execution option of a connection that will write
_BUSY_LIMIT_S = 30.0
_QUIET_S = 2.0  # of waiting, which is not worth a line
_HINT = "check the path, its permissions and the disk's space"
_HINTS = {
    "SQLITE_BUSY": "wait until the other process has ended, then give the same command again",
    "SQLITE_FULL": "free space on its disk, then give the same command again: what is stored stays",
    "SQLITE_READONLY": "give a file that can be written with --db, or change its permissions",
}
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
            engine = create_engine(
                parsed, creator=partial(_connect_to_read, file), json_serializer=to_json
            )
        else:
            options = {"timeout": _BUSY_LIMIT_S} if sqlite else {}
            engine = create_engine(parsed, connect_args=options, json_serializer=to_json)
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
    except DBAPIError as error:
        raise _translated(error, url) from error
    except UnicodeDecodeError as error:  # in SQLite's own message, of a table's name
        raise damaged(f"{url}: is damaged: its tables cannot be read") from error


def _translated(error: DBAPIError, url: str) -> BenchError:
    message, code = f"{url}: {error.orig}", _code_of(error.orig)
    if "decode to UTF-8" in message:  # the rest is the text
        return damaged(f"{url}: is damaged: a text in it is not UTF-8")
    if code == "SQLITE_CORRUPT" or "no such column" in message:
        return damaged(message)
    if isinstance(error, OperationalError):
        return InfrastructureError(message, hint=_HINTS.get(code, _HINT))
    return ConfigurationError(message, hint="give a frill-bench database with --db")


def _code_of(error: BaseException | None) -> str:
    """Returns SQLite's name of an error without its details, such as ``SQLITE_BUSY``."""
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])


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
        if _code_of(error) == "SQLITE_BUSY":  # another process may be changing pages
            raise
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
    if not connection.get_execution_options().get(WRITE, False):
        connection.exec_driver_sql("BEGIN")
        return
    # A writer takes its lock at once: a reader that becomes a writer would fail instead of wait.
    try:
        _lock(connection, _QUIET_S)
    except OperationalError as error:
        if _code_of(error.orig) != "SQLITE_BUSY":
            raise
        _LOG.warning(
            "%s: another process is writing; waiting for up to %d s",
            connection.engine.url.database,
            _BUSY_LIMIT_S,
        )
        _lock(connection, _BUSY_LIMIT_S - _QUIET_S)


def _lock(connection: Connection, limit_s: float) -> None:
    connection.exec_driver_sql(f"PRAGMA busy_timeout={1000 * limit_s:.0f}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={1000 * _BUSY_LIMIT_S:.0f}")
