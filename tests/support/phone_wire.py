"""A plain way to a handset: adb-shell with a transport that sends all of the data."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adb_shell.adb_device import AdbDevice
from adb_shell.transport.tcp_transport import TcpTransport

from support.patience import PATIENCE_S


class WholeTcp(TcpTransport):  # type: ignore[misc]  # adb-shell ships no types
    def connect(self, transport_timeout_s: float | None) -> None:
        super().connect(transport_timeout_s)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def bulk_write(self, data: bytes, transport_timeout_s: float | None) -> int:
        left = memoryview(data)
        while left:
            if not select.select([], [self._connection], [], transport_timeout_s)[1]:
                raise TimeoutError(f"{len(left)} bytes could not be sent")
            left = left[self._connection.send(left) :]
        return len(data)

    def bulk_read(self, numbytes: int, transport_timeout_s: float | None) -> bytes:
        found: bytes = super().bulk_read(numbytes, transport_timeout_s)
        if numbytes and not found:
            raise ConnectionResetError("the phone closed the connection")
        return found


@dataclass(frozen=True)
class Done:
    status: int | None
    stdout: str
    stderr: str


class Wire:
    def __init__(self, device: Any) -> None:
        self.device = device

    def shell(self, command: str) -> Done:
        raw = b"".join(
            self.device._streaming_service(
                b"shell,v2,raw", command.encode(), PATIENCE_S, PATIENCE_S, decode=False
            )
        )
        status: int | None = None
        texts = {1: b"", 2: b""}
        at = 0
        while at < len(raw):
            kind, size = raw[at], int.from_bytes(raw[at + 1 : at + 5], "little")
            payload = raw[at + 5 : at + 5 + size]
            if kind == 3:
                status = payload[0]
            elif kind in texts:
                texts[kind] += payload
            at += 5 + size
        return Done(status, texts[1].decode(), texts[2].decode())

    def said(self, command: str) -> str:
        done = self.shell(command)
        assert done.status == 0, done
        return done.stdout.strip()


@contextmanager
def wire(serial: str, **connect: Any) -> Iterator[Wire]:
    host, port = serial.split(":")
    device = AdbDevice(WholeTcp(host, int(port)), default_transport_timeout_s=PATIENCE_S)
    try:
        device.connect(**connect)
        yield Wire(device)
    finally:
        device.close()
