"""Connections: SQLite set up so that writers wait for each other, and its errors in our words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from bench.core.errors import ConfigurationError, InfrastructureError

WRITE = "frill_write"  # the execution option of a connection that will write
_BUSY_LIMIT_S = 30.0
# FULL: not even a power cut loses a committed process, for about a millisecond each.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


def open_engine(url: str) -> Engine:
    """Returns the engine of a SQLAlchemy URL; nothing is connected yet.

    Raises:
        ConfigurationError: it is no URL, or its driver is not installed.
    """
    sqlite = url.startswith("sqlite")
    try:
        engine = create_engine(url, connect_args={"timeout": _BUSY_LIMIT_S} if sqlite else {})
    except (ImportError, SQLAlchemyError) as error:
        raise ConfigurationError(
            f"no such kind of database: {error}",
            hint="give a file, or a SQLAlchemy URL whose driver is installed",
        ) from error
    if sqlite:
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turns the database's errors into ours, but for a row that is there already."""
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


def _set_up(connection: sqlite3.Connection, _: object) -> None:
    # Python's driver begins a transaction late, and never for reading; _begin does it instead.
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
    # A writer takes its lock at once: a reader that turns writer would fail and not wait.
    write = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
