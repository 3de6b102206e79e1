"""Phones as an adb server lists them, one line each."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.answers import Answering

from bench.adb.lock import locked
from bench.adb.state.settings import restore_settings
from bench.adb.transport.serials import Found, Way, is_remote, list_phones, resolve, way_to
from bench.core.errors import DeviceError

CAPTURED = Path(__file__).parent.parent / "data/phone_captures/19-adb-devices-l.txt"
WIRELESS = "adb-SERIAL00000000-jr888A (2)._adb-tls-connect._tcp"
NO_PERMISSION = (
    "no permissions (missing udev rules? user is in the plugdev group); "
    "see [http://developer.android.com/tools/device.html]"
)


class SmartSocket:
    """Answers as an adb server does: a listing, and OKAY to each other request."""

    def __init__(self, listing: str) -> None:
        self.listing = listing
        self.requests: list[str] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.environ = {"ANDROID_ADB_SERVER_PORT": str(self.socket.getsockname()[1])}
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                while size := stream.read(4):
                    self.requests.append(stream.read(int(size, 16)).decode())
                    stream.write(b"OKAY")
                    if self.requests[-1] == "host:devices-l":
                        text = self.listing.encode()
                        stream.write(b"%04x" % len(text) + text)
                    stream.flush()


@pytest.fixture
def serving(request: pytest.FixtureRequest) -> Iterator[SmartSocket]:
    server = SmartSocket(request.param)
    with closing(server.socket):
        yield server


def listed(text: str) -> list[Found]:
    server = SmartSocket(text)
    with closing(server.socket):
        return [each for each in list_phones(server.environ) if each.way is Way.SERVER]


def test_the_captured_listings_are_read_whole() -> None:
    second = "adb-SERIAL0000-SERIAL (2)._adb-tls-connect._tcp"
    assert listed(CAPTURED.read_text()) == [
        Found(serial=WIRELESS, way=Way.SERVER, model="Pixel 7a"),
        Found(serial=second, way=Way.SERVER, model="Example Device"),
        Found(serial="SERIAL0000000000", way=Way.SERVER, model="SM N900"),
    ]


@pytest.mark.parametrize(
    ("line", "serial", "state", "model"),
    [
        (f"{WIRELESS}\tdevice", WIRELESS, "device", ""),
        (f"{WIRELESS} offline transport_id:3", WIRELESS, "offline", ""),
        (f"{WIRELESS} unauthorized usb:1-3 transport_id:3", WIRELESS, "unauthorized", ""),
        ("adb-R5-Xy (10)._adb._tcp. authorizing", "adb-R5-Xy (10)._adb._tcp.", "authorizing", ""),
        ("my device 2   device product:a model:B_C device:d", "my device 2", "device", "B C"),
        ("R58N                   device 3-1.2 product:a model:B", "R58N", "device", "B"),
        ("R58N                   device", "R58N", "device", ""),
        ("R58N\tdevice", "R58N", "device", ""),
        ("device                 device usb:1-3 model:X", "device", "device", "X"),
        ("(no serial number)     device usb:1-3", "(no serial number)", "device", ""),
        (f"????????????           {NO_PERMISSION} usb:1-3", "????????????", "no permissions", ""),
        (f"R58N {NO_PERMISSION} usb:1-3 transport_id:1", "R58N", "no permissions", ""),
        ("R58N\tno permissions", "R58N", "no permissions", ""),
        ("R58N no permissions; see [http://a/b]", "R58N", "no permissions", ""),
        ("10.0.0.7:5555          device product:x model:Y", "10.0.0.7:5555", "device", "Y"),
        ("[fe80::1%wlan0]:5555 connecting", "[fe80::1%wlan0]:5555", "connecting", ""),
        ("R58N recovery product:a", "R58N", "recovery", ""),
        ("R58N rescue", "R58N", "rescue", ""),
        ("adb-X (2)._adb._tcp sleepy model:Y", "adb-X (2)._adb._tcp", "sleepy", "Y"),
        ("R58N", "R58N", "unknown", ""),
    ],
)  # fmt: skip
def test_a_serial_ends_where_the_state_begins_not_at_the_first_blank(
    line: str, serial: str, state: str, model: str
) -> None:
    assert listed(f"{line}\n") == [Found(serial=serial, way=Way.SERVER, state=state, model=model)]


@pytest.mark.parametrize("serving", [CAPTURED.read_text()], indirect=True)
def test_a_phone_whose_serial_has_a_blank_is_selected_and_reached(serving: SmartSocket) -> None:
    [found] = resolve([WIRELESS], serving.environ)
    assert resolve([], {**serving.environ, "ANDROID_SERIAL": WIRELESS}) == [found]
    assert is_remote(found) and is_remote(Found(serial="adb-R58N-Xy._adb._tcp", way=Way.SERVER))
    way_to(found, serving.environ).open("sync:").close()
    assert serving.requests[-2:] == [f"host:transport:{WIRELESS}", "sync:"]


def test_the_files_of_a_serial_with_a_blank_have_plain_names(tmp_path: Path) -> None:
    with locked(WIRELESS, tmp_path):
        names = [path.name for path in tmp_path.iterdir()]
    assert all(set(" ()/:").isdisjoint(name) for name in names) and names
    assert restore_settings(Answering({}), folder=tmp_path) == ""


def test_a_wireless_phone_that_is_offline_is_not_asked_to_be_plugged_in() -> None:
    server = SmartSocket(f"{WIRELESS} offline transport_id:3\n")
    with closing(server.socket), pytest.raises(DeviceError, match="offline") as caught:
        resolve([WIRELESS], server.environ, settled_s=0.0)
    assert "Wireless debugging" in caught.value.hint
