"""An adb server that lists a phone as wireless debugging does, where two announce one name."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from support.passing import pass_on

WIRELESS = "adb-SERIAL00000000-jr888A (2)._adb-tls-connect._tcp"


@contextmanager
def wireless_server(port: int, serial: str, shown: str = WIRELESS) -> Iterator[int]:
    """Yields the port of what passes on to the server at ``port``, and renames one phone.

    Args:
        serial: the one that the server has; other phones are not listed.
        shown: the one that is listed, and that the phone is asked for by.
    """
    names = _Names(port, serial, shown)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=names.accept, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


class _Names:
    """Renames a phone in what a client asks and in what it is answered."""

    def __init__(self, port: int, serial: str, shown: str) -> None:
        self.port = port
        self.serial = serial
        self.shown = shown

    def accept(self, listening: socket.socket) -> None:
        with suppress(OSError):  # closed at the end
            while True:
                client, _ = listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        own = socket.create_connection(("127.0.0.1", self.port))
        with client, own as server, suppress(OSError):
            request = _counted(client)
            server.sendall(_with_count(request.replace(self.shown, self.serial)))
            if request == "host:devices-l":
                self._list(server, client)
            back = threading.Thread(target=pass_on, args=(server, client), daemon=True)
            back.start()
            pass_on(client, server)
            back.join()

    def _list(self, server: socket.socket, client: socket.socket) -> None:
        status = server.recv(4, socket.MSG_WAITALL)
        lines = _counted(server).splitlines(keepends=True)
        own = [line.replace(self.serial, self.shown) for line in lines if self.serial in line]
        client.sendall(status + _with_count("".join(own)))


def _counted(source: socket.socket) -> str:
    count = source.recv(4, socket.MSG_WAITALL)
    if not count:
        raise ConnectionAbortedError
    return source.recv(int(count, 16), socket.MSG_WAITALL).decode()


def _with_count(text: str) -> bytes:
    return b"%04x" % len(text.encode()) + text.encode()
