"""Reads a parcel that a stranger may have made, into memory and within limits.

Nothing is unpacked to disk and nothing is run. Every member must have one of the known names, so no
path leads anywhere; sizes are checked before a member is read, and again while it is read.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.core import config
from bench.core.artifact import Artifact
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes, sha256_file
from bench.core.score import Score
from bench.core.units import one_line
from bench.flow.exchange.parcel import (
    CONTENTS,
    LISTS,
    MOST_MEMBERS,
    PAGE,
    RAW,
    SCHEMA_VERSION,
    Contents,
    PackedEvent,
    PackedProcess,
    unpacked,
)
from bench.store.records import Event, Invocation, Session
from reports.rows.schema import ROWS_VERSION

T = TypeVar("T")

MOST_FILE_BYTES = 256 << 20
MOST_MEMBER_BYTES = 64 << 20
MOST_TOTAL_BYTES = 512 << 20
MOST_RATIO = 200  # of a member's size to its compressed size; text of logs has 5 to 50
_SMALL_BYTES = 1 << 20  # below it the ratio does not matter
_NAMES = re.compile(
    rf"{re.escape(CONTENTS)}|(?:{'|'.join(LISTS)})\.jsonl|{PAGE}|raw/[0-9a-f]{{64}}"
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_END, _END_BYTES = b"PK\x05\x06", 22  # the end of the central directory
_LONG_END, _LONG_END_BYTES = b"PK\x06\x07", 20  # of a zip file with more than 65,535 members
_MOST_COMMENT_BYTES = 1 << 16
_MOST_DIRECTORY_BYTES = MOST_MEMBERS * 256
_HINT = "ask its owner for it again; it is not read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """The records of a parcel.

    Args:
        file: its name, without the folder.
        sha256: of the file.
        processes: without outcomes.
        packed: the same processes, as they are in the parcel.
        rows: the lines of ``rows.jsonl``.
    """

    file: str
    sha256: str
    contents: Contents
    artifacts: tuple[Artifact, ...]
    sessions: tuple[Session, ...]
    processes: tuple[Invocation, ...]
    packed: tuple[PackedProcess, ...]
    events: tuple[Event, ...]
    scores: tuple[Score, ...]
    rows: tuple[dict[str, object], ...]


def read(path: Path) -> Parcel:
    """Returns the records of a parcel; its page is not read.

    Raises:
        ConfigurationError: it is not a parcel, too large, damaged, or has what no parcel has.
    """
    members = _read_members(path)
    file = one_line(path.name)
    contents = _contents(members.pop(CONTENTS, None), file)
    _check_members(contents, members, file)
    raw = {name.removeprefix(RAW): text for name, text in members.items() if name.startswith(RAW)}
    for name, text in raw.items():
        if sha256_bytes(text) != name:
            raise _wrong(f"{file}: {RAW}{name[:12]}: its SHA-256 is another than its name")
    packed = _records(members, "processes", PackedProcess, file)
    return Parcel(
        file=file,
        sha256=sha256_file(path),
        contents=contents,
        artifacts=_records(members, "artifacts", Artifact, file),
        sessions=_records(members, "sessions", Session, file),
        processes=tuple(_process(each, raw, index, file) for index, each in enumerate(packed)),
        packed=packed,
        events=tuple(
            Event(kind=each.kind, at=each.at, session_id=each.session_id, facts=each.facts)
            for each in _records(members, "events", PackedEvent, file)
        ),
        scores=_records(members, "scores", Score, file),
        rows=tuple(_lines(members["rows.jsonl"], f"{file}: rows.jsonl")),
    )


def _read_members(path: Path) -> dict[str, bytes]:
    file = one_line(path.name)
    try:
        if not path.is_file():
            raise _wrong(f"{path}: no such file")
        if path.stat().st_size > MOST_FILE_BYTES:
            raise _wrong(f"{file}: is larger than {MOST_FILE_BYTES >> 20} MiB")
        _check_directory(path, file)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_entries(entries, file)
            return {each.filename: _content(archive, each, file) for each in entries}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _wrong(f"{file}: is not a zip file that can be read: {error}") from error
    except OSError as error:
        raise _wrong(f"{file}: cannot be read: {error.strerror or error}") from error


def _check_directory(path: Path, file: str) -> None:
    """Checks the size of the list of members before it is read into memory."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _MOST_COMMENT_BYTES - _END_BYTES - _LONG_END_BYTES))
        tail = stream.read()
    at = len(tail) - _END_BYTES
    if not (tail[at:].startswith(_END) and tail.endswith(b"\0\0")):
        at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        raise _wrong(f"{file}: is not a zip file that can be read: it has no end")
    _, listed_bytes = struct.unpack_from("<HL", tail, at + 10)
    is_long = tail[max(0, at - _LONG_END_BYTES) :].startswith(_LONG_END)
    if is_long or listed_bytes > _MOST_DIRECTORY_BYTES:
        raise _wrong(f"{file}: has more than {MOST_MEMBERS} members")


def _check_entries(entries: list[zipfile.ZipInfo], file: str) -> None:
    """Checks names, kinds and sizes of members before any of them is read."""
    if len(entries) > MOST_MEMBERS:
        raise _wrong(f"{file}: has more than {MOST_MEMBERS} members")
    (name, count), *_ = Counter(each.filename for each in entries).most_common(1) or [("", 0)]
    if count > 1:
        raise _wrong(f"{file}: has two members {one_line(repr(name))}")
    for each in entries:
        problem = _problem(each)
        if problem is not None:
            raise _wrong(f"{file}: the member {one_line(repr(each.orig_filename))} {problem}")
    if sum(each.file_size for each in entries) > MOST_TOTAL_BYTES:
        raise _wrong(f"{file}: its members are larger than {MOST_TOTAL_BYTES >> 20} MiB in all")


def _problem(entry: zipfile.ZipInfo) -> str | None:
    """Returns what is wrong with a member; ``None`` if it is one that a parcel has."""
    mode = entry.external_attr >> 16
    if entry.orig_filename != entry.filename or not _NAMES.fullmatch(entry.filename):
        return "is none of a parcel"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link, a folder or a device"
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        return "is encrypted, or compressed in an unusual way"
    if entry.file_size > MOST_MEMBER_BYTES:
        return f"is larger than {MOST_MEMBER_BYTES >> 20} MiB"
    if entry.file_size > max(_SMALL_BYTES, MOST_RATIO * entry.compress_size):
        return f"is more than {MOST_RATIO} times as large as what it is packed in"
    return None


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: str) -> bytes:
    with archive.open(entry) as stream:
        content = stream.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise _wrong(f"{file}: {entry.filename}: has another size than the zip file lists")
    return content


def _contents(content: bytes | None, file: str) -> Contents:
    if content is None:
        raise _wrong(f"{file}: is not a parcel: it lacks {CONTENTS}")
    contents = config.structure(_json(content, f"{file}: {CONTENTS}"), Contents, source=file)
    for name, known, given in (
        ("schema_version", SCHEMA_VERSION, contents.schema_version),
        ("rows_version", ROWS_VERSION, contents.rows_version),
    ):
        if given != known:
            raise ConfigurationError(
                f"{file}: {name}: is {given}, and this program reads {known}",
                hint="update frill-bench here or there, and export it again",
            )
    return contents


def _check_members(contents: Contents, members: dict[str, bytes], file: str) -> None:
    names = {*members, *(f"{name}.jsonl" for name in LISTS)}
    for name in sorted(names ^ set(contents.members)):
        where = "is not listed" if name in members else "is missing"
        raise _wrong(f"{file}: {one_line(name)} {where}")
    for name in sorted(names):
        listed, content = contents.members[name], members.get(name)
        if content is None:
            raise _wrong(f"{file}: {name} is missing")
        if listed.size_bytes != len(content) or listed.sha256 != sha256_bytes(content):
            raise _wrong(f"{file}: {name}: its SHA-256 or size is not that of {CONTENTS}")


def _records(members: dict[str, bytes], name: str, cls: type[T], file: str) -> tuple[T, ...]:
    source = f"{file}: {name}.jsonl"
    return tuple(
        config.structure(value, cls, source=f"{source}, line {number}")
        for number, value in enumerate(_lines(members[f"{name}.jsonl"], source), start=1)
    )


def _lines(content: bytes, source: str) -> list[dict[str, object]]:
    values = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line:
            value = _json(line, f"{source}, line {number}")
            if not isinstance(value, dict):
                raise _wrong(f"{source}, line {number}: is not an object")
            values.append(value)
    return values


def _json(content: bytes, source: str) -> object:
    try:
        return config.parse_json(content.decode())
    except ValueError as error:
        raise _wrong(f"{source}: is not JSON: {error}") from error


def _process(packed: PackedProcess, raw: dict[str, bytes], index: int, file: str) -> Invocation:
    try:
        return unpacked(packed, raw)
    except (KeyError, UnicodeDecodeError) as error:
        raise _wrong(
            f"{file}: processes.jsonl, line {index + 1}: its raw text is missing"
        ) from error


def _wrong(message: str) -> ConfigurationError:
    return ConfigurationError(message, hint=_HINT)
