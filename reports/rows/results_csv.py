"""Reads rows back from a ``results.csv`` and a ``streaming.csv``.

Which test clips were right is in neither.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import typing
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar

from bench.core.caveats import APART, Caveat, CaveatKind
from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.core.units import one_line
from reports.rows import schema
from reports.rows.intervals import check
from reports.rows.schema import File, Power, Row, Setup, Stream

R = TypeVar("R", Row, Stream)

_HINT = "give a results.csv that frill-bench report wrote, as it was written"
_CAVEAT_COLUMNS = ("caveats", "caveat_evidence")
_NOT_NEGATIVE = ("latency_us", "size_", "memory_", "audio_s", "processes", "hop_s", "core_share")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReadRows:
    """The rows of a file.

    Args:
        unknown: columns of the file that no row has; they are left out.
    """

    rows: tuple[Row, ...]
    unknown: tuple[str, ...] = ()


def read(path: Path) -> ReadRows:
    """Returns the rows of a ``results.csv``.

    Raises:
        ConfigurationError: it is not such a file, or a value is wrong; names line and column.
    """
    return parse(_text(path), str(path))


def read_streams(path: Path) -> tuple[Stream, ...]:
    """Returns the rows of a ``streaming.csv``; raises as ``read``."""
    return parse_streams(_text(path), str(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not text in UTF-8", hint=_HINT) from error


def parse(text: str, source: str) -> ReadRows:
    """Returns the rows of the text of a ``results.csv``; as ``read``."""
    rows, unknown = _parsed(text, source, Row)
    return ReadRows(rows=tuple(rows), unknown=unknown)


def parse_streams(text: str, source: str) -> tuple[Stream, ...]:
    """Returns the rows of the text of a ``streaming.csv``; as ``read_streams``."""
    return tuple(_parsed(text, source, Stream)[0])


def _parsed(text: str, source: str, record: type[R]) -> tuple[list[R], tuple[str, ...]]:
    """Returns the rows of a CSV, and its columns that such a row has not."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[R] = []
    line = 1
    try:
        head = next(reader, [])
        unknown = _check_head(head, source, record)
        for cells in reader:
            begin, line = line, reader.line_num
            if len(cells) != len(head):
                raise _wrong(source, begin + 1, f"has {len(cells)} values, not {len(head)}")
            try:
                rows.append(_row(dict(zip(head, cells, strict=True)), record))
            except _WrongValueError as error:
                raise _wrong(source, begin + 1, str(error)) from error
            _check(rows[-1], source, begin + 1)
    except csv.Error as error:
        raise _wrong(source, reader.line_num, str(error)) from error
    return rows, unknown


class _WrongValueError(Exception):
    """A value that its column cannot hold."""


def _wrong(source: str, line: int, what: str) -> ConfigurationError:
    return ConfigurationError(f"{source}, line {line}: {what}", hint=_HINT)


def _check_head(head: Sequence[str], source: str, record: type[Any]) -> tuple[str, ...]:
    """Returns the unknown columns, after checking that all needed ones are there, once."""
    known = schema.columns(record)
    twice = sorted({name for name in head if head.count(name) > 1})
    missing = [name for name in _needed(record) if name not in head]
    if twice or missing:
        unlike = [name for name in head if name not in known]
        what = f"has the column {twice[0]!r} twice" if twice else f"has no column {missing[0]!r}"
        raise _wrong(source, 1, what + ("" if twice else near(missing[0], unlike)))
    return tuple(name for name in head if name not in known)


def _needed(record: type[Any]) -> Iterator[str]:
    for part in (File, Setup, record):
        for field in dataclasses.fields(part):
            if "meaning" in field.metadata and field.default is dataclasses.MISSING:
                yield field.name
    yield from _CAVEAT_COLUMNS


def _row(cells: Mapping[str, str], record: type[R]) -> R:
    parts: dict[str, Any] = {"file": _record(File, cells), "setup": _record(Setup, cells)}
    if record is Stream:
        parts["power"] = _record(Power, cells)
    row: R = _record(record, cells, **parts, caveats=_caveats(cells))
    return row


def _record(record: type[Any], cells: Mapping[str, str], **others: Any) -> Any:
    types = _types(typing.cast("Any", record))
    values = {
        field.name: _value(field.name, cells[field.name], types[field.name])
        for field in dataclasses.fields(record)
        if "meaning" in field.metadata and field.name in cells
    }
    return record(**values, **others)


@cache
def _types(record: type[Any]) -> Mapping[str, Any]:
    return typing.get_type_hints(record)


def _value(name: str, text: str, kind: Any) -> Any:
    """Returns the value of a cell; an empty one is a gap, or the empty text."""
    kinds = set(typing.get_args(kind)) or {kind}
    if not text and NoneType in kinds:
        return None
    (only,) = kinds - {NoneType}
    try:
        return _convert(text, only)
    except ValueError as error:
        what = f"column {name}: {one_line(text, characters=60)!r} is not {_named(only)}"
        raise _WrongValueError(what) from error


def _convert(text: str, kind: Any) -> Any:
    if kind is bool:
        return {"True": True, "False": False}.get(text) if text in ("True", "False") else int("")
    if kind is float:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number
    if kind is str:
        return text.removeprefix("'") if text[:1] == "'" and text[1:2] in "=+-@\t\r\n" else text
    return kind(text)


def _named(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"one of {', '.join(kind)}"
    return {bool: "True or False", int: "a whole number", float: "a number"}.get(kind, "a text")


def _caveats(cells: Mapping[str, str]) -> tuple[Caveat, ...]:
    names = [name for name in cells["caveats"].split(";") if name]
    kinds = []
    for name in names:
        if name not in list(CaveatKind):
            raise _WrongValueError(f"column caveats: {name!r} is not a caveat")
        kinds.append(CaveatKind(name))
    found: list[Caveat] = []
    for part in filter(None, cells["caveat_evidence"].split(APART)):
        name, _, evidence = part.partition(": ")
        if name in names:
            found.append(Caveat(kind=CaveatKind(name), evidence=evidence))
        elif found:  # a part of the evidence before it
            last = found.pop()
            found.append(dataclasses.replace(last, evidence=f"{last.evidence}{APART}{part}"))
        else:
            raise _WrongValueError(f"column caveat_evidence: {one_line(part)!r} is of no caveat")
    bare = [Caveat(kind=kind) for kind in kinds if kind not in {each.kind for each in found}]
    return tuple(sorted([*found, *bare]))


def _check(row: Row | Stream, source: str, line: int) -> None:
    for name in (field.name for field in dataclasses.fields(row)):
        value = getattr(row, name)
        if name.startswith(_NOT_NEGATIVE) and value is not None and value < 0:
            raise _wrong(source, line, f"column {name}: {value:g} is below 0")
    try:
        check([row])
    except ConfigurationError as error:
        raise _wrong(source, line, error.message.removesuffix(" in row 0")) from error
