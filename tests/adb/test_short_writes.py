"""Links that take less than they are given, for real: a network of its own, and a full buffer."""

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from support.patience import PATIENCE_S
from support.reach import Boot, content
from support.required import required

from bench.adb.phone import Phone
from bench.adb.transport.direct import DirectTransport
from bench.adb.transport.link import TcpLink
from bench.handset.running import Running

CLONE_NEWNET = 0x40000000
LARGEST_BYTES = 2_000_000
NEAR, FAR = "10.77.0.1", "10.77.0.2"


class Counting(TcpLink):
    """A link that counts what it did not take."""

    short_writes = 0

    def send(self, content: memoryview, timeout_s: float) -> int:
        taken_bytes = super().send(content, timeout_s)
        self.short_writes += taken_bytes < len(content)
        return taken_bytes


class Tight(Counting):
    """A link whose system keeps little of what was not acknowledged yet."""

    def open(self, timeout_s: float) -> None:
        super().open(timeout_s)
        assert self._socket is not None
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def bad_files(link: Counting, folder: Path, count: int) -> int:
    """Returns how many of ``count`` files, pushed and read back, came back as others."""
    draw = np.random.default_rng(11)
    source = folder / "source"
    phone = Phone(DirectTransport(link, io_limit_s=PATIENCE_S))
    bad = 0
    for number in range(count):
        # Most are small; the smallest and the largest that there may be are among them.
        size_bytes = [0, LARGEST_BYTES, int(LARGEST_BYTES * draw.random() ** 3)][min(number, 2)]
        source.write_bytes(draw.bytes(size_bytes))
        phone.push(source, "/data/local/tmp/file")
        bad += content(phone, "/data/local/tmp/file") != source.read_bytes()
        if number % 10 == 1:
            phone.close()  # a new connection takes little at first
    phone.close()
    return bad


def test_a_full_buffer_loses_nothing(handset: Running, tmp_path: Path) -> None:
    host, port = handset.serial.split(":")
    link = Tight(host, int(port))
    assert bad_files(link, tmp_path, 5) == 0
    assert link.short_writes > 20


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def leave_network() -> int:
    """Puts the calling thread into a network of its own; returns its thread id."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    thread = int(libc.gettid())
    ip("link", "set", "lo", "up")
    return thread


@pytest.fixture
def two_networks() -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor]]:
    """Yields two threads, each in a network of its own, with a cable between them."""
    with ExitStack() as stack:
        near, far = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        try:
            near.submit(leave_network).result()
            thread = far.submit(leave_network).result()
            veth = ("link", "add", "cable", "type", "veth", "peer", "name", "cable")
            near.submit(ip, *veth, "netns", str(thread)).result()
            for each, address in ((near, NEAR), (far, FAR)):
                each.submit(ip, "addr", "add", f"{address}/30", "dev", "cable").result()
                each.submit(ip, "link", "set", "cable", "up").result()
        except (OSError, subprocess.CalledProcessError) as error:
            if required("handset"):
                raise
            pytest.skip(f"this machine makes no networks for us: {error}")
        yield near, far


def test_two_hundred_random_files_come_back_over_a_cable_between_two_networks(
    two_networks: tuple[ThreadPoolExecutor, ThreadPoolExecutor], boot_phone: Boot, tmp_path: Path
) -> None:
    near, far = two_networks
    asked = {"properties": {"ro.handset.bind": "0.0.0.0"}}  # noqa: S104  # of a network of its own
    handset = far.submit(lambda: boot_phone(**asked)).result()
    link = Counting(FAR, handset.record.handset.port)
    assert near.submit(bad_files, link, tmp_path, 200).result() == 0
    assert link.short_writes > 5
