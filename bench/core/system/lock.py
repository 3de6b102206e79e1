"""Lock files for one process at a time, which the system releases when the process ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.core.errors import BenchError, ConfigurationError


@contextmanager
def locked(path: Path, busy: Callable[[str], BenchError]) -> Iterator[None]:
    """Holds a lock file for this process, whose id is written to a file beside it.

    Args:
        busy: returns the error for a holder, such as ``process 12``.

    Raises:
        BenchError: the one from ``busy``; another process holds the lock.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    pid_file = path.with_name(f"{path.name}.pid")
    try:
        lock = FileLock(path).acquire(blocking=False)
    except Timeout as error:
        raise busy(f"process {_content(pid_file) or 'unknown'}") from error
    with lock:
        pid_file.write_text(f"{os.getpid()}\n")
        try:
            yield
        finally:
            pid_file.unlink(missing_ok=True)


@contextmanager
def alone_in(out: Path, what: str) -> Iterator[None]:
    """Holds a folder for this process.

    Args:
        what: is made there, in words.

    Raises:
        ConfigurationError: another process holds it.
    """

    def busy(holder: str) -> ConfigurationError:
        return ConfigurationError(
            f"{out}: {holder} is running {what} there",
            hint="wait until it has ended, or give another folder with --out",
        )

    with locked(out / ".lock", busy):
        yield


def waiting(path: Path) -> AbstractContextManager[object]:
    """Returns a context that waits for a lock file and holds it for this process."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # not written yet, or removed just now
        return ""
