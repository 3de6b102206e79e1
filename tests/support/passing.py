"""What stands between a client and a server and passes on all that they send."""

import socket
from contextlib import suppress


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Sends what arrives at one socket to another until it ends, and ends both."""
    with suppress(OSError):
        while content := source.recv(1 << 16):
            target.sendall(content)
    for side in (source, target):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
