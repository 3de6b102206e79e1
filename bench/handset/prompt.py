"""The dialog "Allow USB debugging?", answered as the phone's user would."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from bench.core.errors import InfrastructureError

_ASKS = b"PK"
_PACKET_BYTES = 8_192
_AGAIN_S = 0.2


def answer(control: Path, *, allow: bool, limit_s: float) -> str:
    """Returns the public key that asked, once its questions were answered.

    A key asks once a connection, also for one that was given up meanwhile.

    Args:
        control: the socket by which adbd asks Android's framework.
        allow: whether the key may connect.
        limit_s: how long to wait for a key to ask.

    Raises:
        InfrastructureError: none asked, or there is no adbd.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as framework:
            framework.connect(str(control))
            key = _asked(framework, limit_s)
            again: str | None = key
            while again == key:
                framework.send(b"OK" if allow else b"NO")
                # Also lets adbd take the answer, which it drops with a connection that closes.
                again = _asked_more(framework)
            return key
    except TimeoutError as error:
        raise InfrastructureError(
            f"no key asked to be allowed within {limit_s:g} s",
            hint="connect with a key that the handset does not know, as adb connect does",
        ) from error
    except OSError as error:
        raise InfrastructureError(
            f"the handset's adb daemon cannot be asked: {error}",
            hint="see whether the handset runs: frill-bench handset list",
        ) from error


def _asked_more(framework: socket.socket) -> str | None:
    try:
        return _asked(framework, _AGAIN_S)
    except TimeoutError:
        return None


def _asked(framework: socket.socket, limit_s: float) -> str:
    """Returns the next key that asks."""
    deadline_s = time.monotonic() + limit_s
    packet = b""
    while not packet.startswith(_ASKS):
        framework.settimeout(max(0.001, deadline_s - time.monotonic()))
        packet = framework.recv(_PACKET_BYTES)
        if not packet:
            raise ConnectionResetError("it ended, or somebody else answers")
    return packet.removeprefix(_ASKS).rstrip(b"\0").decode(errors="replace")
