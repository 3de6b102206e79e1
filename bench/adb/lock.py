"""One user per phone: a lock per serial, across the processes of this machine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import TransientDeviceError
from bench.core.paths import state_dir
from bench.core.system import lock

_POLL_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """How to wait for a phone that another process of this machine uses.

    Args:
        limit_s: how long to wait; 0 does not wait.
        on_wait: takes the holder, such as ``process 12``, and how long it has been waited, in s.
        stopped: true ends the waiting as Ctrl-C does.
    """

    limit_s: float = 0.0
    on_wait: Callable[[str, float], None] = lambda holder, waited_s: None
    stopped: Callable[[], bool] = lambda: False


_NONE = Queue()


@contextmanager
def locked(serial: str, folder: Path | None = None, queue: Queue = _NONE) -> Iterator[None]:
    """Holds a phone for this process; it is released when the process ends.

    Raises:
        TransientDeviceError: another process holds the phone, which is named.
    """
    name = re.sub(r"[^A-Za-z0-9.-]", "_", serial)
    path = (folder or state_dir() / "locks") / f"{name}.lock"
    started_s = time.monotonic()
    with ExitStack() as stack:
        while True:
            waited_s = time.monotonic() - started_s
            try:
                stack.enter_context(lock.locked(path, lambda holder: _busy(serial, holder)))
            except TransientDeviceError as error:
                if waited_s >= queue.limit_s:
                    raise
                queue.on_wait(str(error.facts["holder"]), waited_s)
            else:
                break
            if queue.stopped():
                raise KeyboardInterrupt
            time.sleep(min(_POLL_S, max(queue.limit_s - waited_s, 0.0)))
        yield


def _busy(serial: str, holder: str) -> TransientDeviceError:
    return TransientDeviceError(
        f"{serial}: {holder} is using it",
        hint="wait until that has ended; run, gate and calibrate wait by themselves with --queue "
        "MIN",
        serial=serial,
        holder=holder,
    )
