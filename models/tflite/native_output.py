"""Redirects what this process prints, native code included, into a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STDOUT, STDERR = 1, 2


@contextmanager
def redirected(path: Path, *descriptors: int) -> Iterator[None]:
    """Sends file descriptors (``STDOUT``, ``STDERR``) to a file while the block runs."""
    _flush()
    saved = {number: os.dup(number) for number in descriptors}
    try:
        with path.open("wb") as stream:
            for number in descriptors:
                os.dup2(stream.fileno(), number)
        yield
    finally:
        _flush()
        for number, copy in saved.items():
            os.dup2(copy, number)
            os.close(copy)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
