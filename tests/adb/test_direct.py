import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from reach import Boot, direct

from bench.adb.direct import DirectTransport
from bench.adb.keys import Key, make_key
from bench.adb.link import TcpLink
from bench.adb.phone import Phone
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError
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
    return Phone(DirectTransport(Crumbs(host, int(port)), io_limit_s=5.0))


def test_short_writes_and_short_reads_lose_nothing(handset: Running, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(bytes(range(256)) * 12_000)
    phone = crumbs(handset)
    phone.push(source, "/data/local/tmp/crumbs")
    phone.pull("/data/local/tmp/crumbs", back)
    phone.ask("rm /data/local/tmp/crumbs")
    phone.close()
    assert back.read_bytes() == source.read_bytes()


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
    transport = DirectTransport(link, io_limit_s=5.0)
    with transport.open("exec:sleep 0.2; echo whole") as stream:
        link.stutters = 1
        with pytest.raises(TimeoutError):
            stream.read(2.0)
        assert stream.read(2.0) == b"whole\n"
        assert stream.read(2.0) == b""
    transport.close()


def test_two_services_at_once_keep_apart(handset: Running) -> None:
    phone = direct(handset.serial)
    with (
        phone.transport.open("exec:sleep 0.1; echo one") as one,
        phone.transport.open("exec:echo two") as two,
    ):
        assert one.read(2.0) == b"one\n"
        assert one.read(2.0) == b""
        assert two.read(2.0) == b"two\n"
        assert two.read(2.0) == b""
    phone.close()


def test_a_service_that_the_phone_refuses_is_refused_at_once(handset: Running) -> None:
    phone = direct(handset.serial)
    started_s = time.monotonic()
    with pytest.raises(DeviceError, match="refuses nosuch"):
        phone.transport.open("nosuch:")
    assert time.monotonic() - started_s < 0.5
    assert phone.ask("echo fine") == "fine"
    phone.close()


def test_a_frozen_phone_times_out_and_is_fine_when_it_thaws(boot_phone: Boot) -> None:
    handset = boot_phone()
    phone = direct(handset.serial, io_limit_s=0.5)
    phone.ask("true")
    handset.kill_adbd(signal.SIGSTOP)
    started_s = time.monotonic()
    with pytest.raises(TransientDeviceError, match="did not answer"):
        phone.ask("true")
    with pytest.raises(TransientDeviceError):
        direct(handset.serial, connect_limit_s=0.5).ask("true")
    assert time.monotonic() - started_s < 3.0
    handset.kill_adbd(signal.SIGCONT)
    phone.wait(5.0)
    assert phone.ask("echo fine") == "fine"
    phone.close()


def test_an_unknown_key_is_explained_and_a_known_one_works(
    boot_phone: Boot, tmp_path: Path
) -> None:
    handset = boot_phone(secure=True)
    make_key(tmp_path / "adbkey")
    key = Key(tmp_path / "adbkey")
    prompts: list[bool] = []
    unknown = direct(
        handset.serial, keys=[key], prompt_limit_s=0.5, on_prompt=lambda: prompts.append(True)
    )
    with pytest.raises(DeviceError, match="unauthorized") as caught:
        unknown.ask("true")
    assert not isinstance(caught.value, TransientDeviceError)
    assert "Allow USB debugging" in caught.value.hint
    assert prompts == [True]
    with pytest.raises(DeviceError, match="none was given"):
        direct(handset.serial).ask("true")
    handset.authorise((tmp_path / "adbkey.pub").read_text())
    assert unknown.ask("echo fine") == "fine"
    unknown.close()


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Yields ``host:port`` of something that is no phone."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            # Who is not understood is hung up on.
            with connection, suppress(ConnectionError):
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(5.0)


def says(answer: bytes) -> Callable[[socket.socket], None]:
    def spoken(connection: socket.socket) -> None:
        connection.recv(24)
        connection.sendall(answer)
        while connection.recv(1 << 16):
            pass

    return spoken


PAIRING = b"STLS" + b"\0\0\0\1" + b"\0" * 12 + bytes(0xFF ^ byte for byte in b"STLS")


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), DeviceError, "no adb daemon"),
        (says(bytes(range(200))), DeviceError, "no adb daemon"),
        (says(PAIRING), DeviceError, "pairing"),
        (says(b""), TransientDeviceError, "no adb daemon answered"),
        (lambda connection: None, TransientDeviceError, "closed the connection|broke"),
    ],
    ids=["http", "garbage", "pairing", "silent", "closes"],
)
def test_what_is_no_phone_is_told_apart(
    answer: Callable[[socket.socket], None], kind: type[DeviceError], why: str
) -> None:
    with listening(answer) as serial:
        phone = direct(serial, connect_limit_s=0.5)
        started_s = time.monotonic()
        with pytest.raises(DeviceError, match=why) as caught:
            phone.ask("true")
        assert time.monotonic() - started_s < 1.5
        assert type(caught.value) is kind
        phone.close()


def test_a_closed_port_and_an_unknown_host_are_told_apart() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(TransientDeviceError, match="refused"):
            direct(f"127.0.0.1:{probe.getsockname()[1]}").ask("true")
    with pytest.raises(ConfigurationError, match="no such host"):
        direct("no-such-host.invalid:5555").ask("true")
