"""A gate's log on disk: each line is written completely before the next process starts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bench.core import atomic, config
from bench.core.errors import ConfigurationError
from bench.gate.log import VERSION, Log, from_bytes, to_line
from bench.gate.records import Entry, Opened
from bench.gate.schedule import check_coins

_MOST_BYTES = 64 << 20


def read(path: Path) -> Log:
    """Returns the log in a file.

    Raises:
        ConfigurationError: it cannot be read, a line is damaged, or a block is not in the order of
            its coin.
    """
    try:
        content = config.read_bytes(path, most=_MOST_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint="check the path") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}", hint="give the log of one gate") from error
    log = from_bytes(content, source=str(path))
    check_coins(log, source=str(path))
    return log


def read_all(places: Sequence[Path]) -> tuple[dict[Path, Log], list[str]]:
    """Returns the logs in files, and in folders and their sub-folders those named ``*.jsonl``.

    Of several copies of one gate's log, such as those of resumed jobs, the longest is used. The
    second value is a sentence for each file in a folder that could not be read.

    Raises:
        ConfigurationError: a place does not exist, or a named file is not a log.
    """
    logs: dict[str, tuple[Path, Log]] = {}
    unread = []
    for place in places:
        for path in sorted(place.rglob("[!.]*.jsonl")) if place.is_dir() else [place]:
            try:
                log = read(path)
            except ConfigurationError as error:
                if path == place:
                    raise
                unread.append(f"{error.message}: left out")
                continue
            earlier = logs.get(log.opened.gate_id)
            if earlier is None or len(earlier[1].entries) < len(log.entries):
                logs[log.opened.gate_id] = path, log
    return dict(logs.values()), unread


class Journal:
    """A log file to append to; close it at the end.

    Args:
        opened: the first record of a new log; a log in the file is continued.

    Raises:
        ConfigurationError: the log in the file is of an older version, which can only be read.
    """

    def __init__(self, path: Path, opened: Opened) -> None:
        self.is_new = not path.exists()
        if self.is_new:
            atomic.write_text(path, to_line(opened))
        self.log: Log = read(path)
        if self.log.version != VERSION:
            raise ConfigurationError(
                f"{path}: is a log of version {self.log.version}, which cannot be continued",
                hint="name another file with --log: a new gate begins",
            )
        self._file = path.open("ab")
        if self.log.torn:  # the next line must not be appended to half a line
            self._file.truncate(path.read_bytes().rfind(b"\n") + 1)

    def add(self, entry: Entry) -> None:
        """Writes an entry and waits until it is on the disk."""
        log = self.log.then(entry)
        self._file.write(to_line(entry).encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.log = log

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
