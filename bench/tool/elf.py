"""Checks that a program is built for a device's processor and memory pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench.core.errors import ConfigurationError

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

# Machine and bits to the name in Android's ro.product.cpu.abilist; all are little-endian.
_ABIS = {
    ("EM_AARCH64", 64): "arm64-v8a",
    ("EM_ARM", 32): "armeabi-v7a",
    ("EM_X86_64", 64): "x86_64",
    ("EM_386", 32): "x86",
    ("EM_RISCV", 64): "riscv64",
}
_PROGRAMS = ("ET_EXEC", "ET_DYN")  # at a fixed address, or position-independent
_HINT = "give a build of benchmark_model for this device with --benchmark-binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """One ELF program.

    Args:
        abi: ``arm64-v8a``, ``armeabi-v7a``, ``x86_64``, ``x86``, ``riscv64``; for any other
            processor its name or number in the ELF format, and the bits.
        alignment_bytes: smallest alignment of a loaded segment, which is the largest page that it
            can run with.
    """

    abi: str
    alignment_bytes: int


def read_elf(path: Path) -> Elf | None:
    """Returns the ABI and alignment of a program; ``None`` for a script that starts with ``#!``.

    Raises:
        ConfigurationError: the file cannot be read, or is not a program, or is damaged.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
            if head.startswith(b"#!"):
                return None
            if not head.startswith(b"\x7fELF"):
                raise ConfigurationError(f"{path}: {_kind_of(head)}, not a program", hint=_HINT)
            return _read(path, stream)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint="check the path") from error


def check(path: Path, *, abis: Sequence[str], page_bytes: int) -> Elf | None:
    """Returns the result of ``read_elf``, after checking that a device can start the program.

    Args:
        abis: the device's, as in its ``ro.product.cpu.abilist``.
        page_bytes: size of the device's memory pages.

    Raises:
        ConfigurationError: it is not a program, or is for another processor or smaller pages.
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


def _read(path: Path, stream: BinaryIO) -> Elf:
    from elftools.elf.elffile import ELFFile

    try:
        return _elf(ELFFile(stream))
    except Exception as error:  # on damaged files pyelftools raises also other errors than its own
        raise ConfigurationError(
            f"{path}: a damaged program: {error}", hint="download or copy it again"
        ) from error


def _elf(file: ELFFile) -> Elf:
    if file["e_type"] not in _PROGRAMS:
        raise ValueError("it is an object file or a core dump")
    loaded = [segment["p_align"] for segment in file.iter_segments(type="PT_LOAD")]
    if not loaded:
        raise ValueError("it has no segment that is loaded")
    machine, bits = file["e_machine"], file.elfclass
    abi = _ABIS.get((machine, bits)) if file.little_endian else None
    other = f"{str(machine).removeprefix('EM_')} ({bits} bits)"
    return Elf(abi=abi or other, alignment_bytes=min(loaded))


def _kind_of(head: bytes) -> str:
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
