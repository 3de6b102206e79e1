"""``frill-bench export``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.console import print_json, print_to_stderr
from bench.core import atomic, units
from bench.core.errors import ConfigurationError
from bench.core.units import counted

if TYPE_CHECKING:
    from bench.store.store import Store

# Named here, so that --help imports nothing heavy; a test holds them to FileFormat and TABLES.
FORMATS = (
    *("csv", "jsonl", "parquet", "google-benchmark", "bencher", "github-action-benchmark"),
    *("litert-samples", "aihub", "mteb"),
)
# Not of rows: what ran over time, and the times of operators.
OF_RUNS = ("perfetto", "model-explorer")
TABLES = ("results", "tasks", "streaming", "sustained", "imported")
BENCHMARKS = ("mteb",)  # of others, for which a format is a table of costs


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
        "--format",
        choices=(*FORMATS, *OF_RUNS),
        metavar="FORMAT",
        help=f"write rows in this format: {listed}; or streaming and sustained runs over time "
        "(perfetto), or op profiles into a folder (model-explorer)",
    )
    what.add_argument(
        "--for",
        dest="format",
        choices=BENCHMARKS,
        metavar="BENCHMARK",
        help="write what each model costs, with intervals, as a table for another benchmark that "
        "knows its accuracy: mteb (CSV)",
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
        help="which rows; other programs' formats have those of results only. imported: scores of "
        "other benchmarks (score --import) beside the costs of their files",
    )
    add("--out", type=Path, metavar="FILE", help="file or folder (default: stdout)")
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
        if options.format in OF_RUNS:
            return _runs(store, options)
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


def _runs(store: Store, options: Options) -> int:
    """Writes what is of runs and not of rows."""
    if options.table != "results":
        raise ConfigurationError(
            f"--table {options.table}: {options.format} is not of rows", hint="leave out --table"
        )
    is_folder = options.format == "model-explorer"
    if options.out is None and (options.json or is_folder):
        raise ConfigurationError(
            "--out is missing: it is needed here",
            hint="add --out DIR" if is_folder else "add --out FILE",
        )
    if options.out is not None and is_folder:
        return _node_data(store, options, options.out)
    return _timelines(store, options)


def _timelines(store: Store, options: Options) -> int:
    from bench.flow.exchange.rows import provenance
    from bench.flow.exchange.timelines import tracks_of
    from reports.exchange.trace_events import trace_json

    tracks = tracks_of(store)
    text = trace_json(tracks, provenance(store))
    if options.out is None:
        sys.stdout.write(text)
        return 0
    atomic.write_text(options.out, text)
    slices = sum(len(lane.slices) for track in tracks for lane in track.lanes)
    if options.json:
        about = {"out": str(options.out), "format": options.format, "sessions": len(tracks)}
        print_json({**about, "slices": slices})
    found = f"{counted(slices, 'process')} of {counted(len(tracks), 'session')}"
    print_to_stderr(f"wrote {found} to {options.out}; open it on Perfetto's page")
    return 0


def _node_data(store: Store, options: Options, folder: Path) -> int:
    from bench.core.config import unstructure
    from bench.flow.exchange.node_data import write_node_data

    written = write_node_data(store, folder)
    if options.json:
        listed = [unstructure(each) for each in written]
        print_json({"out": str(folder), "format": options.format, "files": listed})
    for each in written:
        whole_us = each.matched_us + each.unmatched_us
        share = units.percent(each.matched_us / whole_us if whole_us else None)
        matched = f"{counted(each.matched, 'operator')} with {share} % of the time"
        others = f", {each.unmatched} rows of no operator" if each.unmatched else ""
        print_to_stderr(f"wrote {folder / each.file}: {matched}{others}")
        if each.unmatched_us > each.matched_us:
            print_to_stderr(
                "  most of the time is a delegate's, which times its own kernels and not the "
                "file's operators; --delegate none times these"
            )
    return 0


def _parcel(store: Store, options: Options, path: Path) -> int:
    from tempfile import TemporaryDirectory

    from bench.flow.exchange.benchmark_scores import imported_scores
    from bench.flow.exchange.parcel import write
    from bench.flow.report.write import report

    with TemporaryDirectory() as scratch:
        command = f"frill-bench export --db {options.db} --parcel {path}"
        page, _ = report(store, out=Path(scratch), title=path.stem, command=command, is_alone=True)
        contents = write(store, path, page=page.read_bytes())
    if options.json:
        print_json({"out": str(path), "members": len(contents.members)})
    print_to_stderr(f"wrote {path}: it holds names of devices, serial numbers and paths as stored")
    if left_out := len(imported_scores(store)):
        print_to_stderr(
            f"it does not hold {counted(left_out, 'score')} of other benchmarks: import their "
            "files into the other database"
        )
    return 0
