"""Our own tables as CSV, JSON Lines and Parquet.

The program reads none of these files: a row alone is not evidence. Rows come from raw texts, which
logs and parcels have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from bench.core import atomic
from bench.core.errors import ConfigurationError
from reports.exchange.described import TABLES, Kind, described
from reports.parts.documents import to_csv
from reports.rows import schema
from reports.rows.schema import ROWS_VERSION, Listing


def csv_text(rows: Sequence[object], table: str) -> str:
    """Returns rows as CSV: a header, then one line per row; no value is an empty field.

    A text that a spreadsheet would compute has an apostrophe before it.
    """
    return to_csv(_listing(rows, table))


def jsonl_text(rows: Sequence[object], table: str) -> str:
    """Returns rows as JSON Lines: one object per line, with the version of the columns."""
    return "".join(f"{json.dumps(line, allow_nan=False)}\n" for line in lines(rows, table))


def lines(rows: Sequence[object], table: str) -> list[dict[str, Any]]:
    """Returns each row as the JSON object of its line."""
    head = {"schema_version": ROWS_VERSION, "table": table}
    return [{**head, **record} for record in _records(rows, table)]


def write_parquet(
    rows: Sequence[object], table: str, path: Path, provenance: Mapping[str, str]
) -> None:
    """Writes rows as a Parquet file: unit and meaning are in the metadata of each column.

    Raises:
        ConfigurationError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigurationError(
            f"{path}: Parquet needs pyarrow", hint="pip install -e '.[parquet]'"
        ) from error
    kinds = {
        Kind.TEXT: pyarrow.string(),
        Kind.WHOLE: pyarrow.int64(),
        Kind.NUMBER: pyarrow.float64(),
        Kind.FLAG: pyarrow.bool_(),
    }
    fields = [
        pyarrow.field(
            column.name,
            kinds[column.kind],
            nullable=column.may_be_empty,
            metadata={"unit": column.unit, "meaning": column.meaning},
        )
        for column in described(table)
    ]
    about = {"schema_version": ROWS_VERSION, "table": table, **provenance}
    form = pyarrow.schema(fields, metadata={"frill-bench": json.dumps(about)})
    content = pyarrow.Table.from_pylist(_records(rows, table), schema=form)
    with atomic.replacing(path) as partial:
        parquet.write_table(content, partial)


def _records(rows: Sequence[object], table: str) -> list[dict[str, Any]]:
    """Returns each row by column, words as plain text."""
    return [
        {name: str(value) if isinstance(value, StrEnum) else value for name, value in row.items()}
        for row in _listing(rows, table).records()
    ]


def _listing(rows: Sequence[object], table: str) -> Listing:
    return schema.listing(rows, TABLES[table])
