"""What verbs print: results on stdout, progress and footnotes on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

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


def plain_table(title: str) -> Table:
    """Returns a table without columns yet, as all our tables look."""
    return Table(
        title=escape(title),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )


def print_table(table: Table) -> None:
    """Prints a table on stdout, as wide as it needs to be where stdout is no terminal."""
    wide = None if sys.stdout.isatty() else 200
    for column in table.columns:
        column.overflow = "fold"  # a narrow terminal breaks a name and cuts nothing off
    Console(file=sys.stdout, width=wide, highlight=False, soft_wrap=False).print(table)


def tell(line: str) -> None:
    """Prints one line of narration on stderr."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def progress() -> Iterator[Progress]:
    """Yields a progress display on stderr; it is silent where stderr is no terminal."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    with bar:
        yield bar
