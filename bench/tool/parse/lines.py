"""Splits a log into lines, and removes what other programs put before each line."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TIME = r"(?:(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9}(?: [+-]\d{4})?|\d{9,}\.\d{3,9})"
_LEVEL = r"(?P<level>[VDIWEFA])"

# Heads of logcat's formats; some have no `pid`.
_LOGCAT = tuple(
    re.compile(pattern)
    for pattern in (
        # threadtime, with or without year, zone and user; epoch
        rf"{_TIME}\s+(?:\S+\s+)?(?P<pid>\d{{1,18}})\s+\d+ {_LEVEL} (?P<tag>.*?)\s*: ?",
        # Android Studio until 2022, and since
        rf"{_TIME}\s+(?P<pid>\d{{1,18}})-\d+/\S+\s+{_LEVEL}/(?P<tag>[^:]*): ?",
        rf"{_TIME}\s+(?P<pid>\d{{1,18}})-\d+\s+(?P<tag>\S+)\s+(?:\S+\s+)?{_LEVEL}\s+",
        # time, brief
        rf"(?:{_TIME}\s+)?{_LEVEL}/(?P<tag>[^(:]*?)\s*\(\s*(?P<pid>\d{{1,18}})\): ?",
        # thread
        rf"{_LEVEL}\(\s*(?P<pid>\d{{1,18}}):\s*\d+\) ",
        # tag, and threadtime whose first columns were cut off
        rf"(?:{_TIME}\s+)?{_LEVEL}[/ ](?P<tag>(?:tflite|litert)\w*)\s*: ?",
        r"(?P<tag>tflite|litert)\s*: ",
    )
)
_PYTHON = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d+)? (?P<level>[A-Z]+) (?P<tag>benchmark_litert_model): ?"
)
_NAMES = r"(?:VERBOSE|DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d)?"
# Prefixes that people and programs add to a line when they copy it, one at a time.
_RELAYS = tuple(
    re.compile(pattern)
    for pattern in (
        # quotation, table, code and list marks
        r"[>|\u2502`]+|[-*] ",
        # glog and absl
        r"[IWEF]\d{4} \d\d:\d\d:\d{2,12}\.\d{1,9}\s+\d+ \S+:\d+\] ?",
        # date or time of day, seconds since the start, syslog
        rf"\[?(?:\d{{4}}[-/]\d\d[-/]\d\d[T ])?{_CLOCK}\]?[\s:|-]*",
        r"\[\s*\d{1,12}\.\d{1,9}\]",
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [^\s:]+: ",
        # Python's logging, pytest and loguru
        rf"{_NAMES}:\w[\w.]*:",
        rf"(?:[\w.]+ - )?{_NAMES} - |\[\s*{_NAMES}\s*\]:?|{_NAMES}\s*\| (?:\S+:\d+ - )?",
        rf"{_NAMES}(?: +:)? +",
        # docker compose
        r"[\w.-]+ +\| ",
        # cat -n, grep -n
        r"\d{1,6}[:\t]",
    )
)
_MAX_RELAYS = 8  # so that a line of many marks does not take long
_SEVERITY = re.compile(r"(VERBOSE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL): ?")
_SOURCE = re.compile(r"\[([^\]\s]+\.(?:cc|cpp|h|mm|m|py):\d+)\] ?")
# Longer lines never matter, and patterns may take the square of the length.
_LONGEST = 8192
# Colours, erasures and titles of terminals.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\))")
# Line ends and blanks of other systems and of web pages; characters without width are removed.
_BLANKS = str.maketrans(
    {"\r": "\n", "\u2028": "\n", "\xa0": " ", "\0": None, "\u200b": None, "\ufeff": None}
)
_LETTERS = {
    "V": "VERBOSE",
    "D": "DEBUG",
    "I": "INFO",
    "W": "WARNING",
    "E": "ERROR",
    "F": "FATAL",
    "A": "FATAL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message.

    Args:
        text: the program's own text, without blanks at both ends.
        level: ``INFO``, ``ERROR`` ... as written before the text, or empty.
        source: ``file.cc:123`` of LiteRT's messages, else empty.
        tag: logcat's or Python's name of the writer, else empty.
        pid: process id in logcat; ``None`` without one.
        logcat: whether the line had a logcat head.
    """

    text: str
    level: str = ""
    source: str = ""
    tag: str = ""
    pid: int | None = None
    logcat: bool = False


def decode(content: bytes) -> str:
    """Returns the text of a log: UTF-8, with or without a mark, or PowerShell's UTF-16."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def without_notes(text: str) -> str:
    """Returns ``text`` with line feeds and plain blanks, and no lines that start with ``# ``."""
    text = _ESCAPES.sub("", text.translate(_BLANKS))
    return "\n".join(line for line in text.split("\n") if not line.startswith("# "))


def read(text: str) -> list[Line]:
    """Returns the messages of ``text``, empty ones left out."""
    lines = (_line(raw) for raw in without_notes(text).split("\n"))
    return [line for line in lines if line.text]


def _line(raw: str) -> Line:
    text = raw[:_LONGEST].strip(" \t`\\")
    level, tag, pid, logcat = "", "", None, False
    head = _head(text)
    for _ in range(_MAX_RELAYS):
        if head or not (relay := _relay(text)):
            break
        text = text[relay.end() :].strip()
        head = _head(text)
    if head:
        fields = head.groupdict()
        level = fields.get("level") or ""
        level = _LETTERS.get(level, level)
        tag = fields.get("tag") or ""
        pid = int(fields["pid"]) if fields.get("pid") else None
        logcat = head.re is not _PYTHON
        text = text[head.end() :].strip()
    if severity := _SEVERITY.match(text):
        level, text = severity[1], text[severity.end() :].strip()
    source = ""
    if where := _SOURCE.match(text):
        source, text = where[1], text[where.end() :].strip()
    return Line(text=text, level=level, source=source, tag=tag, pid=pid, logcat=logcat)


def _head(text: str) -> re.Match[str] | None:
    return next((head for pattern in (*_LOGCAT, _PYTHON) if (head := pattern.match(text))), None)


def _relay(text: str) -> re.Match[str] | None:
    return next((head for pattern in _RELAYS if (head := pattern.match(text))), None)
