"""The gate logs in files and folders, each once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.core.errors import ConfigurationError
from bench.flow.gate.log_file import read
from bench.gate.log import Log


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
