"""Logs of gates as text."""

from __future__ import annotations

from bench.gate.log import Log, to_line


def to_text(log: Log) -> str:
    """Returns all lines of a log."""
    return "".join(map(to_line, (log.opened, *log.entries)))
