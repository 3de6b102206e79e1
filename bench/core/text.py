"""Text from outside, such as the names of files, made safe to show and to use as a file's name."""

from __future__ import annotations

import re

from bench.core.errors import ConfigurationError

_LONGEST_NAME_BYTES = 180  # a file system takes 255, and endings are added

# What XML 1.0 forbids, other controls, lone surrogates, and what turns the direction of writing.
_INVISIBLE = re.compile(
    r"[^\t\n\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
# Lines of a log that GitHub, Azure and TeamCity carry out instead of showing them.
_CI_COMMAND = re.compile(
    r"::(?=(?:add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher"
    r"|save-state|set-env|set-output|stop-commands|warning)\b)|(?<=#)#(?=\w*\\?\[)",
    re.IGNORECASE,
)


def visible(text: str) -> str:
    r"""Returns text that every document can hold: invisible characters are written ``\x1b``."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub(lambda match: _escape(ord(match[0])), lines)


def one_line(text: str, *, characters: int = 300) -> str:
    """Returns ``visible`` text in one line of at most ``characters``, cut with an ellipsis."""
    line = " ".join(visible(text).split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def printable(text: str) -> str:
    r"""Returns ``visible`` text that neither a terminal nor the log of a CI system carries out.

    The first character of a command such as ``::error::`` or ``##[group]`` is written ``\x3a``.
    """
    return _CI_COMMAND.sub(lambda match: _escape(ord(match[0][0])) + match[0][1:], visible(text))


def check_name(name: str, where: str) -> None:
    """Checks that a name from outside can be the name of a file, and can be shown.

    Raises:
        ConfigurationError: it leaves its folder, is hidden, too long, or not one visible line.
    """
    problem = None
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        problem = "has a slash, begins with a dot or is empty"
    elif not name.isprintable() or name != name.strip():
        problem = "has invisible characters"
    elif len(name.encode()) > _LONGEST_NAME_BYTES:
        problem = f"is longer than {_LONGEST_NAME_BYTES} bytes"
    if problem:
        raise ConfigurationError(
            f"{where}: {one_line(repr(name))} cannot be the name of a file: it {problem}",
            hint="give it another name: one visible line without slashes",
        )


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
