"""The link that carries adb packets to a phone without an adb server, and the one over TCP."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from bench.adb.transport.stream import lost
from bench.core.errors import ConfigurationError


class Link(Protocol):
    """Carries bytes both ways; reads and writes may be short.

    Attributes:
        name: the serial of the phone at the other end.
        packet_bytes: the size whose multiples an empty packet must follow; 0 for none.
    """

    name: str
    packet_bytes: int

    def open(self, timeout_s: float) -> None:
        """Connects.

        Raises:
            DeviceError: it cannot connect.
            TransientDeviceError: it cannot connect now.
        """

    def receive(self, size: int, timeout_s: float) -> bytes:
        """Returns at least one byte, and about ``size`` at most.

        Raises:
            TimeoutError: nothing arrived.
            TransientDeviceError: the other end is gone.
        """

    def send(self, content: memoryview, timeout_s: float) -> int:
        """Returns the number of bytes that were sent.

        Raises:
            TimeoutError: none was sent.
            TransientDeviceError: the other end is gone.
        """

    def close(self) -> None:
        """Disconnects; may be called twice."""


class TcpLink:
    """A phone that listens on TCP."""

    packet_bytes = 0

    def __init__(self, host: str, port: int) -> None:
        self.name = f"{host}:{port}"
        self._address = (host, port)
        self._socket: socket.socket | None = None

    def open(self, timeout_s: float) -> None:
        """Connects, without Nagle's delay of 40 ms per message."""
        self.close()
        try:
            self._socket = socket.create_connection(self._address, timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except socket.gaierror as error:
            raise ConfigurationError(
                f"{self.name}: no such host", hint="check the name, or give the IP address"
            ) from error
        except TimeoutError as error:
            raise lost(self.name, f"no connection within {timeout_s:g} s") from error
        except OSError as error:
            raise lost(self.name, f"no connection: {error.strerror or error}") from error

    def receive(self, size: int, timeout_s: float) -> bytes:
        """Returns at least one byte and at most ``size``."""
        with self._ready(timeout_s) as connection:
            content = connection.recv(size)
        if not content:
            raise lost(self.name, "the phone closed the connection")
        return content

    def send(self, content: memoryview, timeout_s: float) -> int:
        """Returns the number of bytes that the system took."""
        with self._ready(timeout_s) as connection:
            return connection.send(content)

    def close(self) -> None:
        """Closes the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @contextmanager
    def _ready(self, timeout_s: float) -> Iterator[socket.socket]:
        if self._socket is None:
            raise lost(self.name, "the connection is closed")
        # 0 would mean "do not block", whose error is not a TimeoutError.
        self._socket.settimeout(max(timeout_s, 0.001))
        try:
            yield self._socket
        except TimeoutError:
            raise
        except OSError as error:
            raise lost(self.name, f"the connection broke: {error.strerror or error}") from error
