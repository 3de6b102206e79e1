"""Messages between this program and a process that runs a model: a JSON object, then float arrays.

Nothing else is read from that process, which a bad file may have damaged.
"""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.tflite.arrays import Floats

_LENGTH_BYTES = 8
_MOST_BYTES = 1 << 34  # of all arrays of one message


def send(channel: socket.socket, header: dict[str, Any], arrays: Sequence[Floats] = ()) -> None:
    """Sends one message.

    Args:
        header: of JSON's types.
        arrays: float32, of any shapes.

    Raises:
        OSError: nobody reads any more.
    """
    shapes = [list(array.shape) for array in arrays]
    text = json.dumps({**header, "shapes": shapes}).encode()
    channel.sendall(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
    for array in arrays:
        channel.sendall(_bytes_of(np.ascontiguousarray(array, np.float32)))


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[Floats]]:
    """Returns the next message: its object, and its arrays, float32.

    Raises:
        EOFError: the other side has ended, or sent anything else.
        OSError: as sockets do.
    """
    length = bytearray(_LENGTH_BYTES)
    _fill(channel, memoryview(length))
    size = int.from_bytes(length, "little")
    if size > _MOST_BYTES:
        raise EOFError("no message")
    text = bytearray(size)
    _fill(channel, memoryview(text))
    try:
        header: dict[str, Any] = json.loads(text)
        shapes = [tuple(map(int, shape)) for shape in header.pop("shapes")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EOFError("no message") from error
    if 4 * sum(math.prod(shape) for shape in shapes) > _MOST_BYTES:
        raise EOFError("too large a message")
    arrays: list[Floats] = [np.empty(shape, np.float32) for shape in shapes]
    for array in arrays:
        _fill(channel, _bytes_of(array))
    return header, arrays


def _fill(channel: socket.socket, view: memoryview) -> None:
    while view:
        count = channel.recv_into(view)
        if not count:
            raise EOFError("it has ended")
        view = view[count:]


def _bytes_of(array: Floats) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
