"""An adb server of before 2017 (up to 8.0.0), which refuses long requests by hanging up."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from support.passing import pass_on

LARGEST_BYTES = 4096  # adb's MAX_PAYLOAD_V1


@contextmanager
def old_server(port: int) -> Iterator[int]:
    """Yields the port of what passes on to the server at ``port`` all that an old one takes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, port), daemon=True).start()
        yield listening.getsockname()[1]
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, port: int) -> None:
    with suppress(OSError):  # closed at the end
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_serve, args=(client, port), daemon=True).start()


def _serve(client: socket.socket, port: int) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server, suppress(OSError):
        request = _request(client)
        server.sendall(request)
        if b"host:transport" in request:
            client.sendall(server.recv(4, socket.MSG_WAITALL))
            server.sendall(_request(client))
        back = threading.Thread(target=pass_on, args=(server, client), daemon=True)
        back.start()
        pass_on(client, server)
        back.join()


def _request(client: socket.socket) -> bytes:
    count = client.recv(4, socket.MSG_WAITALL)
    if not count or int(count, 16) > LARGEST_BYTES:
        raise ConnectionAbortedError
    return count + client.recv(int(count, 16), socket.MSG_WAITALL)
