"""What other programs put before and after each line: learned from the paste itself."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from bench.tool.paste import forms

_QUOTES = re.compile(r"(?:[>|\u2502]\s?)*")
_STUDIO = re.compile(
    r"(?:(?:\d{4}-)?\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{3,9}\s+(?P<pid>\d{1,18})-\d+\s+(?P<tag>\S+)\s+"
    r"(?:\S+\s+)?(?P<level>[VDIWEFA])(?:\s+(?P<text>.*))?$"
)
_BARE_HEAD = re.compile(r"[VDIWEFA]\( *\d{1,18}(?:: *\d{1,18})?\)")
_PROCESS = re.compile(
    r"(?P<level>[VDIWEFA])\(\s*(?P<pid>\d{1,18})\) (?P<text>.*?) +\((?P<tag>\S+)\)$"
)
_MONOTONIC = re.compile(
    r"\d{1,8}\.\d{3,9}\s+(?P<pid>\d{1,18})\s+\d+ (?P<level>[VDIWEFA]) (?P<tag>.*?)\s*: ?"
    r"(?P<text>.*)$"
)
_LONG = re.compile(
    r"\[ (?:\S+ )?\S+(?: [+-]\d{4})?\s+(?:\S+:)?\s*(?P<pid>\d{1,18}):\s*\d+ "
    r"(?P<level>[VDIWEFA])/(?P<tag>.*?)\s*\]$"
)
_LEVELS = (
    r"(?:VERBOSE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|verbose|debug|info|notice|warn"
    r"|warning|error|critical|fatal|Verbose|Debug|Info|Notice|Warn|Warning|Error|Fatal)"
)
_LETTER = r"(?<![\w.])[VDIWEFA](?![\w.])"
_STREAM = r"(?:stdout|stderr|STDOUT|STDERR|\b\d\d[OE]\+?)"
_PARTS = re.compile(
    rf"(?P<level>\b{_LEVELS}\b)|(?P<letter>{_LETTER})|(?P<stream>{_STREAM})|(?P<digits>\d+)"
    r"|(?P<blank>\s+)|(?P<rest>.)",
    re.DOTALL,
)
_PATTERNS = {
    "level": _LEVELS,
    "letter": "[VDIWEFA]",
    "stream": _STREAM,
    "digits": r"\d+",
    "blank": r"\s+",
}
_OWN = re.compile(r"(?:VERBOSE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL): *(?:\[[^\]\s]+:\d+\] ?)?$")
_PARTICULAR = ("timings", "memory", "note", "phase")  # no other text ends like these lines
_LONGEST = 200
_ENOUGH = 2  # kinds of lines that must have the same margin
_MARKS = re.compile(r"[-+*] ?")
_NOTHING = re.compile(r"$")
# What may stand after each line.
_ENDS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\s*<br\s*/?>\s*$",
        r"\\[rn]+[\"']?[,;)]?\s*$",
        r"\s+[|\u2502\u2503]\s*$",
        r"[\"'][,;)]\s*$",
        r"[\"']\s*[\]})]*\s*$",
        r"(?:\s*[\u21b5\u23ce\u00b6\u21a9]|`+)\s*$",
        r"\s*[,;|\\]\s*$",
    )
)


def without_margins(lines: list[str]) -> list[str]:
    """Returns the lines of a paste without what stands before and after all of them."""
    lines = [_as_threadtime(line) for line in _long(lines)]
    lines = _without_marks(lines)
    patterns = _learned(lines)
    return _without_indent(_without_ends([_without(line, patterns) for line in lines]))


def once(lines: list[str]) -> list[str]:
    """Returns the lines once that all stand there twice, one by one or as a whole; else as is."""
    full = [line for line in lines if line.strip()]
    half, odd = divmod(len(full), 2)
    if half >= _ENOUGH and not odd:
        for first, second in ((full[::2], full[1::2]), (full[:half], full[half:])):
            if first == second:
                return first
    return lines


def _long(lines: list[str]) -> list[str]:
    """Returns the lines of ``logcat -v long``, whose heads are on lines of their own, as brief."""
    head: re.Match[str] | None = None
    read: list[str] = []
    for line in lines:
        if found := _LONG.match(line.strip()):
            head = found
        elif head is not None and line.strip():
            read.append(f"{head['level']}/{head['tag']}({head['pid']}): {line.strip()}")
        else:
            head = None
            read.append(line)
    return read


def _as_threadtime(line: str) -> str:
    """Returns a line of a rare format of logcat in a common one."""
    quotes = _QUOTES.match(line.strip())
    if _BARE_HEAD.fullmatch(line.strip()):
        return ""
    text = line.strip()[quotes.end() if quotes else 0 :]
    for pattern in (_STUDIO, _PROCESS, _MONOTONIC):
        if found := pattern.match(text):
            pid, level, tag = found["pid"], found["level"], found["tag"]
            return f"01-01 00:00:00.000 {pid} {pid} {level} {tag}: {found['text'] or ''}"
    return line


def _learned(lines: list[str]) -> list[re.Pattern[str]]:
    """Returns the patterns of the margins that lines of benchmark programs have in common."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        found = forms.search(line)
        if found is None or not found.start() or found.start() > _LONGEST:
            continue
        if not forms.message(line).tag and not forms.message(line).logcat:
            prefix = _OWN.sub("", line[: found.start()])
            kinds[_shape(prefix)].add(found[0].split("=")[0])
    shapes = sorted(
        (
            shape
            for shape, found in kinds.items()
            if shape.replace(_PATTERNS["blank"], "").replace(r"\s*", "") and len(found) >= _ENOUGH
        ),
        key=len,
        reverse=True,
    )
    return [re.compile(shape) for shape in shapes]


def _shape(prefix: str) -> str:
    """Returns the pattern of a margin: numbers, blanks and levels may differ from line to line."""
    parts = []
    for part in _PARTS.finditer(prefix):
        name = part.lastgroup or "rest"
        parts.append(_PATTERNS.get(name, re.escape(part[0])))
    for end in (0, -1):  # numbers are set flush right, and lines may be indented
        if parts and parts[end] == _PATTERNS["blank"]:
            parts[end] = r"\s*"
    return "".join(parts)


def _without(line: str, patterns: list[re.Pattern[str]]) -> str:
    for pattern in patterns:
        if found := pattern.match(line):
            return line[found.end() :]
    found = forms.search(line)
    if found is not None and forms.find(forms.message(line).text) is None:
        own = line[found.start() :]
        form = forms.find(own)
        if form is not None and form.kind in _PARTICULAR:
            for end in (_NOTHING, *_ENDS):
                if forms.is_whole(shorter := end.sub("", own).strip()):
                    return shorter
    return line


def _without_marks(lines: list[str]) -> list[str]:
    """Returns the lines without the marks of a diff or a list, if all lines have the same."""
    full = [line for line in lines if line.strip()]
    marks = _MARKS.match(full[0]) if len(full) > _ENOUGH else None
    if marks is None or not all(line.startswith(marks[0]) for line in full):
        return lines
    return [line.removeprefix(marks[0]) if line.strip() else line for line in lines]


def _without_ends(lines: list[str]) -> list[str]:
    """Returns the lines without the marks that follow after the ends of several of them."""
    for pattern in _ENDS:
        repaired = [line for line in lines if _is_repaired(line, pattern)]
        full = [line for line in lines if line.strip()]
        if len(repaired) >= _ENOUGH or (repaired and all(map(pattern.search, full))):
            lines = [pattern.sub("", line) for line in lines]
        elif repaired:
            lines = [pattern.sub("", line) if line in repaired else line for line in lines]
    return lines


def _is_repaired(line: str, pattern: re.Pattern[str]) -> bool:
    """Returns whether a line is one of a benchmark program only without the mark at its end."""
    if not pattern.search(line) or forms.search(line) is None:
        return False
    if forms.is_whole(forms.message(line).text):
        return False
    return forms.is_whole(forms.message(pattern.sub("", line)).text)


def _without_indent(lines: list[str]) -> list[str]:
    """Returns the lines less the indentation that those of benchmark programs have."""
    widths = Counter(
        len(line) - len(line.lstrip())
        for line in lines
        if forms.find(forms.message(line).text) is not None
    )
    width = widths.most_common(1)[0][0] if widths else 0
    return [line[min(width, len(line) - len(line.lstrip())) :] for line in lines]
