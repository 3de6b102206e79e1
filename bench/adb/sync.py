"""Files to and from a phone: adb's file sync protocol, over any stream (SYNC.TXT of adb)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import IO, NoReturn

from bench.adb.transport.stream import Stream, Transport, is_taken, lost
from bench.core.errors import DeviceError, TransientDeviceError

Progress = Callable[[int], None]
_CHUNK_BYTES = 64 << 10  # the most that a DATA packet may hold
_BLOCK_CHUNKS = 8  # written together, so that a block costs one acknowledgement
_HEADER = struct.Struct("<4sI")
_TRANSIENT_ANSWERS = ("Input/output error", "Transport endpoint")


def push(
    transport: Transport,
    source: IO[bytes],
    remote: str,
    *,
    mode: int,
    modified_s: int,
    progress: Progress | None = None,
) -> None:
    """Writes ``source`` to ``remote``.

    Raises:
        DeviceError: the phone refuses: full, read-only, no permission, a folder.
        TransientDeviceError: the phone went away; a part of the file may be there.
    """
    target = f"{remote},{0o100000 | mode}".encode("utf-8", "surrogateescape")
    with closing(transport.open("sync:")) as stream:
        stream.write(_HEADER.pack(b"SEND", len(target)) + target, transport.io_limit_s)
        sent_bytes = 0
        for block, size in _blocks(source):
            # A phone that cannot continue answers at once and ignores the rest.
            if stream.is_readable() or not is_taken(stream, block, transport.io_limit_s):
                break
            sent_bytes += size
            if progress is not None:
                progress(sent_bytes)
        else:
            done = _HEADER.pack(b"DONE", modified_s & 0xFFFFFFFF)
            is_taken(stream, done, transport.io_limit_s)
        _check_answer(transport, stream, remote)


def receive(transport: Transport, remote: str, take: Callable[[bytes], object]) -> None:
    """Reads the file ``remote``, of which ``take`` gets one piece after the other.

    Raises:
        DeviceError: the phone refuses: no such file, no permission.
        TransientDeviceError: the phone went away.
    """
    target = remote.encode("utf-8", "surrogateescape")
    with closing(transport.open("sync:")) as stream:
        stream.write(_HEADER.pack(b"RECV", len(target)) + target, transport.io_limit_s)
        received = bytearray()
        while True:
            _fill(received, _HEADER.size, transport, stream, remote)
            answer, size = _HEADER.unpack_from(received)
            if answer == b"DONE":
                return
            if answer != b"DATA":
                _refuse(transport, stream, remote, received)
            end = _HEADER.size + size
            _fill(received, end, transport, stream, remote)
            take(bytes(received[_HEADER.size : end]))
            del received[:end]


def _check_answer(transport: Transport, stream: Stream, remote: str) -> None:
    """Reads the answer to a transfer.

    Raises:
        DeviceError: it is FAIL, with the reason.
        TransientDeviceError: the phone went away, or answers something else.
    """
    received = bytearray()
    _fill(received, _HEADER.size, transport, stream, remote)
    if received[:4] != b"OKAY":
        _refuse(transport, stream, remote, received)


def _refuse(transport: Transport, stream: Stream, remote: str, received: bytearray) -> NoReturn:
    """Raises the error of a refusal whose header has been ``received``.

    Raises:
        DeviceError: it is FAIL, with the reason.
        TransientDeviceError: the phone went away, or answers something else.
    """
    answer, size = _HEADER.unpack_from(received)
    if answer != b"FAIL":
        raise lost(transport.serial, f"file sync answered {answer!r}", path=remote)
    _fill(received, _HEADER.size + size, transport, stream, remote)
    why = received[_HEADER.size :].decode(errors="backslashreplace")
    kind = TransientDeviceError if why.endswith(_TRANSIENT_ANSWERS) else DeviceError
    raise kind(
        f"{transport.serial}: {remote}: {why}",
        hint=_hint(why),
        serial=transport.serial,
        path=remote,
    )


def _fill(
    received: bytearray, size: int, transport: Transport, stream: Stream, remote: str
) -> None:
    """Reads until ``received`` has ``size`` bytes."""
    limit_s = transport.io_limit_s
    while len(received) < size:
        try:
            content = stream.read(limit_s)
        except TimeoutError as error:
            why = f"a transfer made no progress for {limit_s:g} s"
            raise lost(transport.serial, why, path=remote) from error
        if not content:
            raise lost(transport.serial, "it went away during a transfer", path=remote)
        received += content


def _blocks(source: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yields DATA packets to be written together, and the number of file bytes in them."""
    while content := source.read(_CHUNK_BYTES * _BLOCK_CHUNKS):
        block = bytearray()
        for start in range(0, len(content), _CHUNK_BYTES):
            chunk = memoryview(content)[start : start + _CHUNK_BYTES]
            block += _HEADER.pack(b"DATA", len(chunk))
            block += chunk
        yield bytes(block), len(content)


def _hint(why: str) -> str:
    if "No space" in why:
        return "free space on the phone"
    if "No such file" in why:
        return "check the path on the phone"
    return "use a path that adb's shell may write to, such as /data/local/tmp"
