"""The rows of a database in the format of another program."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from bench.core.version import VERSION
from bench.flow.exchange.benchmark_scores import imported_scores
from bench.flow.report.join import join
from bench.flow.report.mode_rows import modes
from bench.flow.report.stored import newest_results, sessions_of
from bench.store.store import Store
from reports.exchange import benchmarks, peers, tables, trackers
from reports.exchange.occasion import Occasion
from reports.rows.frontier import mark
from reports.rows.schema import Row


class FileFormat(StrEnum):
    """The formats that rows are written in."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    GOOGLE_BENCHMARK = "google-benchmark"
    BENCHER = "bencher"
    GITHUB_ACTION_BENCHMARK = "github-action-benchmark"
    LITERT_SAMPLES = "litert-samples"
    AIHUB = "aihub"
    MTEB = "mteb"

    @property
    def is_ours(self) -> bool:
        """Whether it has all columns of any table."""
        return self in (FileFormat.CSV, FileFormat.JSONL, FileFormat.PARQUET)


def rows_of(store: Store, table: str, *, task_set: str | None = None) -> list[object]:
    """Returns the rows of one of our tables.

    Args:
        table: ``results``, ``tasks``, ``streaming``, ``sustained`` or ``imported``.
    """
    timed = newest_results(store)
    if table in ("streaming", "sustained"):
        streams, endurances = modes(timed)
        return [*streams] if table == "streaming" else [*endurances]
    rows, tasks = join(store, task_set=task_set, timed=timed)
    if table == "imported":
        artifacts = {each.sha256: each for each in store.artifacts()}
        return [*benchmarks.imported(imported_scores(store), rows, artifacts)]
    return [*tasks] if table == "tasks" else [each.row for each in mark(rows)]


def occasions(store: Store) -> dict[str, Occasion]:
    """Returns where and when each session was measured; an imported one has no time."""
    return {
        each.id: Occasion(
            started_at="" if each.device.kind.value == "unknown" else each.started_at,
            device_key=each.device.key,
            device_kind=each.device.kind.value,
            os_build=each.device.os_build,
            cores=each.device.cores,
            program=each.program,
        )
        for each in sessions_of(store)
    }


def provenance(store: Store) -> dict[str, str]:
    """Returns what a file of rows is from."""
    return {"program": f"frill-bench {VERSION}", "database": Path(store.url).name}


def text_of(store: Store, rows: Sequence[object], format: FileFormat, table: str) -> str:
    """Returns rows as text; Parquet has none.

    Args:
        rows: of ``table``, which is ``results`` for the formats of others.
    """
    timed = [row for row in rows if isinstance(row, Row)]
    match format:
        case FileFormat.CSV:
            return tables.csv_text(rows, table)
        case FileFormat.JSONL:
            return tables.jsonl_text(rows, table)
        case FileFormat.GOOGLE_BENCHMARK:
            return trackers.google_benchmark(timed, occasions(store), provenance(store))
        case FileFormat.BENCHER:
            return trackers.bencher(timed)
        case FileFormat.GITHUB_ACTION_BENCHMARK:
            return trackers.github_action_benchmark(timed, occasions(store))
        case FileFormat.LITERT_SAMPLES:
            return peers.litert_samples(timed, occasions(store))
        case FileFormat.AIHUB:
            return peers.aihub(timed, occasions(store))
        case FileFormat.MTEB:
            return benchmarks.mteb(timed)
        case FileFormat.PARQUET:
            raise ValueError("parquet is not text")
        case _:
            assert_never(format)


def write_parquet(store: Store, rows: Sequence[object], table: str, path: Path) -> None:
    """Writes rows as Parquet.

    Raises:
        ConfigurationError: pyarrow is not installed.
    """
    tables.write_parquet(rows, table, path, provenance(store))
