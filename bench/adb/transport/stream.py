"""A stream to a service of a phone's adb daemon: the protocols that every transport implements."""

from __future__ import annotations

from typing import Protocol

from bench.core.errors import TransientDeviceError

CONNECT_LIMIT_S = 10.0
IO_LIMIT_S = 30.0


class Stream(Protocol):
    """An open service. A phone that goes away raises a ``TransientDeviceError`` at once."""

    def read(self, timeout_s: float) -> bytes:
        """Returns what has arrived, at least one byte; empty once the service has ended.

        Raises:
            TimeoutError: nothing arrived; the stream can still be used.
            TransientDeviceError: the phone is gone.
        """

    def is_readable(self) -> bool:
        """Returns whether ``read`` would return at once."""

    def write(self, content: bytes, timeout_s: float) -> None:
        """Sends all of ``content``.

        Raises:
            TransientDeviceError: the phone is gone, takes nothing, or ended the service.
        """

    def close(self) -> None:
        """Ends the service; may be called twice and never raises."""


class Transport(Protocol):
    """A connection to one phone, made when a service is opened, and again after it was lost.

    Attributes:
        serial: the one that adb knows the phone by.
        io_limit_s: how long the phone may be silent before it counts as lost.
    """

    serial: str
    io_limit_s: float

    def open(self, service: str) -> Stream:
        """Returns a stream to an adb service, such as ``sync:``.

        Raises:
            ServiceRefusedError: the phone does not offer it.
            DeviceError: the phone cannot be used, for example because it is unauthorized.
            TransientDeviceError: the phone is not connected, or does not answer.
        """

    def features(self) -> tuple[str, ...]:
        """Returns the features that the phone's adb daemon names; none if it names none.

        Raises:
            DeviceError: the phone cannot be used.
            TransientDeviceError: the phone is not connected, or does not answer.
        """

    def close(self) -> None:
        """Closes the connection."""


def lost(serial: str, what: str, **facts: object) -> TransientDeviceError:
    """Returns the error of a phone that went away."""
    return TransientDeviceError(
        f"{serial}: {what}",
        hint="check its cable or network, then run again: what was measured is kept",
        serial=serial,
        **facts,
    )


def is_taken(stream: Stream, content: bytes, timeout_s: float) -> bool:
    """Sends ``content``; returns false if the service ended before, with the reason to be read.

    Raises:
        TransientDeviceError: the phone is gone.
    """
    try:
        stream.write(content, timeout_s)
    except TransientDeviceError:
        if stream.is_readable():
            return False
        raise
    return True
