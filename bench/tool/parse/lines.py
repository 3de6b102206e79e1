"""Bytes to lines, and off each line what was put before the program's own words."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TIME = r"(?:(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9}(?: [+-]\d{4})?|\d{9,}\.\d{3,9})"
_LEVEL = r"(?P<level>[VDIWEF])"

# Heads of logcat's formats. `pid` is absent where the format has none.
_LOGCAT = tuple(
    re.compile(pattern)
    for pattern in (
        # threadtime, with or without year, zone and user; epoch
        rf"{_TIME}\s+(?:\S+\s+)?(?P<pid>\d{{1,18}})\s+\d+ {_LEVEL} (?P<tag>.*?)\s*: ?",
        # Android Studio until 2022, and since
        rf"{_TIME}\s+(?P<pid>\d{{1,18}})-\d+/\S+\s+{_LEVEL}/(?P<tag>[^:]*): ?",
        rf"{_TIME}\s+(?P<pid>\d{{1,18}})-\d+\s+(?P<tag>\S+)\s+\S+\s+{_LEVEL}\s+",
        # time, brief
        rf"(?:{_TIME}\s+)?{_LEVEL}/(?P<tag>[^(:]*?)\s*\(\s*(?P<pid>\d{{1,18}})\): ?",
        # tag, and threadtime whose first columns were cut off
        rf"(?:{_TIME}\s+)?{_LEVEL}[/ ](?P<tag>(?:tflite|litert)\w*)\s*: ?",
        r"(?P<tag>tflite|litert)\s*: ",
    )
)
_PYTHON = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d+)? (?P<level>[A-Z]+) (?P<tag>benchmark_litert_model): ?"
)
_SEVERITY = re.compile(r"(VERBOSE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL): ?")
_SOURCE = re.compile(r"\[([^\]\s]+\.(?:cc|cpp|h|mm|m|py):\d+)\] ?")
# No tool writes longer lines that matter, and patterns may take the square of the length.
_LONGEST = 8192
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LETTERS = {
    "V": "VERBOSE",
    "D": "DEBUG",
    "I": "INFO",
    "W": "WARNING",
    "E": "ERROR",
    "F": "FATAL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message.

    Args:
        text: the program's own words, stripped of blanks at both ends.
        level: ``INFO``, ``ERROR`` ... as written before the text; empty where nothing was.
        source: ``file.cc:123`` of LiteRT's messages, else empty.
        tag: logcat's or Python's name for the writer, else empty.
        pid: process in logcat; ``None`` where the line has none.
        logcat: whether it had a head of logcat.
    """

    text: str
    level: str = ""
    source: str = ""
    tag: str = ""
    pid: int | None = None
    logcat: bool = False


def decode(content: bytes) -> str:
    """Returns the text of a log: UTF-8 with or without a mark, or PowerShell's UTF-16."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def without_notes(text: str) -> str:
    """Returns ``text`` with line feeds only, no colours, and no lines that start with ``# ``."""
    text = _COLOUR.sub("", text.removeprefix("\ufeff").replace("\r", "\n"))
    return "\n".join(line for line in text.split("\n") if not line.startswith("# "))


def read(text: str) -> list[Line]:
    """Returns the messages of ``text``, empty ones left out."""
    found = (_line(raw) for raw in without_notes(text).split("\n"))
    return [line for line in found if line.text]


def _line(raw: str) -> Line:
    text = raw[:_LONGEST].strip()
    level, tag, pid, logcat = "", "", None, False
    for pattern in (*_LOGCAT, _PYTHON):
        if head := pattern.match(text):
            fields = head.groupdict()
            level = fields.get("level") or ""
            level = _LETTERS.get(level, level)
            tag = fields["tag"]
            pid = int(fields["pid"]) if fields.get("pid") else None
            logcat = pattern is not _PYTHON
            text = text[head.end() :].strip()
            break
    if severity := _SEVERITY.match(text):
        level, text = severity[1], text[severity.end() :].strip()
    source = ""
    if where := _SOURCE.match(text):
        source, text = where[1], text[where.end() :].strip()
    return Line(text=text, level=level, source=source, tag=tag, pid=pid, logcat=logcat)
