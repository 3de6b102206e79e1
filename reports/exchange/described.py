"""The columns of our tables with type, unit and meaning: docs/schema.md and a JSON Schema."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bench.core.artifact import Format
from reports.exchange.benchmarks import Imported
from reports.rows.schema import ROWS_VERSION, Endurance, Frontend, Power, Row, Stream, Task, columns

# Table to the record of its rows; what ``export --table`` takes.
TABLES: dict[str, type[object]] = {
    "results": Row,
    "tasks": Task,
    "streaming": Stream,
    "sustained": Endurance,
    "imported": Imported,
}
_ABOUT = {
    "results": "One line for each hop of each case that was timed back to back.",
    "tasks": "One line for each task of each score.",
    "streaming": "One line for each case in the streaming mode.",
    "sustained": "One line for each case in the sustained mode.",
    "imported": "One line for each score of another benchmark and each case of its file.",
}
_CAVEATS = (
    ("caveats", "kinds of the known reasons to trust the row less, joined by semicolons"),
    ("caveat_evidence", "the fact that raised each of them"),
)


class Kind(StrEnum):
    """The type of a column."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    FLAG = "true or false"


_JSON = {
    Kind.TEXT: "string", Kind.WHOLE: "integer", Kind.NUMBER: "number", Kind.FLAG: "boolean",
}  # fmt: skip
_KINDS: dict[object, Kind] = {
    str: Kind.TEXT, int: Kind.WHOLE, float: Kind.NUMBER, bool: Kind.FLAG,
    Format: Kind.TEXT, Frontend: Kind.TEXT,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Args:
        may_be_empty: a row may have no value.
        unit: empty for text and pure numbers.
        words: the only texts that it may hold; empty for any.
    """

    name: str
    kind: Kind
    may_be_empty: bool
    unit: str
    meaning: str
    words: tuple[str, ...] = ()


def described(table: str) -> tuple[Column, ...]:
    """Returns the columns of a table, in their order."""
    record = TABLES[table]
    found = {column.name: column for column in _columns(record)}
    return tuple(found[name] for name in columns(record))


def json_schema() -> dict[str, object]:
    """Returns the JSON Schema (2020-12) of one line of a JSONL file, of any table."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A row of frill-bench",
        "description": f"One line of a JSONL file of frill-bench, version {ROWS_VERSION}.",
        "type": "object",
        "required": ["schema_version", "table"],
        "properties": {"schema_version": {"const": ROWS_VERSION}, "table": {"enum": [*TABLES]}},
        "oneOf": [{"$ref": f"#/$defs/{table}"} for table in TABLES],
        "$defs": {table: _table_schema(table) for table in TABLES},
    }


def markdown() -> str:
    """Returns the tables of docs/schema.md."""
    return "\n".join(line for table in TABLES for line in _markdown_lines(table))


def _table_schema(table: str) -> dict[str, object]:
    listed = described(table)
    return {
        "title": table,
        "description": _ABOUT[table],
        "properties": {
            "schema_version": {"const": ROWS_VERSION},
            "table": {"const": table},
            **{column.name: _column_schema(column) for column in listed},
        },
        "required": [column.name for column in listed],
        "additionalProperties": False,
    }


def _column_schema(column: Column) -> dict[str, object]:
    kind = _JSON[column.kind]
    schema: dict[str, object] = {"type": [kind, "null"] if column.may_be_empty else kind}
    unit = f" ({column.unit})" if column.unit else ""
    schema["description"] = f"{column.meaning}{unit}"
    if column.words:
        schema["enum"] = [*column.words, *([None] if column.may_be_empty else [])]
    return schema


def _markdown_lines(table: str) -> Iterator[str]:
    yield from (f"## {table}", "", _ABOUT[table], "")
    yield from ("| column | type | unit | may be empty | meaning |", "|---|---|---|---|---|")
    for column in described(table):
        empty = "yes" if column.may_be_empty else ""
        words = f"; one of {', '.join(column.words)}" if column.words else ""
        unit = f" {column.unit} " if column.unit else " "
        yield (
            f"| `{column.name}` | {column.kind} |{unit}| {empty}{' ' if empty else ''}"
            f"| {column.meaning}{words} |"
        )
    yield ""


def _columns(record: type[object]) -> Iterator[Column]:
    hints = typing.get_type_hints(record)
    for field in dataclasses.fields(record):  # type: ignore[arg-type]  # records are dataclasses
        hint = hints[field.name]
        if field.name == "caveats":
            for name, meaning in _CAVEATS:
                yield Column(
                    name=name, kind=Kind.TEXT, may_be_empty=False, unit="", meaning=meaning
                )
        elif "meaning" in field.metadata:
            yield _column(field, hint)
        elif field.name in ("file", "setup") or hint is Power:
            yield from _columns(hint)


def _column(field: dataclasses.Field[object], hint: object) -> Column:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    (kind,) = [part for part in parts if part is not type(None)]
    return Column(
        name=field.name,
        kind=_KINDS[kind],
        may_be_empty=type(None) in parts,
        unit=field.metadata["unit"],
        meaning=field.metadata["meaning"],
        words=tuple(each.value for each in kind) if kind in (Format, Frontend) else (),
    )
