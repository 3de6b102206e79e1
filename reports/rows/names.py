"""Short names that distinguish rows: of students, and of rows that were timed differently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from bench.core import units
from reports.rows.aspects import SETTINGS, short_protocols, short_sha256
from reports.rows.hops import has_several_hops, hop_s, seconds
from reports.rows.schema import Timed, grouped

R = TypeVar("R", bound=Timed)


def variants(rows: Iterable[R], *, hops: bool = True) -> dict[R, str]:
    """Returns how each row was timed, in the words that distinguish rows of one name.

    Hop, delegate and threads are there wherever rows differ in them; all else only where nothing
    else distinguishes two rows.

    Args:
        hops: whether to name them; they do not matter to what is of the file alone.
    """
    listed = list(rows)
    delegates = {row.setup.delegate for row in listed}
    threads = {row.setup.threads for row in listed}
    words: dict[R, list[str]] = {row: [] for row in listed}
    several_hops = hops and has_several_hops(listed)
    for row in listed:
        if several_hops and hop_s(row) is not None:
            words[row].append(f"hop {seconds(hop_s(row))}")
        if len(delegates) > 1:
            words[row].append(row.setup.delegate)
        if len(threads) > 1:
            count = row.setup.threads
            words[row].append(
                "threads unknown" if count is None else units.counted(count, "thread")
            )
    for alike in grouped(listed, _what_names_show).values():
        if len(alike) == 1:
            continue
        for row, more in _distinguishing_words(alike).items():
            words[row] += more
    return {row: ", ".join(words[row]) for row in listed}


def _what_names_show(row: Timed) -> tuple[object, ...]:
    file, setup = row.file, row.setup
    return (
        file.student, file.format, setup.device, setup.runner, setup.delegate, setup.threads,
        hop_s(row),
    )  # fmt: skip


def _distinguishing_words(group: Sequence[R]) -> dict[R, list[str]]:
    """Returns as many words for each row as distinguish all of them."""
    protocols = short_protocols(group)
    kinds: list[tuple[str, Callable[[R], str]]] = [
        *SETTINGS.items(),
        ("", lambda row: protocols[row]),
        ("", lambda row: row.setup.runtime),
        ("file", lambda row: short_sha256(row.file.artifact_sha256)),
    ]
    words: dict[R, list[str]] = {row: [] for row in group}
    for name, value in kinds:
        if len({tuple(each) for each in words.values()}) == len(group):
            break
        if len({value(row) for row in group}) > 1:
            for row in group:
                words[row].append(f"{name} {value(row)}".strip())
    return words


def row_names(rows: Sequence[R], *, hops: bool = True) -> dict[R, str]:
    """Returns each row's short student name, with its variant where rows differ in that.

    Args:
        hops: as for ``variants``.
    """
    short = short_names(row.file.student for row in rows)
    return {
        row: f"{short[row.file.student]} ({variant})" if variant else short[row.file.student]
        for row, variant in variants(rows, hops=hops).items()
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
        if count > len(parts) / 2 and _are_distinct(unique, parts, dull | {part}):
            dull.add(part)
    return {name: _shorten(name, parts, dull) for name in unique}


def _are_distinct(names: Sequence[str], parts: Mapping[str, list[str]], dull: set[str]) -> bool:
    return len({_shorten(name, parts, dull) for name in names}) == len(names)


def _shorten(name: str, parts: Mapping[str, list[str]], dull: set[str]) -> str:
    if name not in parts:
        return name
    first, rest = parts[name][:2], parts[name][2:]
    return " ".join([*first, *(part for part in rest if part not in dull)])
