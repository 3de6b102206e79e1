"""One user a phone: a lock per serial across the processes of this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.core.errors import TransientDeviceError
from bench.core.paths import state_dir


@contextmanager
def locked(serial: str, folder: Path | None = None) -> Iterator[None]:
    """Holds a phone for this process; the system lets go of it when the process ends, however.

    Raises:
        TransientDeviceError: somebody else holds it; says who.
    """
    import fcntl  # Windows has none

    path = (folder or state_dir() / "locks") / f"{re.sub(r'[^A-Za-z0-9.-]', '_', serial)}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            raise TransientDeviceError(
                f"{serial}: process {stream.read().strip() or 'unknown'} is using it",
                hint="wait until that has ended",
                serial=serial,
            ) from error
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield
