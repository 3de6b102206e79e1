"""What verbs print: JSON and lines on stdout, lines on stderr; all text from outside made safe.

It imports nothing heavy, for ``--help``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import IO, Any

from bench.core.units import ascii_text, printable

SCHEMA_VERSION = 1

# Not escaped by JSON itself: DEL, the second block of controls, line separators, directions.
_UNESCAPED = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def print_json(document: Mapping[str, Any]) -> None:
    """Prints one JSON document, with its ``schema_version``, on stdout."""
    text = json.dumps(
        {"schema_version": SCHEMA_VERSION, **document},
        indent=2,
        ensure_ascii=False,
        allow_nan=False,
    )
    sys.stdout.write(_UNESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")


def print_line(line: str = "") -> None:
    """Prints a line on stdout; what a terminal or a CI system would carry out is escaped."""
    print(shown_by(sys.stdout, printable(line)))


def print_to_stderr(line: str) -> None:
    """Prints a line on stderr, as ``print_line`` does."""
    print(shown_by(sys.stderr, printable(line)), file=sys.stderr, flush=True)


def shown_by(stream: IO[str], text: str) -> str:
    """Returns text as a stream can show it: in ASCII where its encoding is not of Unicode."""
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
    return text if encoding.startswith("utf") else ascii_text(text)
