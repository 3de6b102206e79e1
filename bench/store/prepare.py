"""A database is made, recognised or brought to this version before anything is read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, func, insert, inspect, select, text

from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.version import VERSION
from bench.store import schema, seal

_MOST_CHECKED_BYTES = 512 << 20  # in about half a second
_OURS = {"schema", "session", "invocation"}


def prepare(connection: Connection, source: str, *, create: bool) -> int:
    """Returns the version of a database's schema; an empty one gets its tables.

    Args:
        create: tables may be made, and those of an older version are upgraded.

    Raises:
        ConfigurationError: it is another program's, or of a newer version.
    """
    tables = set(inspect(connection).get_table_names())
    if create and not tables:
        schema.metadata.create_all(connection)
        _add_version(connection)
        return schema.VERSION
    if not tables >= _OURS:
        what = "of another program" if tables else "empty"
        raise ConfigurationError(
            f"{source}: a database, but {what}", hint="give another file with --db"
        )
    version = int(connection.execute(select(func.max(schema.schema.c.version))).scalar() or 0)
    if not 0 < version <= schema.VERSION:
        raise ConfigurationError(
            f"{source}: its schema is version {version}, this program knows {schema.VERSION}",
            hint="update frill-bench, or give another file with --db",
        )
    if create and version < schema.VERSION:
        _upgrade(connection)
        return schema.VERSION
    return version


def check_file(path: Path, *, create: bool) -> None:
    """Refuses a folder, and a missing file that must exist.

    Raises:
        ConfigurationError: it is a folder, or does not exist and must.
    """
    if path.is_dir():
        raise ConfigurationError(
            f"{path}: is a folder, not a database", hint="give a file with --db"
        )
    if not create and not path.exists():
        raise ConfigurationError(
            f"{path}: no such database", hint="check --db; frill-bench run or score makes one"
        )


def make_folder(path: Path) -> None:
    """Makes the folder of a database.

    Raises:
        InfrastructureError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InfrastructureError(
            f"{path}: {error.strerror}", hint="check the path and its permissions"
        ) from error


def check_pages(connection: Connection, source: str, file: Path) -> None:
    """Refuses a SQLite file whose pages or indices are damaged, which no checksum of a row shows.

    Larger files are not checked: it takes 10 s for a million processes.

    Raises:
        InfrastructureError: it is damaged.
    """
    if file.stat().st_size > _MOST_CHECKED_BYTES:
        return
    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    if found != "ok":
        reason = str(found).replace("*** in database main ***\n", "")
        raise seal.damaged(f"{source}: is damaged: {reason}")


def _upgrade(connection: Connection) -> None:
    """Adds the checksums and indices of version 2; rows stay as they are."""
    for table in schema.metadata.sorted_tables:
        if seal.NAME in table.c:
            connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {seal.NAME} VARCHAR(64)"))
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    _add_version(connection)


def _add_version(connection: Connection) -> None:
    now = datetime.now(UTC).isoformat()
    row = {"version": schema.VERSION, "created_at": now, "program": VERSION}
    connection.execute(insert(schema.schema).values(row))
