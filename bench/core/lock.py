"""One process at a time: a lock file that the system releases when its holder ends, in any way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.core.errors import BenchError


@contextmanager
def locked(path: Path, busy: Callable[[str], BenchError]) -> Iterator[None]:
    """Holds a lock file for this process; the number of the process is in a file beside it.

    Args:
        busy: makes the error from who holds it, as in ``process 12``.

    Raises:
        BenchError: another process holds it: what ``busy`` returns.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    number = path.with_name(f"{path.name}.pid")
    try:
        lock = FileLock(path).acquire(blocking=False)
    except Timeout as error:
        raise busy(f"process {_content(number) or 'unknown'}") from error
    with lock:
        number.write_text(f"{os.getpid()}\n")
        try:
            yield
        finally:
            number.unlink(missing_ok=True)


def waiting(path: Path) -> AbstractContextManager[object]:
    """Returns what holds a lock file for this process, once no other process holds it."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # not written yet, or removed just now
        return ""
