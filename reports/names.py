"""Short names that tell rows apart: of students, and of rows that differ in how they were timed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar


class Named(Protocol):
    """A row of any frame that tells the model and how it was timed."""

    @property
    def student(self) -> str:
        """The model's name."""

    @property
    def delegate(self) -> str:
        """What ran the graph."""

    @property
    def threads(self) -> int:
        """Threads of the runner."""


R = TypeVar("R", bound=Named)


def variants(rows: Iterable[R]) -> dict[R, str]:
    """Returns each row's delegate and threads in words, as far as rows differ in them."""
    listed = list(rows)
    delegates = {row.delegate for row in listed}
    threads = {row.threads for row in listed}
    found = {}
    for row in listed:
        words = [row.delegate] if len(delegates) > 1 else []
        if len(threads) > 1:
            words.append("1 thread" if row.threads == 1 else f"{row.threads} threads")
        found[row] = ", ".join(words)
    return found


def row_names(rows: Sequence[R]) -> dict[R, str]:
    """Returns each row's short student name, with its variant where rows differ in that."""
    short = short_names(row.student for row in rows)
    return {
        row: f"{short[row.student]} ({variant})" if variant else short[row.student]
        for row, variant in variants(rows).items()
    }


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Returns a short form of each name, unique among them: without the parts that most share.

    Parts stand between underscores; the first two, and names of fewer than four, stay whole.
    """
    unique = list(dict.fromkeys(names))
    parts = {name: name.split("_") for name in unique if name.count("_") >= 3}
    shared = Counter(part for each in parts.values() for part in set(each[2:]))
    dull: set[str] = set()
    for part, count in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if count > len(parts) / 2 and _tell_apart(unique, parts, dull | {part}):
            dull.add(part)
    return {name: _shorten(name, parts, dull) for name in unique}


def _tell_apart(names: Sequence[str], parts: Mapping[str, list[str]], dull: set[str]) -> bool:
    return len({_shorten(name, parts, dull) for name in names}) == len(names)


def _shorten(name: str, parts: Mapping[str, list[str]], dull: set[str]) -> str:
    if name not in parts:
        return name
    first, rest = parts[name][:2], parts[name][2:]
    return " ".join([*first, *(part for part in rest if part not in dull)])
