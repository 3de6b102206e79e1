"""A gate's log on disk: each line there, whole, before the next thing is done."""

from __future__ import annotations

import os
from pathlib import Path

from bench.core import atomic
from bench.core.errors import ConfigurationError
from bench.gate.log import Log, from_bytes, to_line, to_text
from bench.gate.records import Entry, Opened
from bench.gate.schedule import check_coins


def read(path: Path) -> Log:
    """Returns the log in a file.

    Raises:
        ConfigurationError: it cannot be read, names the line that is broken, or the attempt whose
            order is not that of its coin.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint="check the path") from error
    log = from_bytes(content, source=str(path))
    check_coins(log, source=str(path))
    return log


class Journal:
    """A log that grows; it is to be closed.

    Args:
        opened: of a new log; that in the file is gone on with if there is one.
    """

    def __init__(self, path: Path, opened: Opened) -> None:
        self.is_new = not path.exists()
        if self.is_new:
            atomic.write_text(path, to_line(opened))
        self.log: Log = read(path)
        self._file = path.open("ab")
        if self.log.torn:  # what follows must not be written onto half a line
            self._file.truncate(len(to_text(self.log).encode()))

    def add(self, entry: Entry) -> None:
        """Writes an entry and waits until the disk has it."""
        log = self.log.then(entry)
        self._file.write(to_line(entry).encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.log = log

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()
