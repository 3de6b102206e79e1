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
# Functions of Android's C library that a tool may call and that came with API 26 (Android 8.0).
_SINCE_26 = frozenset(
    ("strtod_l", "strtof_l", "strtol_l", "strtoul_l", "pthread_getname_np", "mallopt")
)
_ANDROID_8 = 26
_LINKER = "/system/bin/linker"
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
        api_level: the Android API level that it was built for, from its note; ``None`` without one.
        since_android_8: functions that it imports and that came with Android 8.0, sorted: it does
            not start on an older phone.
        interpreter: path of the program that loads it; ``None`` if it is static.
    """

    abi: str
    alignment_bytes: int
    api_level: int | None = None
    since_android_8: tuple[str, ...] = ()
    interpreter: str | None = None

    @property
    def interpreter_is_here(self) -> bool:
        """Whether this machine has what loads it."""
        return self.interpreter is None or Path(self.interpreter).exists()


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


def check(
    path: Path, *, abis: Sequence[str], page_bytes: int, api_level: int | None = None
) -> Elf | None:
    """Returns the result of ``read_elf``, after checking that a device can start the program.

    Args:
        abis: the device's, as in its ``ro.product.cpu.abilist``.
        page_bytes: size of the device's memory pages.
        api_level: of the device's Android; ``None`` where that is unknown or it has none.

    Raises:
        ConfigurationError: it is not a program, or is for another processor, smaller pages or a
            later Android.
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
    if elf.since_android_8 and api_level is not None and api_level < _ANDROID_8:
        raise ConfigurationError(
            f"{path} calls {', '.join(elf.since_android_8)} of Android 8.0 (API {_ANDROID_8}), and "
            f"the device has API {api_level}, so it cannot start there",
            hint=f"give a build for API {api_level} with --benchmark-binary, or use a device with "
            "Android 8.0 or later",
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
    from elftools.elf.segments import InterpSegment

    if file["e_type"] not in _PROGRAMS:
        raise ValueError("it is an object file or a core dump")
    loaded = [segment["p_align"] for segment in file.iter_segments(type="PT_LOAD")]
    if not loaded:
        raise ValueError("it has no segment that is loaded")
    machine, bits = file["e_machine"], file.elfclass
    abi = _ABIS.get((machine, bits)) if file.little_endian else None
    other = f"{str(machine).removeprefix('EM_')} ({bits} bits)"
    api_level, since_android_8 = _android(file)
    interpreters = [
        segment.get_interp_name()
        for segment in file.iter_segments(type="PT_INTERP")
        if isinstance(segment, InterpSegment)
    ]
    return Elf(
        abi=abi or other,
        alignment_bytes=min(loaded),
        api_level=api_level,
        since_android_8=since_android_8,
        interpreter=interpreters[0] if interpreters else None,
    )


def _android(file: ELFFile) -> tuple[int | None, tuple[str, ...]]:
    """Returns a program's ``api_level`` and ``since_android_8``, as far as its sections show them.

    No system needs the sections of a program to start it, so they may be missing or damaged.
    """
    from elftools.elf.sections import NoteSection, SymbolTableSection
    from elftools.elf.segments import InterpSegment

    try:
        ident, symbols = map(file.get_section_by_name, (".note.android.ident", ".dynsym"))
        notes = list(ident.iter_notes()) if isinstance(ident, NoteSection) else []
        api_level = int.from_bytes(notes[0]["n_descdata"][:4], "little") if notes else None
        is_for_android = any(
            isinstance(segment, InterpSegment) and segment.get_interp_name().startswith(_LINKER)
            for segment in file.iter_segments(type="PT_INTERP")
        )
        if not is_for_android or not isinstance(symbols, SymbolTableSection):
            return api_level, ()
        needed = {
            symbol.name
            for symbol in symbols.iter_symbols()
            if symbol["st_shndx"] == "SHN_UNDEF" and symbol["st_info"]["bind"] == "STB_GLOBAL"
        }
    except Exception:  # as in _read
        return None, ()
    return api_level, tuple(sorted(needed & _SINCE_26))


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
