"""A phone reached without an adb server; the only module that imports adb-shell.

Of adb-shell this uses the packets, the handshake and the sorting of packets to streams. Its
transports, services and file sync are replaced, because it ignores short writes, notices a closed
connection after 10 s only, drops what a phone sends while it is being written to (a ``KeyError``
when its disk is full), waits for ever for a refused service, and loses its place in the packets
when a read times out in the middle of one.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from adb_shell import constants, exceptions
from adb_shell.adb_device import AdbDevice
from adb_shell.adb_message import AdbMessage
from adb_shell.hidden_helpers import _AdbTransactionInfo
from adb_shell.transport.base_transport import BaseTransport

from bench.adb.transport.keys import Key
from bench.adb.transport.link import Link
from bench.adb.transport.stream import CONNECT_LIMIT_S, IO_LIMIT_S, Stream, lost
from bench.core.errors import DeviceError, ServiceRefusedError

PROMPT_LIMIT_S = 30.0
_HEADER = struct.Struct("<6I")
_PAIRING = b"STLS"


class PacketWire(BaseTransport):  # type: ignore[misc]  # adb-shell ships no types
    """Whole packets over a link: a time-out never loses the place between them."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._partial = bytearray()
        self._whole: deque[bytes] = deque()
        self.banner = b""

    def connect(self, transport_timeout_s: float | None) -> None:
        """Connects anew; packets of an earlier connection are forgotten."""
        self.close()
        self._link.open(_limit_s(transport_timeout_s))

    def close(self) -> None:
        """Disconnects."""
        self._link.close()
        self._partial.clear()
        self._whole.clear()

    def bulk_read(self, numbytes: int, transport_timeout_s: float | None) -> bytes:
        """Returns the next header or payload, once the whole packet is here."""
        if not self._whole:
            self._receive(time.monotonic() + _limit_s(transport_timeout_s))
        part = self._whole.popleft()
        if len(part) != numbytes:
            raise lost(self._link.name, f"{len(part)} bytes of a packet where {numbytes} belong")
        return part

    def bulk_write(self, data: bytes, transport_timeout_s: float | None) -> int:
        """Sends all of a header or payload; a part of one ends the connection."""
        unsent = memoryview(data)
        try:
            while unsent:
                unsent = unsent[self._link.send(unsent, _limit_s(transport_timeout_s)) :]
            if self._link.packet_bytes and data and len(data) % self._link.packet_bytes == 0:
                self._link.send(memoryview(b""), _limit_s(transport_timeout_s))
        except TimeoutError as error:
            self.close()
            raise lost(self._link.name, f"took none of {len(unsent)} bytes in time") from error
        except BaseException:
            self.close()  # also when interrupted: the phone would wait for the rest
            raise
        return len(data)

    def _receive(self, deadline_s: float) -> None:
        header = _HEADER.unpack(self._fill(_HEADER.size, deadline_s)[: _HEADER.size])
        word, magic, size = header[0].to_bytes(4, "little"), header[5], header[3]
        if magic != header[0] ^ 0xFFFFFFFF or size > constants.MAX_ADB_DATA:
            raise DeviceError(
                f"{self._link.name}: what answers there is not an adb daemon",
                hint="check the port: adb's is 5555 after `adb tcpip 5555`",
                serial=self._link.name,
                answer=bytes(self._partial[:80]).decode(errors="backslashreplace"),
            )
        if word == _PAIRING:
            raise DeviceError(
                f"{self._link.name}: it wants wireless debugging with pairing",
                hint="pair and connect it with adb (adb pair, adb connect), then run again",
                serial=self._link.name,
            )
        packet = self._fill(_HEADER.size + size, deadline_s)
        self._whole.append(bytes(memoryview(packet)[: _HEADER.size]))
        if word == constants.CNXN:
            self.banner = bytes(memoryview(packet)[_HEADER.size : _HEADER.size + size])
        if size:
            self._whole.append(bytes(memoryview(packet)[_HEADER.size : _HEADER.size + size]))
        del packet[: _HEADER.size + size]

    def _fill(self, size: int, deadline_s: float) -> bytearray:
        """Returns what arrived and is not yet taken, once it has ``size`` bytes."""
        while len(self._partial) < size:
            left_s = deadline_s - time.monotonic()
            self._partial += self._link.receive(size - len(self._partial), left_s)
        return self._partial


class Mailboxes:
    """Packets that arrived while another stream was read, by the stream that they are for.

    It takes the place of adb-shell's own, which throws away the end of a stream that it holds no
    other packet of.
    """

    def __init__(self) -> None:
        self._packets: dict[int, deque[tuple[bytes, int, bytes]]] = {}

    def find_allow_zeros(self, arg0: int | None, arg1: int) -> tuple[int, int] | None:
        """Returns the sender of the next packet for stream ``arg1``; ``None`` without one."""
        waiting = self._packets.get(arg1)
        return (waiting[0][1], arg1) if waiting else None

    def put(self, arg0: int, arg1: int, command: bytes, payload: bytes) -> None:
        """Keeps a packet, if its stream is open."""
        if arg1 in self._packets:
            self._packets[arg1].append((command, arg0, payload))

    def get(self, arg0: int, arg1: int) -> tuple[bytes, int, int, bytes]:
        """Returns the next packet of the stream ``arg1``."""
        command, sender, payload = self._packets[arg1].popleft()
        return command, sender, arg1, payload

    def open(self, arg1: int) -> None:
        """Starts to keep packets for a stream."""
        self._packets[arg1] = deque()

    def clear(self, arg0: int, arg1: int) -> None:
        """Forgets a stream."""
        self._packets.pop(arg1, None)

    def clear_all(self) -> None:
        """Forgets all streams."""
        self._packets.clear()


class DirectTransport:
    """One connection to a phone, made when first needed and again after it was lost.

    Args:
        keys: tried in this order; the phone is asked to accept the first.
        prompt_limit_s: how long to wait until the key is accepted on its screen.
        on_prompt: called when that wait begins.
        io_limit_s: how long it may be silent before it counts as lost.
    """

    def __init__(
        self,
        link: Link,
        keys: Sequence[Key] = (),
        *,
        connect_limit_s: float = CONNECT_LIMIT_S,
        prompt_limit_s: float = PROMPT_LIMIT_S,
        on_prompt: Callable[[], None] | None = None,
        io_limit_s: float = IO_LIMIT_S,
    ) -> None:
        self.serial = link.name
        self.io_limit_s = io_limit_s
        self._keys = list(keys)
        self._connect_limit_s = connect_limit_s
        self._prompt_limit_s = prompt_limit_s
        self._on_prompt = on_prompt
        self._wire = PacketWire(link)
        self._device: Any = AdbDevice(self._wire)
        self._device._io_manager._packet_store = Mailboxes()

    def open(self, service: str) -> Stream:
        """Returns a stream to an adb service."""
        if not self._device.available:
            self._connect()
        with self.translate_errors():
            return DirectStream(self, self._device, service)

    def features(self) -> tuple[str, ...]:
        """Returns the features that the phone's adb daemon names when it connects."""
        if not self._device.available:
            self._connect()
        _, _, named = self._wire.banner.decode(errors="replace").partition("features=")
        return tuple(filter(None, named.rstrip("\0").partition(";")[0].split(",")))

    def close(self) -> None:
        """Disconnects."""
        self._device.close()

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turns adb-shell's errors into ours, and drops a connection that cannot be trusted."""
        try:
            yield
        except exceptions.AdbTimeoutError as error:
            raise TimeoutError(str(error)) from error
        except (
            exceptions.InvalidChecksumError,
            exceptions.InvalidCommandError,
            exceptions.InvalidResponseError,
        ) as error:
            self.close()
            raise lost(self.serial, f"the connection is garbled: {error}") from error
        except DeviceError:
            self.close()
            raise

    def _connect(self) -> None:
        prompted: list[object] = []

        def on_key_asked(_: object) -> None:
            prompted.append(True)
            if self._on_prompt is not None:
                self._on_prompt()

        try:
            with self.translate_errors():
                self._device.connect(
                    rsa_keys=self._keys,
                    transport_timeout_s=self._connect_limit_s,
                    read_timeout_s=self._connect_limit_s,
                    auth_timeout_s=self._prompt_limit_s,
                    auth_callback=on_key_asked,
                )
        except exceptions.DeviceAuthError as error:
            raise self._unauthorized("it asks for a key, and none was given") from error
        except TimeoutError as error:
            self.close()
            if prompted:
                raise self._unauthorized("it does not know this machine's key") from error
            raise lost(
                self.serial, f"no adb daemon answered within {self._connect_limit_s:g} s"
            ) from error

    def _unauthorized(self, why: str) -> DeviceError:
        return DeviceError(
            f"{self.serial}: unauthorized: {why}",
            hint="unlock the phone and accept 'Allow USB debugging?', then run again",
            serial=self.serial,
            keys=[str(key.path) for key in self._keys],
        )


class DirectStream:
    """A service, over the connection that all services of a phone share."""

    def __init__(self, transport: DirectTransport, device: Any, service: str) -> None:
        self._transport = transport
        self._device = device
        self._packets = device._io_manager
        self._received = bytearray()
        self._ended = False
        with device._local_id_lock:
            device._local_id = device._local_id % 0xFFFFFFFF + 1
            self._ids: Any = _AdbTransactionInfo(device._local_id, None, None, IO_LIMIT_S)
        self._packets._packet_store.open(self._ids.local_id)
        payload = service.encode("utf-8", "surrogateescape") + b"\0"
        try:
            self._send(constants.OPEN, payload, transport.io_limit_s)
            answer = self._next(transport.io_limit_s)
        except TimeoutError as error:
            raise lost(
                transport.serial, f"it did not answer within {transport.io_limit_s:g} s"
            ) from error
        if answer != constants.OKAY:
            raise ServiceRefusedError(
                f"{transport.serial}: its adb daemon refuses {service.partition(':')[0]}",
                hint="the phone's Android may be too old",
                serial=transport.serial,
                service=service,
            )

    def read(self, timeout_s: float) -> bytes:
        """Returns what has arrived, at least one byte; empty once the service has ended."""
        deadline_s = time.monotonic() + timeout_s
        while not self._received and not self._ended:
            self._next(deadline_s - time.monotonic())
        content = bytes(self._received)
        self._received.clear()
        return content

    def is_readable(self) -> bool:
        """Returns whether anything but an acknowledgement has arrived."""
        return bool(self._received) or self._ended

    def write(self, content: bytes, timeout_s: float) -> None:
        """Sends all of ``content`` in packets, each of which must be acknowledged."""
        size = self._device._maxdata
        serial = self._transport.serial
        for start in range(0, len(content), size):
            try:
                self._send(constants.WRTE, content[start : start + size], timeout_s)
                deadline_s = time.monotonic() + timeout_s
                while not self._ended and (
                    self._next(deadline_s - time.monotonic()) != constants.OKAY
                ):
                    continue
            except TimeoutError as error:
                raise lost(serial, f"it took nothing for {timeout_s:g} s") from error
            if self._ended:
                raise lost(serial, "its adb daemon ended the service")

    def close(self) -> None:
        """Closes the stream on the phone."""
        self._packets._packet_store.clear(0, self._ids.local_id)
        if not self._ended and self._device.available:
            self._ended = True
            try:
                self._send(constants.CLSE, b"", self._transport.io_limit_s)
            except (DeviceError, TimeoutError):
                self._transport.close()

    def _send(self, command: bytes, payload: bytes, timeout_s: float) -> None:
        self._ids.transport_timeout_s = timeout_s
        remote = self._ids.remote_id or 0
        with self._transport.translate_errors():
            self._packets.send(AdbMessage(command, self._ids.local_id, remote, payload), self._ids)

    def _next(self, timeout_s: float) -> bytes:
        """Takes the next packet of this stream and returns its command."""
        if not self._device.available:
            raise lost(self._transport.serial, "the connection was lost")
        self._ids.transport_timeout_s = self._ids.read_timeout_s = max(timeout_s, 0.0)
        commands = [constants.OKAY, constants.WRTE, constants.CLSE]
        with self._transport.translate_errors():
            command, remote, _, payload = self._packets.read(commands, self._ids, allow_zeros=True)
        if self._ids.remote_id is None:
            self._ids.remote_id = remote
        if command == constants.WRTE:
            self._received += payload
            self._send(constants.OKAY, b"", self._transport.io_limit_s)
        elif command == constants.CLSE:
            self._ended = True
        return bytes(command)


def _limit_s(timeout_s: float | None) -> float:
    return IO_LIMIT_S if timeout_s is None else timeout_s
