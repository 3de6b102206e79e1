"""Files to and from a phone: adb's file sync protocol, over any stream (SYNC.TXT of adb)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from bench.adb.transport.stream import Stream, Transport, lost, read_exactly
from bench.core.errors import DeviceError, TransientDeviceError

Progress = Callable[[int], None]
_CHUNK_BYTES = 64 << 10  # the most that a DATA packet may hold
_BLOCK_CHUNKS = 8  # written together, so that a block costs one acknowledgement
_TRANSIENT_ANSWERS = ("Input/output error", "Transport endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file of a phone as ``lstat`` has it; the protocol gives sizes modulo 4 GiB."""

    name: str
    mode: int
    size_bytes: int
    modified_s: int


def push(
    transport: Transport,
    source: IO[bytes],
    remote: str,
    *,
    mode: int,
    modified_s: int,
    progress: Progress | None = None,
) -> int:
    """Returns the number of bytes of ``source`` that were written to ``remote``.

    Raises:
        DeviceError: the phone refuses: full, read-only, no permission, a folder.
        TransientDeviceError: the phone went away; a part of the file may be there.
    """
    with _Session(transport, remote) as session:
        session.request(b"SEND", f"{remote},{0o100000 | mode}")
        sent_bytes = 0
        for block, size in _blocks(source):
            # A phone that cannot continue answers at once and ignores the rest.
            if session.stream.is_readable() or not session.send(block):
                break
            sent_bytes += size
            if progress is not None:
                progress(sent_bytes)
        else:
            session.send(struct.pack("<4sI", b"DONE", modified_s & 0xFFFFFFFF))
        session.expect(b"OKAY")
        session.fields("<I")
    return sent_bytes


def pull(
    transport: Transport, remote: str, sink: IO[bytes], *, progress: Progress | None = None
) -> int:
    """Returns the number of bytes of ``remote``, all of which were written to ``sink``.

    Raises:
        DeviceError: there is no such file, it cannot be read, or it is a folder.
        TransientDeviceError: the phone went away; ``sink`` holds a part.
    """
    with _Session(transport, remote) as session:
        session.request(b"RECV", remote)
        received_bytes = 0
        while session.expect(b"DATA", b"DONE") == b"DATA":
            content = session.read(session.fields("<I")[0])
            sink.write(content)
            received_bytes += len(content)
            if progress is not None:
                progress(received_bytes)
    return received_bytes


def stat(transport: Transport, remote: str) -> RemoteFile | None:
    """Returns the file; ``None`` if it does not exist, or may not be read.

    Raises:
        TransientDeviceError: the phone went away.
    """
    with _Session(transport, remote) as session:
        session.request(b"STAT", remote)
        session.expect(b"STAT")
        mode, size, modified_s = session.fields("<3I")
    if not mode:
        return None
    return RemoteFile(name=remote, mode=mode, size_bytes=size, modified_s=modified_s)


def entries(transport: Transport, remote: str) -> list[RemoteFile]:
    """Returns the files in a folder, sorted by name; none if it is missing or may not be read.

    Raises:
        TransientDeviceError: the phone went away.
    """
    files = []
    with _Session(transport, remote) as session:
        session.request(b"LIST", remote)
        while session.expect(b"DENT", b"DONE") == b"DENT":
            mode, size, modified_s, length = session.fields("<4I")
            name = session.read(length).decode("utf-8", "surrogateescape")
            files.append(RemoteFile(name=name, mode=mode, size_bytes=size, modified_s=modified_s))
    return sorted(
        (file for file in files if file.name not in (".", "..")), key=lambda file: file.name
    )


class _Session:
    """One request over its own sync stream."""

    def __init__(self, transport: Transport, remote: str) -> None:
        self._serial = transport.serial
        self._limit_s = transport.io_limit_s
        self._remote = remote
        self._buffer = bytearray()
        self.stream: Stream = transport.open("sync:")

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def request(self, word: bytes, path: str) -> None:
        """Sends a request about a path."""
        payload = path.encode("utf-8", "surrogateescape")
        self.stream.write(struct.pack("<4sI", word, len(payload)) + payload, self._limit_s)

    def send(self, content: bytes) -> bool:
        """Returns whether the phone took the content; if not, the reason is the next answer.

        Raises:
            TransientDeviceError: the phone went away.
        """
        try:
            self.stream.write(content, self._limit_s)
        except TransientDeviceError:
            if self.stream.is_readable():
                return False
            raise
        return True

    def expect(self, *words: bytes) -> bytes:
        """Returns which of ``words`` is the phone's next answer.

        Raises:
            DeviceError: it answers FAIL, with the reason.
            TransientDeviceError: it went away.
        """
        answer = self.read(4)
        if answer in words:
            return answer
        if answer == b"FAIL":
            why = self.read(self.fields("<I")[0]).decode(errors="backslashreplace")
            kind = TransientDeviceError if why.endswith(_TRANSIENT_ANSWERS) else DeviceError
            raise kind(
                f"{self._serial}: {self._remote}: {why}",
                hint=_hint(why),
                serial=self._serial,
                path=self._remote,
            )
        raise lost(self._serial, f"file sync answered {answer!r}", path=self._remote)

    def fields(self, layout: str) -> tuple[int, ...]:
        """Returns the numbers of a header."""
        return struct.unpack(layout, self.read(struct.calcsize(layout)))

    def read(self, size: int) -> bytes:
        """Returns the next ``size`` bytes.

        Raises:
            TransientDeviceError: they do not arrive.
        """
        try:
            return read_exactly(self.stream, self._buffer, size, limit_s=self._limit_s)
        except EOFError as error:
            raise lost(self._serial, "it went away during a transfer", path=self._remote) from error
        except TimeoutError as error:
            raise lost(
                self._serial,
                f"a transfer made no progress for {self._limit_s:g} s",
                path=self._remote,
            ) from error


def _blocks(source: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yields DATA packets to be written together, and the number of file bytes in them."""
    while content := source.read(_CHUNK_BYTES * _BLOCK_CHUNKS):
        block = bytearray()
        for start in range(0, len(content), _CHUNK_BYTES):
            chunk = memoryview(content)[start : start + _CHUNK_BYTES]
            block += struct.pack("<4sI", b"DATA", len(chunk))
            block += chunk
        yield bytes(block), len(content)


def _hint(why: str) -> str:
    if "No space" in why:
        return "free space on the phone"
    if "No such file" in why:
        return "check the path on the phone"
    return "use a path that adb's shell may write to, such as /data/local/tmp"
