"""One process at a time: a lock file that the system lets go of when its holder ends, however."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.core.errors import BenchError


@contextmanager
def locked(path: Path, busy: Callable[[str], BenchError]) -> Iterator[None]:
    """Holds a lock file for this process.

    Args:
        busy: makes the error out of who holds it, as in ``process 12``.

    Raises:
        BenchError: somebody else holds it: what ``busy`` returns.
    """
    import fcntl  # Windows has none

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            raise busy(f"process {stream.read().strip() or 'unknown'}") from error
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield
