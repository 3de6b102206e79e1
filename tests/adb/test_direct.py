import time
from contextlib import closing
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.reach import content, direct

from bench.adb.phone import Phone
from bench.adb.transport.direct import DirectTransport
from bench.adb.transport.link import TcpLink
from bench.core.errors import DeviceError
from bench.handset.running import Running


class Crumbs(TcpLink):
    """A network that takes and gives little at once, and nothing every so often."""

    calls = 0

    def send(self, content: memoryview, timeout_s: float) -> int:
        return super().send(content[:8_111], timeout_s)

    def receive(self, size: int, timeout_s: float) -> bytes:
        self.calls += 1
        return super().receive(min(size, 13 if self.calls % 2 else 7_001), timeout_s)


def crumbs(handset: Running) -> Phone:
    host, port = handset.serial.split(":")
    return Phone(DirectTransport(Crumbs(host, int(port)), io_limit_s=PATIENCE_S))


def test_short_writes_and_short_reads_lose_nothing(handset: Running, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 12_000)
    phone = crumbs(handset)
    phone.push(source, "/data/local/tmp/crumbs")
    assert content(phone, "/data/local/tmp/crumbs") == source.read_bytes()
    phone.ask("rm /data/local/tmp/crumbs")
    phone.close()


class Stuttering(TcpLink):
    """A network that stands still in the middle of a packet, once it is told to."""

    stutters = 0

    def receive(self, size: int, timeout_s: float) -> bytes:
        if self.stutters and size < 24:
            self.stutters -= 1
            raise TimeoutError
        return super().receive(min(size, 10), timeout_s)


def test_a_time_out_in_the_middle_of_a_packet_does_not_lose_the_place(handset: Running) -> None:
    host, port = handset.serial.split(":")
    link = Stuttering(host, int(port))
    transport = DirectTransport(link, io_limit_s=PATIENCE_S)
    with closing(transport.open("exec:sleep 0.2; echo whole")) as stream:
        link.stutters = 1
        with pytest.raises(TimeoutError):
            stream.read(2.0)
        assert stream.read(PATIENCE_S) == b"whole\n"
        assert stream.read(PATIENCE_S) == b""
    transport.close()


def test_two_services_at_once_keep_apart(handset: Running) -> None:
    phone = direct(handset.serial)
    with (
        closing(phone.transport.open("exec:sleep 0.1; echo one")) as one,
        closing(phone.transport.open("exec:echo two")) as two,
    ):
        assert one.read(PATIENCE_S) == b"one\n"
        assert one.read(PATIENCE_S) == b""
        assert two.read(PATIENCE_S) == b"two\n"
        assert two.read(PATIENCE_S) == b""
    phone.close()


def test_a_service_that_the_phone_refuses_is_refused_at_once(handset: Running) -> None:
    phone = direct(handset.serial)
    started_s = time.monotonic()
    with pytest.raises(DeviceError, match="refuses nosuch"):
        phone.transport.open("nosuch:")
    assert time.monotonic() - started_s < PATIENCE_S
    assert phone.ask("echo fine") == "fine"
    phone.close()
