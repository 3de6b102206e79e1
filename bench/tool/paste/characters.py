"""Plain characters instead of those of terminals, web pages, mail and word processors."""

from __future__ import annotations

import html
import quopri
import re

from bench.tool.paste import forms

# Colours and other control sequences: as bytes, in writing, and what is left without its ESC.
_CONTROL = re.compile(
    r"(?:\x1b|\x9b|\^\[|\u241b|\\(?:x1[bB]|u001[bB]|0?33|e)(?=\[))"
    r"(?:\[?[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\|\^G))"
)
_BARE_COLOUR = re.compile(r"\[\d{1,3}(?:;\d{1,3})*m|\[0?[mK](?![\w\]])")
_OVERSTRIKE = re.compile(r"[^\n\x08]\x08")
_BLANKS = str.maketrans(
    {
        "\r": "\n",
        **dict.fromkeys("\u2028\u2029\x0b\x0c\x85", "\n"),
        **dict.fromkeys("\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008", " "),
        **dict.fromkeys("\u2009\u200a\u202f\u205f\u3000", " "),
        **dict.fromkeys("\0\x07\xad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u061c"),
        **dict.fromkeys("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
        # What word processors and input methods make of plain marks.
        **dict.fromkeys("\u201c\u201d\u201e\uff02", '"'),
        **dict.fromkeys("\u2018\u2019\u201a", "'"),
        "\uff1a": ": ",
        "\uff1d": "=",
        "\uff0c": ", ",
        "\uff0e": ".",
        "\uff08": "(",
        "\uff09": ")",
        "\u2212": "-",
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
    }
)
_LONG_DASH = re.compile(r"(?<![^\s'\"])[\u2013\u2014]-?(?=\w+=)")
_WINDOWS_ENDS = re.compile(r"\r+\n")
_BREAKS = re.compile(
    r"<br\s*/?>|</?(?:p|div|li|ul|ol|tr|table|tbody|pre|blockquote|h[1-6])(?:\s[^<>\n]*)?/?>", re.I
)
_CELLS = re.compile(r"</?(?:td|th)(?:\s[^<>\n]*)?>", re.I)
_TAGS = re.compile(
    r"</?(?:code|span|samp|kbd|tt|b|i|em|strong|a|font|small|mark|html|body|head|meta|details"
    r"|summary|section|article|main|button|svg|figure)(?:\s[^<>\n]*)?/?>",
    re.I,
)
# Of forums and trackers.
_SQUARE_TAGS = re.compile(
    r"\[/?(?:code|pre|quote|spoiler)(?:=[^\]\n]{0,40})?\]|\{(?:code|noformat)(?::[^}\n]{0,60})?\}",
    re.I,
)
_WORDS = re.compile(r"\S \S")
_FLAG = re.compile(r" --[a-z]\w+=")
_WIDE = re.compile(r"(?<=\S)[ \t]+(?=\S)")
_ENTITY = re.compile(r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,5});", re.I)
_PASSES = 3  # a page in a page escapes twice
_UNQUOTED = re.compile(r"[a-z]=(?!3D|\n)|=(?![0-9A-F]{2}|\n)")  # no mail has this


def plain(text: str) -> str:
    """Returns ``text`` without control sequences, markup and unusual blanks; lines end in LF."""
    text = _WINDOWS_ENDS.sub("\n", text)
    if "=3D" in text or "=\n" in text:
        text = _unquoted(text)
    if "\x08" in text:
        text = _OVERSTRIKE.sub("", text)
    text = _CONTROL.sub("", text)
    text = _BARE_COLOUR.sub("", text)
    text = without_markup(text).translate(_BLANKS)
    text = _SQUARE_TAGS.sub("", text)
    if _WORDS.search(text):
        text = "\n".join(map(_closed_up, text.split("\n")))
    else:  # no line has a single blank, as all of a program do
        text = _WIDE.sub(" ", text)
    return _LONG_DASH.sub("--", text)


def _closed_up(line: str) -> str:
    """Returns a line of a program or a command with one blank where all are tabs or several."""
    if _WORDS.search(line) or not (found := _WIDE.search(line)) or found[0] == " ":
        return line
    closed = _WIDE.sub(" ", line)
    form = forms.find(forms.message(closed).text)
    is_table = form is not None and form.kind in ("row", "profile")
    is_known = forms.search(closed) is not None and not is_table
    is_command = _FLAG.search(closed) or _is_command(f"# {closed.strip()}")
    return closed if is_known or is_command else line


def without_markup(text: str) -> str:
    """Returns ``text`` without HTML's tags and entities, if it has any."""
    for _ in range(_PASSES):
        before = text
        if _BREAKS.search(text) or _TAGS.search(text) or _CELLS.search(text):
            text = _TAGS.sub("", _CELLS.sub("\t", _BREAKS.sub("\n", text)))
        if _ENTITY.search(text):
            text = html.unescape(text)
        if text == before:
            break
    return text


def without_notes(text: str) -> str:
    """Returns ``text`` without lines that start with ``# ``, but a command at root's prompt."""
    return "\n".join(
        line for line in text.split("\n") if not line.startswith("# ") or _is_command(line)
    )


def _is_command(line: str) -> bool:
    from bench.tool.paste import shell

    return shell.is_run(line[2:]) and not re.match(r"# \w+:", line)


def _unquoted(text: str) -> str:
    """Returns the text of a quoted-printable mail."""
    if _UNQUOTED.search(text) or not forms.search(text):
        return text
    return quopri.decodestring(text.encode("utf-8")).decode("utf-8", errors="replace")


_INTEGERS = r"(?:count|first|curr|min|max|std|p5|median|p95)=|Init: |First inference: "
_THOUSANDS = re.compile(rf"(?:{_INTEGERS})\d{{1,3}}(?:,\d{{3}})+(?!\d)")
_GROUP = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_COMMA = re.compile(r"(?<=\d),(?=\d)")


def with_points(lines: list[str]) -> list[str]:
    """Returns the lines with numbers of benchmark programs as these write them: a point, no groups.

    A comma in a number that is always whole is a separator of thousands, else of decimals.
    """
    grouped = any(_THOUSANDS.search(line) for line in lines if forms.search(line))
    points: list[str] = []
    for line in lines:
        if (found := forms.search(line)) and "," in line:
            head, body = line[: found.start()], line[found.start() :]
            if _is_listing(body):
                points.append(line)
                continue
            points.append(head + (_GROUP.sub("", body) if grouped else _COMMA.sub(".", body)))
        else:
            points.append(line)
    return points


def _is_listing(body: str) -> bool:
    """Returns whether a line has lists of its own, such as shapes and runner JSON."""
    form = forms.find(body)
    kinds = ("count", "timings", "memory", "peak", "session", "size", "phase", "row", "profile")
    return form is None or form.kind not in kinds
