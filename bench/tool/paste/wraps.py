"""Joins lines that a terminal, a mail or an editor broke."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from bench.tool.paste import forms, shell

_QUOTES = re.compile(r"(?:[>|\u2502] ?)*")
_MOST = 8  # pieces of one line
_NARROWEST = 20  # columns
_USUAL = (64, 72, 78, 79, 80, 100, 120, 132, 160)  # columns of terminals
_MORE_DIGITS = re.compile(r"\d*\.?\d+$")
_MORE_COUNT = re.compile(r"\d* ?p5=\d+ median=\d+ p95=\d+$")


def joined(lines: list[str]) -> list[str]:
    """Returns the lines of a paste with those in one piece that were broken.

    Lines are put together where only that makes a line that a benchmark program prints. Where this
    shows the width of a terminal, all other lines of that width are put together with the next.
    """
    lines = [line for line in lines if forms.message(line).text or shell.split_prompt(line)]
    width = _width(lines)
    lines = _with_heads(lines, width)
    result: list[str] = []
    place = 0
    while place < len(lines):
        used, line = _assemble(lines, place, width)
        result.append(line)
        place += used
    return result


def _with_heads(lines: list[str], width: int | None) -> list[str]:
    """Returns the lines of logcat with those that have no head put to the one before."""
    headed = [forms.message(line).logcat for line in lines]
    if sum(headed) * 2 < len(lines):
        return lines
    result: list[str] = []
    last = 0
    for line, has_head in zip(lines, headed, strict=True):
        before = forms.message(result[-1]) if result else None
        is_rest = before is not None and before.logcat and not forms.is_whole(before.text)
        if has_head or not is_rest or _begins(line):
            result.append(line)
        else:
            result[-1] += line if last == width else f" {line.strip()}"
        last = len(line)
    return result


def _width(lines: list[str]) -> int | None:
    """Returns the width at which the lines were broken within words; ``None`` if they were not."""
    votes: Counter[int] = Counter()
    for place, line in enumerate(lines):
        if forms.is_broken(forms.message(line).text):
            used, whole = _completed(lines, place)
            pieces = [line, *(_continuation(each) for each in lines[place + 1 : place + used])]
            if used > 1 and whole == "".join(pieces):
                votes.update(len(each) for each in lines[place : place + used - 1])
    if not votes:
        widest = max((len(line) for line in lines), default=0)
        several = sum(len(line) == widest for line in lines) > 1
        return widest if widest in _USUAL and several else None
    width, most = votes.most_common(1)[0]
    return width if width >= _NARROWEST and most * 2 > votes.total() else None


def _assemble(lines: list[str], place: int, width: int | None) -> tuple[int, str]:
    """Returns how many lines make up the one that begins at ``place``, and that line."""
    line = lines[place]
    text = forms.message(line).text
    used, wide = (1, line) if width is None else _by_width(lines, place, width)
    if forms.is_broken(text):
        completed = _completed(lines, place)
        return completed if completed[0] > 1 else (used, wide)
    if not forms.is_whole(text):
        if used == 1 and len(line) in _USUAL and _may_be_long(line, text):
            return _by_width(lines, place, len(line))
        return used, wide
    if used > 1 and forms.is_whole(forms.message(wide).text):
        return used, wide
    rest = _continuation(lines[place + 1]).rstrip() if place + 1 < len(lines) else ""
    if text[:1] in "AI" and len(line) in _USUAL and _MORE_DIGITS.match(rest):
        return 2, line + rest
    if "count=" in text and _MORE_COUNT.match(rest.lstrip()):
        whole = f"{line.rstrip()} {rest.strip()}" if rest.strip()[0] == "p" else line + rest
        if forms.is_whole(forms.message(whole).text):
            return 2, whole
    return 1, line


def _may_be_long(line: str, text: str) -> bool:
    """Returns whether a line without a known end is a command or a message on a failure."""
    form = forms.find(text)
    if form is not None:
        return form.kind == "error"
    if forms.message(line).level in ("ERROR", "FATAL"):
        return True
    prompt = shell.split_prompt(line)
    return shell.is_bare_run(line) or (prompt is not None and shell.is_run(prompt[1]))


def _by_width(lines: list[str], place: int, width: int) -> tuple[int, str]:
    used, line = 1, lines[place]
    while (
        len(lines[place + used - 1]) == width
        and place + used < len(lines)
        and used < _MOST
        and not _is_line(lines[place + used])
    ):
        line += _continuation(lines[place + used])
        used += 1
    return used, line


def _completed(lines: list[str], place: int) -> tuple[int, str]:
    """Returns the fewest lines that make one whole line, and that line; else the one at ``place``.

    Two pieces belong together without or with a blank between them.
    """
    candidates = [lines[place]]
    for used in range(2, _MOST + 1):
        if place + used > len(lines) or _begins(lines[place + used - 1]):
            break
        rest = _continuation(lines[place + used - 1])
        candidates = list(dict.fromkeys(_both(candidates, rest)))
        for line in candidates:
            if forms.is_whole(forms.message(line).text):
                return used, line
        candidates = [line for line in candidates if forms.is_broken(forms.message(line).text)]
    return 1, lines[place]


def _both(candidates: list[str], rest: str) -> Iterator[str]:
    for line in candidates:
        yield line + rest
    for line in candidates:
        yield f"{line.rstrip()} {rest.strip()}"


def _is_line(line: str) -> bool:
    """Returns whether a line has a prompt or is of a benchmark program."""
    if forms.find(forms.message(line).text) is not None:
        return True
    return shell.split_prompt(line) is not None


def _begins(line: str) -> bool:
    """Returns whether a line is the beginning of another one."""
    return _is_line(line) or shell.is_bare_run(line)


def _continuation(line: str) -> str:
    quotes = _QUOTES.match(line)
    return line[quotes.end() if quotes else 0 :]
