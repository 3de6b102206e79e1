import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.reach import Boot, Serving

from bench.adb.lock import locked
from bench.adb.phone import open_phone
from bench.adb.transport.serials import Found, Way, list_phones, resolve, way_to
from bench.adb.transport.server import AdbServer, ServerTransport
from bench.core.errors import ConfigurationError, TransientDeviceError
from bench.handset.running import Running


@pytest.fixture
def no_server(tmp_path: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return {"HOME": str(tmp_path), "ANDROID_ADB_SERVER_PORT": port}


def test_a_phone_on_the_network_needs_no_server(
    handset: Running, no_server: dict[str, str], tmp_path: Path
) -> None:
    [found] = resolve([handset.serial], no_server)
    assert (found.serial, found.way) == (handset.serial, Way.TCP)
    assert resolve([], {**no_server, "ANDROID_SERIAL": handset.serial}) == [found]
    with open_phone(found, no_server, locks=tmp_path) as phone:
        assert phone.ask("echo fine") == "fine"
    assert (tmp_path / ".android" / "adbkey").exists()


def test_without_any_phone_the_next_action_is_named(no_server: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="no phone is connected") as caught:
        resolve([], no_server)
    assert "-s" in caught.value.hint
    with pytest.raises(ConfigurationError, match="no phone 'R58'"):
        resolve(["R58"], no_server)


def test_what_the_server_lists_is_reached_through_it(
    server: Serving, handset: Running, boot_phone: Boot, tmp_path: Path
) -> None:
    server.connect(handset.serial)
    [found] = [each for each in list_phones(server.environ) if each.serial == handset.serial]
    assert (found.way, found.state) == (Way.SERVER, "device")
    second = boot_phone()
    server.connect(second.serial)
    with pytest.raises(ConfigurationError, match="phones are connected") as caught:
        resolve([], server.environ)
    assert handset.serial in caught.value.hint and second.serial in caught.value.hint
    with pytest.raises(ConfigurationError, match="did you mean") as caught:
        resolve([second.serial.replace(":5555", "")], server.environ)
    assert second.serial in caught.value.hint
    chosen = resolve([second.serial, handset.serial, second.serial], server.environ)
    assert [each.serial for each in chosen] == [second.serial, handset.serial]
    with open_phone(chosen[0], server.environ, locks=tmp_path) as phone:
        assert phone.ask("getprop ro.serialno") == second.name
    with pytest.raises(TransientDeviceError, match="does not list"):
        ServerTransport("nosuch", AdbServer(server.environ)).open("sync:")


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, ("127.0.0.1", 5037)),
        ({"ANDROID_ADB_SERVER_PORT": "7"}, ("127.0.0.1", 7)),
        ({"ANDROID_ADB_SERVER_ADDRESS": "lab", "ANDROID_ADB_SERVER_PORT": "7"}, ("lab", 7)),
        ({"ADB_SERVER_SOCKET": "tcp:lab:8", "ANDROID_ADB_SERVER_PORT": "7"}, ("lab", 8)),
        ({"ADB_SERVER_SOCKET": "tcp:8"}, ("127.0.0.1", 8)),
        ({"ADB_SERVER_SOCKET": "localfilesystem:/run/adb"}, "/run/adb"),
    ],
)
def test_the_server_is_where_adb_looks_for_it(
    environ: dict[str, str], address: tuple[str, int] | str
) -> None:
    assert AdbServer(environ).address == address


@pytest.mark.parametrize("named", ["tcp:lab:x", "vsock:1:2", "tcp:lab:99999", "nonsense"])
def test_an_address_of_no_server_is_refused(named: str) -> None:
    with pytest.raises(ConfigurationError, match="no valid address of an adb server"):
        AdbServer({"ADB_SERVER_SOCKET": named})


def test_no_server_is_ever_started(no_server: dict[str, str]) -> None:
    assert AdbServer(no_server).version() is None
    found = Found(serial="R58", way=Way.SERVER)
    with pytest.raises(TransientDeviceError, match="no adb server listens"):
        way_to(found, no_server).open("sync:")
    assert AdbServer(no_server).version() is None


HOLD = """
import sys, time
from pathlib import Path
from bench.adb.lock import locked
with locked("10.0.0.7:5555", Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_phone_has_one_user_until_that_process_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"held\n"
        with (
            pytest.raises(TransientDeviceError, match=f"process {user.pid} is using it"),
            locked("10.0.0.7:5555", tmp_path),
        ):
            pytest.fail("two users")
        with locked("10.0.0.8:5555", tmp_path):
            pass
        user.kill()
        user.wait(PATIENCE_S)
    with locked("10.0.0.7:5555", tmp_path):
        assert (tmp_path / "10.0.0.7_5555.lock.pid").read_text() == f"{os.getpid()}\n"
