"""A database of a million processes: opened, reported and gated against; about ten minutes."""

import time
from pathlib import Path

import pytest
from support.costs import Cost, cost_of
from support.large_store import Size, write_large
from support.program import COMMAND
from support.tables import write_table

from bench.store.store import Store

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(7200)]

DATA = Path(__file__).parents[1] / "data"
SIZE = Size(sessions=500, files=100)
MOST_MB = 1000


def test_a_million_processes_are_opened_reported_and_gated_against(tmp_path: Path) -> None:
    database, empty = tmp_path / "large.db", tmp_path / "empty.db"
    write_large(database, SIZE)
    Store.open(empty).close()
    gb = database.stat().st_size / 1e9
    model = str(DATA / "tiny.tflite")
    verbs = {
        "`run --host` of one process": ("run", "--host", "--processes", "1", "--model", model),
        "`gate --host` of 3 s": (
            "gate", "--host", "--max-minutes", "0.05", "--baseline", model,
            "--candidate", model,
        ),
        "`report` of 800 rows": ("report", "--out", str(tmp_path / "page"), "--json"),
    }  # fmt: skip
    rows = [
        ["opened to read", *opened(database, create=False).cells[:2], "", ""],
        ["opened to write", *opened(database, create=True).cells[:2], "", ""],
    ]
    costs: dict[str, tuple[Cost, Cost]] = {}
    for name, words in verbs.items():
        in_large, in_empty = (
            cost_of(*COMMAND, *words, "--db", str(path)) for path in (database, empty)
        )
        costs[name] = in_large, in_empty
        rows.append([name, *in_large.cells, f"{in_empty.cpu_s:.1f}"])
    write_table(
        "large",
        f"A database of {SIZE.invocations:,} processes in {SIZE.sessions} sessions on four phones "
        f"({gb:.1f} GB): what the program takes with it, and what the same command takes with a "
        "database that was just made. Wall time depends on what else the machine does: compare "
        "CPU time (`make evidence`).",
        ["what", "wall s", "CPU s", "peak MB", "CPU s with an empty database"],
        rows,
    )
    database.unlink()
    for in_large, in_empty in costs.values():
        assert in_large.peak_mb < MOST_MB
        assert in_empty.peak_mb < MOST_MB
    for name, (in_large, in_empty) in costs.items():
        assert in_large.cpu_s - in_empty.cpu_s < (90 if "report" in name else 2)


def opened(database: Path, *, create: bool) -> Cost:
    """Returns what opening and closing takes, without the start of Python."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    Store.open(database, create=create).close()
    cost = Cost(wall_s=time.perf_counter() - wall_s, cpu_s=time.process_time() - cpu_s, peak_mb=0.0)
    assert cost.cpu_s < 1
    return cost
