"""One user per phone: a lock per serial, across the processes of this machine."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from pathlib import Path

from bench.core import lock
from bench.core.errors import TransientDeviceError
from bench.core.paths import state_dir


def locked(serial: str, folder: Path | None = None) -> AbstractContextManager[None]:
    """Returns a context that holds a phone for this process; it is released when the process ends.

    Entering it raises a ``TransientDeviceError`` that names another process that holds the phone.
    """
    name = re.sub(r"[^A-Za-z0-9.-]", "_", serial)
    return lock.locked(
        (folder or state_dir() / "locks") / f"{name}.lock",
        lambda holder: TransientDeviceError(
            f"{serial}: {holder} is using it", hint="wait until that has ended", serial=serial
        ),
    )
