"""What an executable file says of itself: for which processor, and what it needs to start."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bench.core.errors import ConfigurationError

# By e_machine and bits, in the words of Android's ro.product.cpu.abilist.
_ABIS = {
    (183, 64): "arm64-v8a",
    (40, 32): "armeabi-v7a",
    (62, 64): "x86_64",
    (3, 32): "x86",
    (243, 64): "riscv64",
}
_PROGRAMS = (2, 3)  # e_type: fixed or position-independent
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3  # p_type
_END, _NEEDED, _STRINGS = 0, 1, 5  # d_tag
_LONGEST_NAME_BYTES = 4096
_MOST_BYTES = 1 << 20  # of a table; real ones have a few kB
_HINT = "give a build of benchmark_model for this device with --benchmark-binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """One ELF program.

    Args:
        abi: ``arm64-v8a``, ``armeabi-v7a``, ``x86_64``, ``x86``, ``riscv64``, or ``machine N``
            with the number that the format has for another.
        bits: 32 or 64.
        alignment_bytes: smallest alignment of a loaded segment, so the largest page it runs with.
        interpreter: its dynamic linker; ``None`` where it is linked statically.
        needed: names of the libraries that it is linked with.
    """

    abi: str
    bits: int
    alignment_bytes: int
    interpreter: str | None
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int
    alignment: int


class _Reader:
    """Reads records at offsets, in the file's own byte order and word size."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        identity = self.take(0, 16)
        self.bits = {1: 32, 2: 64}.get(identity[4], 0)
        self.order = {1: "<", 2: ">"}.get(identity[5], "")
        if not self.bits or not self.order:
            raise ValueError("its header makes no sense")

    def take(self, offset: int, size: int) -> bytes:
        if size > _MOST_BYTES:
            raise ValueError("a table is too long")
        self._stream.seek(offset)
        found = self._stream.read(size)
        if len(found) < size:
            raise ValueError("it ends too early")
        return found

    def text(self, offset: int) -> str:
        self._stream.seek(offset)
        name, end, _ = self._stream.read(_LONGEST_NAME_BYTES).partition(b"\0")
        if not end:
            raise ValueError("a name has no end")
        return name.decode("utf-8", errors="replace")

    def records(self, form: str, content: bytes) -> list[tuple[int, ...]]:
        size = struct.calcsize(self.order + form)
        whole = content[: len(content) // size * size]
        return list(struct.iter_unpack(self.order + form, whole))


def read_elf(path: Path) -> Elf | None:
    """Returns what an ELF program says of itself; ``None`` for a script that starts with ``#!``.

    Raises:
        ConfigurationError: the file cannot be read, or is no program, or is damaged.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
            if head.startswith(b"#!"):
                return None
            if not head.startswith(b"\x7fELF"):
                raise ConfigurationError(f"{path}: {_other(head)}, not a program", hint=_HINT)
            return _read(_Reader(stream))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint="check the path") from error
    except (ValueError, OverflowError, struct.error) as error:
        raise ConfigurationError(
            f"{path}: a damaged program: {error}", hint="download or copy it again"
        ) from error


def check(path: Path, *, abis: Sequence[str], page_bytes: int) -> Elf | None:
    """Returns what ``read_elf`` says of a program that a device can start.

    Args:
        abis: what the device runs, as in its ``ro.product.cpu.abilist``.
        page_bytes: size of the device's memory pages.

    Raises:
        ConfigurationError: it is no program, or one for another processor or for smaller pages.
    """
    elf = read_elf(path)
    if elf is None:
        return None
    if elf.abi not in abis:
        raise ConfigurationError(
            f"{path} is built for {elf.abi}, and the device runs {', '.join(abis)}",
            hint=f"give a build for {abis[0]} with --benchmark-binary" if abis else _HINT,
        )
    if elf.alignment_bytes < page_bytes:
        raise ConfigurationError(
            f"{path} is aligned to {elf.alignment_bytes // 1024} KB, and the device has memory "
            f"pages of {page_bytes // 1024} KB, so it cannot start there",
            hint=f"link it with -Wl,-z,max-page-size={page_bytes}, or switch the device to pages "
            "of 4 KB",
        )
    return elf


def _read(reader: _Reader) -> Elf:
    # e_type, e_machine, e_version, e_entry, e_phoff, e_shoff, e_flags, e_ehsize, e_phentsize,
    # e_phnum
    header = "HHIQQQIHHH" if reader.bits == 64 else "HHIIIIIHHH"
    content = reader.take(16, struct.calcsize(reader.order + header))
    (fields,) = reader.records(header, content)
    if fields[0] not in _PROGRAMS:
        raise ValueError("it is no program, but an object file or a core dump")
    segments = _segments(reader, offset=fields[4], size=fields[8], count=fields[9])
    loaded = [segment for segment in segments if segment.kind == _LOAD]
    if not loaded:
        raise ValueError("nothing of it is loaded")
    little = reader.order == "<"
    abi = _ABIS.get((fields[1], reader.bits)) if little else None
    return Elf(
        abi=abi or f"machine {fields[1]}",
        bits=reader.bits,
        alignment_bytes=min(segment.alignment for segment in loaded),
        interpreter=next(
            (reader.text(each.offset) for each in segments if each.kind == _INTERPRETER), None
        ),
        needed=_needed(reader, segments, loaded),
    )


def _segments(reader: _Reader, *, offset: int, size: int, count: int) -> list[_Segment]:
    form = "IIQQQQQQ" if reader.bits == 64 else "IIIIIIII"
    if size != struct.calcsize(reader.order + form):
        raise ValueError("its segments have no known size")
    found = []
    for fields in reader.records(form, reader.take(offset, size * count)):
        if reader.bits == 64:
            kind, _flags, at, address, _physical, length, _memory, alignment = fields
        else:
            kind, at, address, _physical, length, _memory, _flags, alignment = fields
        found.append(
            _Segment(kind=kind, offset=at, address=address, size=length, alignment=alignment)
        )
    return found


def _needed(
    reader: _Reader, segments: Sequence[_Segment], loaded: Sequence[_Segment]
) -> tuple[str, ...]:
    entries: list[tuple[int, int]] = []
    for segment in segments:
        if segment.kind == _DYNAMIC:
            content = reader.take(segment.offset, segment.size)
            for tag, value in reader.records("QQ" if reader.bits == 64 else "II", content):
                if tag == _END:
                    break
                entries.append((tag, value))
    names = [value for tag, value in entries if tag == _NEEDED]
    if not names:
        return ()
    tables = [value for tag, value in entries if tag == _STRINGS]
    for segment in loaded:
        if tables and 0 <= tables[0] - segment.address < segment.size:
            start = tables[0] - segment.address + segment.offset
            return tuple(reader.text(start + name) for name in names)
    raise ValueError("the names of its libraries are missing")


def _other(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "an empty file"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page"
    if head[4:8] == b"TFL3":
        return "a .tflite model"
    if head.startswith(b"PK\x03\x04"):
        return "a zip or APK file"
    if head.startswith((b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")):
        return "a program for macOS"
    if head.startswith(b"MZ"):
        return "a program for Windows"
    return "a file of another kind"
