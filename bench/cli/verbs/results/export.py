"""``frill-bench export``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.console import print_json, print_to_stderr
from bench.core import atomic
from bench.core.errors import ConfigurationError

if TYPE_CHECKING:
    from bench.store.store import Store

# Named here, so that --help imports nothing heavy; a test holds them to FileFormat and TABLES.
FORMATS = (
    *("csv", "jsonl", "parquet", "google-benchmark", "bencher", "github-action-benchmark"),
    *("litert-samples", "aihub"),
)
TABLES = ("results", "tasks", "streaming", "sustained")


class Options(shared.VerbOptions):
    """What the parser of ``export`` sets."""

    db: str
    format: str | None
    table: str
    parcel: Path | None
    out: Path | None
    task_set: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``export``."""
    parser.epilog = "example: frill-bench export --db results.db --format jsonl --out rows.jsonl"
    add = parser.add_argument
    shared.add_db(parser, "the database to read")
    what = parser.add_mutually_exclusive_group(required=True)
    listed = ", ".join(FORMATS)
    what.add_argument(
        "--format", choices=FORMATS, metavar="FORMAT", help=f"write rows in this format: {listed}"
    )
    what.add_argument(
        "--parcel",
        type=Path,
        metavar="FILE.zip",
        help="write sessions, raw texts, manifests, scores and the page, for frill-bench merge",
    )
    add(
        "--table",
        choices=TABLES,
        default="results",
        help="which rows; other programs' formats have those of results only",
    )
    add("--out", type=Path, metavar="FILE", help="file for the rows (default: stdout)")
    add(
        "--task-set",
        metavar="SET",
        help="task set of the scores (default: the one that most artifacts were scored on)",
    )
    shared.add_json(parser)


def run(options: Options) -> int:
    """Writes rows or a parcel and returns 0."""
    from bench.store.store import Store

    with Store.open(options.db, create=False) as store:
        if options.parcel is not None:
            return _parcel(store, options, options.parcel)
        return _rows(store, options)


def _rows(store: Store, options: Options) -> int:
    from bench.flow.exchange.rows import FileFormat, rows_of, text_of, write_parquet

    format = FileFormat(options.format or "")
    if options.table != "results" and not format.is_ours:
        raise ConfigurationError(
            f"--table {options.table}: {format} has no place for it",
            hint="write it with --format csv, jsonl or parquet",
        )
    if options.out is None and (options.json or format is FileFormat.PARQUET):
        raise ConfigurationError("--out is missing: a file is needed here", hint="add --out FILE")
    rows = rows_of(store, options.table, task_set=options.task_set)
    if options.out is None:
        sys.stdout.write(text_of(store, rows, format, options.table))
    elif format is FileFormat.PARQUET:
        write_parquet(store, rows, options.table, options.out)
    else:
        atomic.write_text(options.out, text_of(store, rows, format, options.table))
    if options.json:
        print_json({"out": str(options.out), "format": format.value, "rows": len(rows)})
    if options.out is not None:
        print_to_stderr(f"wrote {len(rows)} rows to {options.out}")
    return 0


def _parcel(store: Store, options: Options, path: Path) -> int:
    from tempfile import TemporaryDirectory

    from bench.flow.exchange.parcel import write
    from bench.flow.report.write import report

    with TemporaryDirectory() as scratch:
        command = f"frill-bench export --db {options.db} --parcel {path}"
        page, _ = report(store, out=Path(scratch), title=path.stem, command=command)
        contents = write(store, path, page=page.read_bytes())
    if options.json:
        print_json({"out": str(path), "members": len(contents.members)})
    print_to_stderr(f"wrote {path}: it holds names of devices, serial numbers and paths as stored")
    return 0
