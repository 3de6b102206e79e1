import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.patience import PATIENCE_S
from support.reach import content
from support.required import required

try:
    import usb1
except (ImportError, OSError):  # the package, or the library that it loads
    if required("usb"):
        raise
    pytest.skip("no libusb on this machine", allow_module_level=True)

from bench.adb.phone import Phone
from bench.adb.transport.direct import DirectTransport
from bench.adb.transport.usb import UsbLink, UsbPort
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError
from bench.handset.running import Running

PACKET_BYTES = 512
SERIAL = "R58M123456"


class Claimed:
    """A device whose interface no driver holds."""

    claimed: int | None = None

    def kernelDriverActive(self, interface: int) -> bool:  # noqa: N802
        return False

    def claimInterface(self, interface: int) -> None:  # noqa: N802
        self.claimed = interface


@dataclass
class Script(Claimed):
    """Transfers in order, each of which must be asked for; an error is raised."""

    reads: list[bytes | Exception] = field(default_factory=list)
    writes: list[int | Exception] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    closed: bool = False

    def bulkRead(self, endpoint: int, length: int, timeout: int = 0) -> bytes:  # noqa: N802
        assert endpoint == 0x81 and timeout > 0
        self.asked.append(length)
        given = self.reads.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    def bulkWrite(self, endpoint: int, data: bytes, timeout: int = 0) -> int:  # noqa: N802
        assert endpoint == 0x02 and timeout > 0
        given = self.writes.pop(0)
        if isinstance(given, Exception):
            raise given
        return min(given, len(data))

    def close(self) -> None:
        self.closed = True


class Cable(Claimed):
    """A cable to a handset's adb daemon, in packets of 512 bytes."""

    def __init__(self, serial: str) -> None:
        host, port = serial.split(":")
        self._socket = socket.create_connection((host, int(port)))
        self.empty = 0

    def bulkRead(self, endpoint: int, length: int, timeout: int = 0) -> bytes:  # noqa: N802
        assert length % PACKET_BYTES == 0
        self._socket.settimeout(timeout / 1000)
        try:
            return self._socket.recv(length)
        except TimeoutError:
            raise usb1.USBErrorTimeout from None

    def bulkWrite(self, endpoint: int, data: bytes, timeout: int = 0) -> int:  # noqa: N802
        self.empty += not data
        return self._socket.send(data)

    def close(self) -> None:
        self._socket.close()


def port(make: Callable[[], Claimed]) -> UsbPort:
    return UsbPort(
        device=SimpleNamespace(open=make),
        interface=0,
        serial=SERIAL,
        endpoints=(0x81, 0x02),
        packet_bytes=PACKET_BYTES,
    )


def linked(make: Callable[[], Claimed]) -> UsbLink:
    return UsbLink(SERIAL, lambda: [port(make)])


def opened(script: Script) -> UsbLink:
    link = linked(lambda: script)
    link.open(1.0)
    return link


def test_a_phone_on_a_cable_works_like_any_other(handset: Running, tmp_path: Path) -> None:
    cable = Cable(handset.serial)
    phone = Phone(DirectTransport(linked(lambda: cable), io_limit_s=PATIENCE_S))
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 8_000)
    phone.push(source, "/data/local/tmp/cable")
    assert content(phone, "/data/local/tmp/cable") == source.read_bytes()
    done = phone.shell("echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.exit_status) == (b"out\n", b"err\n", 3)
    phone.ask("rm /data/local/tmp/cable")
    assert phone.serial == SERIAL
    assert phone.transport.open(f"exec:: {'x' * (PACKET_BYTES - 8)}").read(2.0) == b""
    assert cable.empty == 1  # behind the one payload that filled its packets
    phone.close()


def test_whole_packets_are_asked_for_and_short_ones_are_taken() -> None:
    script = Script(reads=[b"", b"abc"])
    assert opened(script).receive(24, 1.0) == b"abc"
    assert script.asked == [PACKET_BYTES, PACKET_BYTES]
    assert opened(Script(writes=[5])).send(memoryview(b"12345678"), 1.0) == 5


def test_a_time_out_keeps_what_had_come() -> None:
    partial = usb1.USBErrorTimeout()
    partial.received = b"ab"
    link = opened(Script(reads=[partial, usb1.USBErrorTimeout()]))
    assert link.receive(24, 1.0) == b"ab"
    with pytest.raises(TimeoutError):
        link.receive(24, 1.0)
    with pytest.raises(TimeoutError):
        opened(Script(writes=[usb1.USBErrorTimeout()])).send(memoryview(b"1"), 1.0)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (usb1.USBErrorPipe(), "stalled"),
        (usb1.USBErrorNoDevice(), "cable was pulled"),
        (usb1.USBErrorIO(), "USB failed"),
    ],
)
def test_a_fault_of_the_cable_is_worth_another_try(fault: Exception, why: str) -> None:
    with pytest.raises(TransientDeviceError, match=why):
        opened(Script(reads=[fault])).receive(24, 1.0)
    with pytest.raises(TransientDeviceError, match=why):
        opened(Script(writes=[fault])).send(memoryview(b"1"), 1.0)


@pytest.mark.parametrize(
    ("fault", "hint"), [(usb1.USBErrorBusy(), "adb devices"), (usb1.USBErrorAccess(), "udev")]
)
def test_an_interface_that_cannot_be_had_is_explained(fault: Exception, hint: str) -> None:
    def refuse() -> Claimed:
        raise fault

    with pytest.raises(DeviceError) as caught:
        linked(refuse).open(1.0)
    assert hint in caught.value.hint


def test_an_unplugged_phone_ends_a_transfer_and_lets_go_of_the_port() -> None:
    script = Script(writes=[24, usb1.USBErrorNoDevice()])
    phone = Phone(DirectTransport(linked(lambda: script), io_limit_s=1.0))
    with pytest.raises(TransientDeviceError, match="cable was pulled"):
        phone.ask("true")
    assert script.closed and not script.writes


def test_a_cable_that_is_put_back_is_found_at_its_new_address(handset: Running) -> None:
    pulled = Script(reads=[usb1.USBErrorNoDevice()], writes=[PACKET_BYTES] * 2)
    plugged = [port(lambda: pulled)]
    phone = Phone(DirectTransport(UsbLink(SERIAL, lambda: plugged), io_limit_s=PATIENCE_S))
    with pytest.raises(TransientDeviceError, match="pulled"):
        phone.ask("true")
    plugged.clear()
    with pytest.raises(TransientDeviceError, match="not on USB"):
        phone.ask("true")
    plugged.append(port(lambda: Cable(handset.serial)))
    assert phone.ask("echo back") == "back"
    phone.close()
    with pytest.raises(ConfigurationError, match="gone from USB"):
        UsbLink("another", lambda: plugged)
