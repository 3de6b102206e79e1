"""Twenty runs killed at seeded random moments, each gone on with; about two minutes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.tables import write_table

from bench.store.store import Store

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(600)]

DATA = Path(__file__).parents[1] / "data"
KILLS = 20
PROCESSES = 4


def test_twenty_of_twenty_killed_runs_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    rows = []
    for number in range(KILLS):
        database = tmp_path / f"{number}.db"
        delay_s = float(rng.uniform(0.4, 3.0))
        running = subprocess.Popen(command(database), stderr=subprocess.DEVNULL)
        time.sleep(delay_s)
        running.send_signal(signal.SIGKILL)
        running.wait()
        kept = stored(database)
        subprocess.run(command(database), check=True, capture_output=True)
        found = stored(database)
        rows.append([str(number), f"{delay_s:.2f}", str(len(kept)), str(len(found))])
        assert found[: len(kept)] == kept
        assert len(found) == len(set(found)) == 2 * PROCESSES
    write_table(
        "kill",
        "`kill -9` of `frill-bench run` at seeded random moments, then the same command again: "
        f"{KILLS} of {KILLS} ended with each of the {2 * PROCESSES} processes stored once "
        "(`make evidence`).",
        ["run", "killed after s", "stored then", "stored in the end"],
        rows,
    )
    assert len({row[2] for row in rows}) > 3  # the moments really differed


def command(database: Path) -> list[str]:
    models = [str(DATA / name) for name in ("tiny.tflite", "tiny_split.tflite")]
    return [
        sys.executable, "-P", "-m", "bench", "run", "--host", "--db", str(database),
        "--processes", str(PROCESSES), "--json", "--model", *models,
    ]  # fmt: skip


def stored(database: Path) -> list[tuple[str, int]]:
    if not database.exists():
        return []
    with Store.open(database) as store:
        return [(each.case.key, each.ordinal) for each in store.invocations()]
