"""The files of a phone as one text, for folders that are written by hand."""

from __future__ import annotations

import re
from pathlib import Path

from bench.core.errors import ConfigurationError

# Power monitors' names have a colon; other files with one in the path need a file of their own.
_LINE = re.compile(r"((?:/(?:iio:device\d+|[^/:\s]+))+):(.*)")


def listed_files(path: Path, text: str) -> dict[str, str]:
    """Returns absolute path to content, from lines ``PATH:CONTENT`` as ``grep -H .`` prints them.

    The next line of a file has the same path again.

    Args:
        path: that of the listing, for errors.

    Raises:
        ConfigurationError: a line is not of that form; the message names it.
    """
    files: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ConfigurationError(
                f"{path}: line {number}: has no path: {line[:40]!r}",
                hint="write it as /sys/class/thermal/thermal_zone0/temp:41200",
            )
        files[match[1]] = f"{files.get(match[1], '')}{match[2]}\n"
    return files
