"""The gate logs in files and folders, each once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import ConfigurationError
from bench.flow.gate.log_file import read
from bench.gate.log import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """Logs of gates by their paths, and why others are missing.

    Args:
        unread: a sentence for each file in a folder that could not be read.
    """

    logs: Mapping[Path, Log]
    unread: tuple[str, ...] = ()


def read_all(places: Sequence[Path]) -> Logs:
    """Returns the logs in files, and in folders and their sub-folders those named ``*.jsonl``.

    Of several copies of one gate's log, such as those of resumed jobs, the longest is used.

    Raises:
        ConfigurationError: a place does not exist, or a named file is not a log.
    """
    logs: dict[str, tuple[Path, Log]] = {}
    unread = []
    for place in places:
        for path in _paths(place):
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
    return Logs(logs=dict(logs.values()), unread=tuple(unread))


def _paths(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from sorted(place.rglob("*.jsonl"))
    else:
        yield place
