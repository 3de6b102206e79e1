"""What a command takes: time and memory."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from support.program import NO_SERVER

_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took.

    Args:
        cpu_s: user and system, of its process and those that it started.
        beside_s: the part of that of the processes that it started.
        peak_mb: of all of them together; what several share counts once.
    """

    wall_s: float
    cpu_s: float
    beside_s: float
    peak_mb: float

    @property
    def on_two_cores_s(self) -> float:
        """Seconds on two idle cores, as if nothing ran beside the process that waits."""
        return self.cpu_s - self.beside_s / 2

    @property
    def cells(self) -> list[str]:
        """The cells of a table."""
        return [f"{self.wall_s:.1f}", f"{self.cpu_s:.1f}", f"{self.peak_mb:.0f}"]


def cost_of(*words: str) -> Cost:
    """Returns what a process takes that ends well, or at an undecided gate."""
    started_s = time.perf_counter()
    process = subprocess.Popen(
        words,
        env={**os.environ, **NO_SERVER},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    watch = _Watch(process.pid)
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started_s
    watch.ended.set()
    watch.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return Cost(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        beside_s=watch.beside_s,
        peak_mb=max(usage.ru_maxrss / 1024, watch.peak_mb),
    )


class _Watch(threading.Thread):
    """Reads a process and those that it started, until it has ended."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = Path("/proc") / str(pid)
        self.ended = threading.Event()
        self.beside_s = 0.0
        self.peak_mb = 0.0

    def run(self) -> None:
        while not self.ended.wait(_EVERY_S):
            try:
                started = (self._process / "task" / self._process.name / "children").read_text()
                each = [self._process, *(Path("/proc") / pid for pid in started.split())]
                self.peak_mb = max(self.peak_mb, sum(map(_shared_mb, each)))
                times = (self._process / "stat").read_text().rpartition(")")[2].split()
                # Of those that have ended; the others are counted once they have.
                self.beside_s = (int(times[13]) + int(times[14])) / os.sysconf("SC_CLK_TCK")
            except (OSError, IndexError):  # it has ended meanwhile
                continue


def _shared_mb(process: Path) -> float:
    """Returns the memory of a process, of which what n share counts as an nth."""
    lines = (process / "smaps_rollup").read_text().splitlines()
    return sum(int(each.split()[1]) for each in lines if each.startswith("Pss:")) / 1024
