"""How long tests wait: by no number of their own, so that a busy machine fails none.

What is sure to come is waited for up to ``PATIENCE_S``; so is what must not be waited for, and a
test that reaches it fails. A limit that a test lets pass is short, and ``stretched`` where
something must happen before it. How fast something is, is measured with nothing beside it: such
tests are marked ``evidence``.
"""

import time
from collections.abc import Callable

PATIENCE_S = 240.0  # less than pytest's own limit of a test, which names no reason
_MEASURED_CPU_S = 0.02


def wait_until(holds: Callable[[], bool]) -> None:
    """Returns once a condition holds, which is asked every few milliseconds."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(0.005)


def stretched(seconds: float) -> float:
    """Returns a time, longer by how much longer than alone this thread computes now."""
    wall_s, cpu_s = time.perf_counter(), time.thread_time()
    while (used_s := time.thread_time() - cpu_s) < _MEASURED_CPU_S:
        pass
    return seconds * max(1.0, (time.perf_counter() - wall_s) / used_s)
