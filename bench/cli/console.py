"""What verbs print: JSON on stdout, lines on stderr. It imports nothing heavy, for ``--help``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

SCHEMA_VERSION = 1


def print_json(document: Mapping[str, Any]) -> None:
    """Prints one JSON document, with its ``schema_version``, on stdout."""
    json.dump(
        {"schema_version": SCHEMA_VERSION, **document},
        sys.stdout,
        indent=2,
        ensure_ascii=False,
        allow_nan=False,
    )
    sys.stdout.write("\n")


def print_to_stderr(line: str) -> None:
    """Prints one line on stderr."""
    print(line, file=sys.stderr, flush=True)
