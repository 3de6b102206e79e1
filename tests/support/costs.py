"""What a command takes: time and memory."""

import os
import subprocess
import time
from dataclasses import dataclass

from support.program import NO_SERVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took."""

    wall_s: float
    cpu_s: float
    peak_mb: float

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
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return Cost(
        wall_s=time.perf_counter() - started_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
    )
