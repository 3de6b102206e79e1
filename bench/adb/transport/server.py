"""A phone reached through an adb server that runs already, by its smart socket protocol.

A server is never started, killed or restarted, because other programs use it too.
"""

from __future__ import annotations

import os
import re
import select
import socket
from collections.abc import Mapping
from contextlib import closing

from bench.adb.transport.stream import CONNECT_LIMIT_S, IO_LIMIT_S, Stream, lost
from bench.core.errors import (
    ConfigurationError,
    DeviceError,
    ServiceRefusedError,
    TransientDeviceError,
)

_PORT = 5037
_READ_BYTES = 1 << 20
_WIRELESS = re.compile(r"\._adb(-tls-connect)?\._tcp\b")


class AdbServer:
    """An adb server's address.

    Raises:
        ConfigurationError: the environment gives an invalid address.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self.address = _address(environ)

    @property
    def name(self) -> str:
        """Returns ``host:port``, or the path of a UNIX socket."""
        return self.address if isinstance(self.address, str) else "{}:{}".format(*self.address)

    def listing(self) -> str | None:
        """Returns what ``adb devices -l`` prints of the phones; ``None`` where no server runs.

        Raises:
            TransientDeviceError: it does not answer.
        """
        return self._text("host:devices-l")

    def version(self) -> int | None:
        """Returns the version, which adb and its server must share; ``None`` without a server.

        Raises:
            TransientDeviceError: it does not answer.
        """
        text = self._text("host:version")
        return None if text is None else int(text, 16)

    def ask(self, *requests: str, serial: str, io_limit_s: float = IO_LIMIT_S) -> ServerStream:
        """Returns a connection to the server, which has accepted the requests, one after another.

        Args:
            serial: the phone, or the server's own name, for errors.

        Raises:
            ConnectionRefusedError: no server runs.
            ServiceRefusedError: it refuses a request.
            TransientDeviceError: it does not answer.
        """
        stream = ServerStream(self._connection(serial), serial, io_limit_s)
        try:
            for request in requests:
                stream.ask(request)
        except BaseException:
            stream.close()
            raise
        return stream

    def _text(self, request: str) -> str | None:
        try:
            stream = self.ask(request, serial=self.name)
        except ConnectionRefusedError:
            return None
        with closing(stream):
            return stream.counted_text()

    def _connection(self, serial: str) -> socket.socket:
        try:
            if isinstance(self.address, str):
                connection = socket.socket(socket.AF_UNIX)
                connection.settimeout(CONNECT_LIMIT_S)
                connection.connect(self.address)
                return connection
            connection = socket.create_connection(self.address, CONNECT_LIMIT_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise ConnectionRefusedError(str(error)) from error
        except OSError as error:
            raise lost(
                serial, f"cannot connect to the adb server at {self.name}: {error}"
            ) from error
        return connection


class ServerTransport:
    """One phone of an adb server; each service has a separate connection."""

    def __init__(self, serial: str, server: AdbServer, *, io_limit_s: float = IO_LIMIT_S) -> None:
        self.serial = serial
        self.io_limit_s = io_limit_s
        self._server = server

    def open(self, service: str) -> Stream:
        """Returns a stream to an adb service.

        Raises:
            ServiceRefusedError: the phone does not offer it.
            DeviceError: the server does not know the phone, or may not use it.
            TransientDeviceError: the server or the phone is away now.
        """
        serial, chosen = self.serial, f"host:transport:{self.serial}"
        try:
            return self._server.ask(chosen, service, serial=serial, io_limit_s=self.io_limit_s)
        except ConnectionRefusedError as error:
            why = f"no adb server listens at {self._server.name} any more"
            raise lost(serial, why) from error
        except ServiceRefusedError as error:
            if error.facts["service"] == service:
                raise
            raise _unusable(serial, str(error.facts["answer"])) from error

    def features(self) -> tuple[str, ...]:
        """Returns the features of the phone's adb daemon that the server knows too."""
        request = f"host-serial:{self.serial}:features"
        try:
            stream = self._server.ask(request, serial=self.serial, io_limit_s=self.io_limit_s)
        except ConnectionRefusedError as error:
            why = f"no adb server listens at {self._server.name} any more"
            raise lost(self.serial, why) from error
        except ServiceRefusedError:
            return ()  # an old server
        with closing(stream):
            return tuple(filter(None, stream.counted_text().split(",")))

    def close(self) -> None:
        """Leaves the server as it is."""


class ServerStream:
    """A connection to the server, which becomes a stream to a service."""

    def __init__(self, connection: socket.socket, serial: str, io_limit_s: float) -> None:
        self._io_limit_s = io_limit_s
        self._socket = connection
        self._serial = serial

    def ask(self, request: str) -> None:
        """Sends a request of the smart socket and reads its answer.

        Raises:
            ServiceRefusedError: it answers FAIL; ``facts["answer"]`` has the reason.
            TransientDeviceError: it does not answer.
        """
        payload = request.encode("utf-8", "surrogateescape")
        # Four hex digits count the request, so a longer one cannot be sent.
        if len(payload) > 0xFFFF:
            raise ConfigurationError(
                f"{self._serial}: a command of {len(payload)} bytes is too long for an adb server",
                hint="push it as a script",
            )
        self.write(f"{len(payload):04x}".encode() + payload, self._io_limit_s)
        answer = self._read_exactly(4)
        if answer == b"OKAY":
            return
        if answer != b"FAIL":
            raise DeviceError(
                f"{self._serial}: what answers is not an adb server: {answer!r}",
                hint="check ANDROID_ADB_SERVER_PORT and ADB_SERVER_SOCKET",
            )
        why = self.counted_text()
        raise ServiceRefusedError(
            f"{self._serial}: the adb server refuses {request.partition(':')[0]}: {why}",
            hint="the phone's Android may be too old",
            serial=self._serial,
            service=request,
            answer=why,
        )

    def counted_text(self) -> str:
        """Returns a text that follows its length in four hex digits."""
        return self._read_exactly(int(self._read_exactly(4), 16)).decode(errors="backslashreplace")

    def read(self, timeout_s: float) -> bytes:
        """Returns what has arrived, at least one byte; empty once the service has ended."""
        return self._receive(_READ_BYTES, timeout_s)

    def is_readable(self) -> bool:
        """Returns whether ``read`` would return at once."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def write(self, content: bytes, timeout_s: float) -> None:
        """Sends all of ``content``."""
        unsent = memoryview(content)
        try:
            self._socket.settimeout(timeout_s)
            while unsent:
                unsent = unsent[self._socket.send(unsent) :]
        except TimeoutError as error:
            raise lost(self._serial, f"it took nothing for {timeout_s:g} s") from error
        except OSError as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def _read_exactly(self, size: int) -> bytes:
        received = bytearray()
        try:
            while len(received) < size:
                content = self._receive(size - len(received), self._io_limit_s)
                if not content:
                    raise lost(self._serial, "the adb server closed the connection")
                received += content
        except TimeoutError as error:
            raise lost(
                self._serial, f"the adb server did not answer for {self._io_limit_s:g} s"
            ) from error
        return bytes(received)

    def _lost(self, error: OSError) -> TransientDeviceError:
        return lost(self._serial, f"the adb server closed the connection: {error.strerror}")

    def _receive(self, size: int, timeout_s: float) -> bytes:
        try:
            self._socket.settimeout(max(timeout_s, 0.001))
            return self._socket.recv(size)
        except TimeoutError:
            raise
        except OSError as error:
            raise self._lost(error) from error


def unusable_state(serial: str, state: str) -> DeviceError:
    """Returns the error of a phone that the server lists but cannot use."""
    match state:
        case "unauthorized" | "authorizing":
            return DeviceError(
                f"{serial}: unauthorized: it does not know this machine's key",
                hint="unlock the phone and accept 'Allow USB debugging?', then run again",
                serial=serial,
            )
        case "offline" | "connecting":
            return TransientDeviceError(
                f"{serial}: the adb server lists it as {state}",
                # Debian 12's adb never reconnects a network phone.
                hint=_reconnect(serial),
                serial=serial,
            )
        case _:
            return DeviceError(
                f"{serial}: the adb server lists it as {state}",
                hint="see adb devices -l; udev rules give missing permissions",
                serial=serial,
            )


def is_wireless(serial: str) -> bool:
    """Returns whether a serial is of a phone that adb found on the network by itself (mDNS)."""
    return _WIRELESS.search(serial) is not None


def _reconnect(serial: str) -> str:
    if is_wireless(serial):
        return "check the network, then switch its Wireless debugging off and on"
    if ":" in serial:
        return f"check network and port, then: adb disconnect {serial}; adb connect {serial}"
    return "unplug it, plug it in again and unlock its screen"


def _unusable(serial: str, why: str) -> DeviceError:
    for state in ("unauthorized", "authorizing", "offline", "connecting"):
        if f"device {state}" in why or f"still {state}" in why:
            return unusable_state(serial, state)
    if "not found" in why:
        return lost(serial, "the adb server does not list it")
    return DeviceError(f"{serial}: the adb server answers: {why}", hint="see adb devices -l")


def _address(environ: Mapping[str, str]) -> tuple[str, int] | str:
    """Returns ``(host, port)``, or the path of a UNIX socket."""
    named = environ.get("ADB_SERVER_SOCKET")
    host = environ.get("ANDROID_ADB_SERVER_ADDRESS") or "127.0.0.1"
    port = environ.get("ANDROID_ADB_SERVER_PORT") or str(_PORT)
    if named:
        kind, _, rest = named.partition(":")
        if kind == "localfilesystem" and rest:
            return rest
        host, _, port = rest.rpartition(":")
        host = host or "127.0.0.1"
        if kind != "tcp":
            port = ""
    if not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise ConfigurationError(
            f"the environment gives no valid address of an adb server: {named or port}",
            hint="write ADB_SERVER_SOCKET=tcp:localhost:5037, or ANDROID_ADB_SERVER_PORT=5037",
        )
    return host, int(port)
