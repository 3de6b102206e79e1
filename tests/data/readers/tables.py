"""Prints the rows that pandas, DuckDB, Polars and PyArrow find in a file, as JSON."""

import json
import sys

import duckdb
import pandas as pd
import polars as pl
from pyarrow import csv, parquet
from pyarrow import json as jsonl

kind, path = sys.argv[1:]
WHOLE = {"infer_schema_length": None}  # else Polars decides on a column's type by its first rows
READERS = {
    "csv": (pd.read_csv, lambda p: pl.read_csv(p, **WHOLE), csv.read_csv, "read_csv"),
    "jsonl": (
        lambda p: pd.read_json(p, lines=True, dtype=False, convert_dates=False, precise_float=True),
        lambda p: pl.read_ndjson(p, **WHOLE), jsonl.read_json, "read_json",
    ),
    "parquet": (pd.read_parquet, pl.read_parquet, parquet.read_table, "read_parquet"),
}  # fmt: skip


def plain(records):
    """Returns records with one form for what is absent."""
    return [
        {name: None if value != value or value is None else value for name, value in each.items()}
        for each in records
    ]


def of_duckdb(function):
    """Returns the rows that DuckDB finds; in a CSV it decides on types by all rows."""
    options = ", sample_size=-1" if kind != "parquet" else ""
    found = duckdb.sql(f"select * from {function}('{path}'{options})")  # noqa: S608 - a test's path
    return [dict(zip(found.columns, each, strict=True)) for each in found.fetchall()]


of_pandas, of_polars, of_arrow, function = READERS[kind]
rows = {
    "pandas": of_pandas(path).astype(object).to_dict("records"),
    "polars": of_polars(path).to_dicts(),
    "pyarrow": of_arrow(path).to_pylist(),
    "duckdb": of_duckdb(function),
}
versions = {"pandas": pd, "polars": pl, "duckdb": duckdb, "pyarrow": sys.modules["pyarrow"]}
sys.stdout.write(
    json.dumps(
        {
            "rows": {name: plain(of) for name, of in rows.items()},
            "versions": {name: module.__version__ for name, module in versions.items()},
        },
        default=str,
    )
)
