"""What the functions of the API take, and the frames that they return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from reports.parts.documents import DataFrame
# One path or several.
Files: TypeAlias = str | Path | Iterable[str | Path]
Texts: TypeAlias = str | Sequence[str]
OnMessage: TypeAlias = Callable[[str], None]
DB = "frill-bench.db"  # as the verbs have it


def ignore(line: str) -> None:
    """Takes a line that nobody wants to see at once."""


def paths(files: Files) -> list[Path]:
    """Returns the paths, of one or of several."""
    listed = [files] if isinstance(files, str | Path) else files
    return [Path(each) for each in listed]


def texts(given: Texts) -> Sequence[str]:
    """Returns the texts, of one or of several."""
    return (given,) if isinstance(given, str) else given


def frame(rows: Iterable[Any], record: type[Any]) -> DataFrame:
    """Returns rows, all of them ``record``, as a frame with a column for each field."""
    from reports.parts.documents import to_frame
    from reports.rows.schema import NUMBERS, columns, listing

    return to_frame(listing(rows, record), columns(record, of=NUMBERS))
