"""Ways to a handset for tests."""

from collections.abc import Callable
from typing import Any

from bench.adb.direct import DirectTransport
from bench.adb.link import TcpLink
from bench.adb.phone import Phone
from bench.handset.running import Running

IO_LIMIT_S = 2.0
Boot = Callable[..., Running]
Reach = Callable[[str], Phone]


def direct(serial: str, **asked: Any) -> Phone:
    host, port = serial.split(":")
    given = {"io_limit_s": IO_LIMIT_S, **asked}
    return Phone(DirectTransport(TcpLink(host, int(port)), **given))
