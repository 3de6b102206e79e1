"""Forty gates on this machine beside hogs that come and go; about half an hour."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest
from support.layers import write_layers
from support.tables import write_table

from bench.cli.main import main
from bench.flow.gate.log_file import read
from bench.gate.findings import latency_findings
from bench.gate.verdict import Finding

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(7200)]

GATES = 20
LAYERS = 100
BUSY_S = IDLE_S = 3.0  # mean of either
COLOURS = {0: "green", 1: "red", 5: "undecided"}


@dataclass
class Hogs:
    """Busy processes, one a core, that are stopped and go on at random."""

    busy_s: float = 0.0
    cores: int = 0


@contextmanager
def hogging(seed: int) -> Iterator[Hogs]:
    """Yields what tells how long the hogs were busy, added up over the cores."""
    coins = random.Random(seed)  # noqa: S311 - moments, no secret
    cores = sorted(os.sched_getaffinity(0))
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in cores]
    for core, hog in zip(cores, hogs, strict=True):
        os.sched_setaffinity(hog.pid, {core})
    told, over = Hogs(cores=len(cores)), threading.Event()

    def switch(hog: subprocess.Popen[bytes], holding: random.Random) -> None:
        while not over.is_set():
            for number, mean_s in ((signal.SIGCONT, BUSY_S), (signal.SIGSTOP, IDLE_S)):
                hog.send_signal(number)
                started_s = time.monotonic()
                over.wait(holding.expovariate(1 / mean_s))
                if number is signal.SIGCONT:
                    told.busy_s += time.monotonic() - started_s

    switches = [
        threading.Thread(target=switch, args=(hog, random.Random(coins.random())))  # noqa: S311 - likewise
        for hog in hogs
    ]
    try:
        for each in switches:
            each.start()
        yield told
    finally:
        over.set()
        for each in switches:
            each.join()
        for hog in hogs:
            hog.kill()
            hog.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A gate that ran.

    Args:
        code: its exit code, 5 where something is undecided.
        busy: share of the cores' time in which a hog was on.
    """

    code: int
    finding: Finding
    wall_s: float
    busy: float


def gated(folder: Path, baseline: Path, candidate: Path, *, seed: int) -> Ran:
    """Returns a gate beside hogs, run as users run it."""
    folder.mkdir()
    log = folder / "gate.jsonl"
    started_s = time.monotonic()
    with hogging(seed) as hogs:
        code = main(
            ["gate", "--baseline", str(baseline), "--candidate", str(candidate), "--host",
             "--db", str(folder / "gate.db"), "--log", str(log), "--undecided", "fail",
             "--seed", str(seed)],
        )  # fmt: skip
    wall_s = time.monotonic() - started_s
    (finding,) = latency_findings(read(log))
    return Ran(code=code, finding=finding, wall_s=wall_s, busy=hogs.busy_s / (hogs.cores * wall_s))


def row(kind: str, gates: list[Ran]) -> list[str]:
    """Returns a line of the table."""
    counted = Counter(COLOURS.get(each.code, "") for each in gates)
    evidence = [each.finding.evidence for each in gates if each.finding.evidence]
    ratios = [each.finding.change.value for each in gates if each.finding.change]
    return [
        kind,
        str(len(gates)),
        *(str(counted[each]) for each in ("green", "red", "undecided")),
        f"{median(ratios):.4f} ({min(ratios):.4f} to {max(ratios):.4f})",
        f"{median(each.block_sd or 0.0 for each in evidence):.1%}",
        f"{median(each.blocks for each in evidence):g}",
        f"{median(each.wall_s for each in gates):.0f} s",
        f"{median(each.busy for each in gates):.0%}",
    ]


def test_cpu_time_tells_a_tenth_more_work_from_none_beside_hogs(tmp_path: Path) -> None:
    old = write_layers(tmp_path / "old.tflite", LAYERS)
    new = write_layers(tmp_path / "new.tflite", LAYERS + LAYERS // 10)
    kinds = {"unchanged": old, "+10 % of work": new}
    found: dict[str, list[Ran]] = {kind: [] for kind in kinds}
    for number in range(GATES):
        for kind, candidate in kinds.items():
            seed = 2 * number + (candidate == new)
            found[kind].append(gated(tmp_path / f"{seed}", old, candidate, seed=seed))
    write_table(
        "gate-host",
        f"Gates on this machine by the minimum of thread CPU time, our runner, while a busy "
        "process on each\ncore is stopped and goes on at seeded random moments (`make evidence`). "
        f"The file has {LAYERS} equal dense\nlayers; the one that does a tenth more work, "
        f"{LAYERS + LAYERS // 10}.",
        [
            *("kind", "gates", "green", "red", "undecided", "ratio, median (lowest to highest)"),
            *("spread of blocks (robust SD)", "blocks", "a gate takes", "hogs were busy"),
        ],
        [row(kind, gates) for kind, gates in found.items()],
    )
    same, slower = found.values()
    assert 1 not in {each.code for each in same}
    assert sum(each.code == 1 for each in slower) >= 0.9 * GATES
