"""The checksum of each row: a damaged disk must not change a latency without anybody noticing.

SQLite has checksums of its log only, so a flipped bit in a page is read as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Float, Table, Text, cast, null, type_coerce
from sqlalchemy.types import NullType

from bench.core.errors import BenchError, InfrastructureError

NAME = "row_sha256"  # the column
_SEPARATOR = "\0"


def sealed(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row to insert, with its checksum."""
    texts = {each.name: to_json(row[each.name]) for each in table.c if isinstance(each.type, JSON)}
    return {**row, NAME: checksum(table, {**row, **texts})}


def columns(table: Table, *, with_checksum: bool) -> list[Any]:
    """Returns the columns to select for ``unsealed``, each as it is stored.

    Args:
        with_checksum: false for a database of a version that had none.
    """
    return [
        null().label(NAME) if each.name == NAME and not with_checksum else _as_stored(each)
        for each in table.c
    ]


def unsealed(table: Table, values: Sequence[Any], source: str) -> dict[str, Any]:
    """Returns a selected row by column, after its checksum was compared.

    Rows of versions without a checksum are taken as they are.

    Args:
        values: of ``columns``.

    Raises:
        InfrastructureError: the row is damaged.
    """
    plan = _plan(table)
    row = dict(zip(plan.names, values, strict=True))
    stored = row.pop(NAME)
    try:
        if stored is None or stored == checksum(table, row):
            for name, convert in plan.converted:
                row[name] = convert(row[name])
            return row
    except (TypeError, ValueError):  # another type than the column's, or no JSON
        pass
    key = next(iter(table.primary_key)).name
    raise damaged(f"{source}: {table.name} {row[key]} is damaged: its checksum does not fit")


def damaged(message: str) -> BenchError:
    """Returns the error of a database whose file has changed on the disk."""
    return InfrastructureError(
        message, hint="use a copy of the file, or measure again with another --db"
    )


def to_json(value: object) -> str:
    """Returns the text of a JSON column, as the engine writes it."""
    return json.dumps(value)


def _as_stored(column: Column[Any]) -> Any:
    if isinstance(column.type, JSON):
        return cast(column, Text)
    return type_coerce(column, NullType())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How the rows of a table are read, worked out once: there may be a million.

    Args:
        names: of all columns.
        texts: of each column with a checksum, its name and what makes a text of its value.
        converted: of each column that is not stored as it is, its name and what converts it.
    """

    names: tuple[str, ...]
    texts: tuple[tuple[str, Callable[[Any], str]], ...]
    converted: tuple[tuple[str, Callable[[Any], Any]], ...]


@cache
def _plan(table: Table) -> _Plan:
    given = table.autoincrement_column  # by the database, so not known before
    hashed = [each for each in table.c if each.name != NAME and each is not given]
    kinds: tuple[tuple[type, Callable[[Any], Any]], ...] = ((JSON, json.loads), (Boolean, bool))
    return _Plan(
        names=tuple(table.c.keys()),
        texts=tuple((each.name, _texts(each)) for each in hashed),
        converted=tuple(
            (each.name, convert)
            for each in hashed
            for kind, convert in kinds
            if isinstance(each.type, kind)
        ),
    )


def _texts(column: Column[Any]) -> Callable[[Any], str]:
    if isinstance(column.type, Float):
        return lambda value: repr(float(value))
    if isinstance(column.type, Boolean):
        return lambda value: str(bool(value))
    return str


def checksum(table: Table, row: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a row's values, JSON as its text."""
    texts = [
        f"{name}={text(row[name])}" for name, text in _plan(table).texts if row[name] is not None
    ]
    return hashlib.sha256(_SEPARATOR.join(texts).encode(errors="surrogatepass")).hexdigest()
