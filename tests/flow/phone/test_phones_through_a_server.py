"""The sweep again, through running adb servers: Google's of 2025 and Debian's of 2019."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support.old_server import old_server
from support.patience import PATIENCE_S
from support.phone_sweeps import QUICK, SUITE, TINY, Swept, Watch, stand_in, sweep, wanted
from support.reach import Boot, Serving
from support.usb_debugging import authorise

from bench.adb.transport.serials import Way, resolve
from bench.core.errors import DeviceError
from bench.handset.running import Running
from bench.measure.outcome import Measured


@pytest.fixture
def serving(server: Serving, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """Returns the server, as the one that this process finds."""
    for name, value in server.environ.items():
        if name.startswith("A"):
            monkeypatch.setenv(name, value)
    return server


def whole(swept: Swept, count: int) -> None:
    assert swept.lanes[0].error is None, swept.lanes[0].error
    done = [(each.case.key, each.ordinal) for each in swept.only]
    assert len(done) == len(set(done)) == count
    assert all(isinstance(each.outcome, Measured) for each in swept.only)


def test_the_official_tool_measures_through_a_server(
    serving: Serving, handset: Running, tmp_path: Path, official_binary: Path
) -> None:
    serving.connect(handset.serial)
    assert [found.way for found in resolve([handset.serial])] == [Way.SERVER]
    swept = sweep([handset.serial], wanted(official_binary), tmp_path / "db", way=Way.SERVER)
    assert len(swept.only) == 4
    assert all(each.telemetry.cores for each in swept.only)


def test_a_killed_adb_daemon_loses_and_doubles_nothing(
    serving: Serving, boot_phone: Boot, tmp_path: Path
) -> None:
    phone, watch = boot_phone(), Watch()
    serving.connect(phone.serial)

    def kill() -> None:
        watch.measured.wait(PATIENCE_S)
        phone.kill_adbd()
        # An old server never takes it back by itself: the user does what the hint says.
        while not any("adb disconnect" in line for line in watch.lines):
            time.sleep(0.05)
        serving.connect(phone.serial)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    suite = replace(SUITE, protocol=replace(QUICK, processes=4))
    what = wanted(stand_in(tmp_path, "sleep 0.1"), suite=suite, wait_s=PATIENCE_S)
    whole(sweep([phone.serial], what, tmp_path / "db", watch=watch, way=Way.SERVER), 8)
    assert "it is back" in watch.lines


def test_an_unauthorized_phone_is_explained_and_measured_once_it_knows_the_key(
    serving: Serving, secure_phone: Running, tmp_path: Path
) -> None:
    phone = secure_phone
    serving.adb("connect", phone.serial)
    with pytest.raises(DeviceError, match="unauthorized"):
        resolve([phone.serial])
    authorise(phone, (Path(serving.environ["HOME"]) / ".android" / "adbkey.pub").read_text())
    serving.adb("disconnect", phone.serial)
    serving.connect(phone.serial)
    what = wanted(stand_in(tmp_path))
    whole(sweep([phone.serial], what, tmp_path / "db", way=Way.SERVER), 4)


def test_a_phone_of_android_7_is_measured_through_a_server_of_its_time(
    adb_server: Serving, boot_phone: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, watch = boot_phone(properties={"ro.build.version.sdk": "25"}), Watch()
    for name, body in {
        "sha256sum": "exit 127",
        "pkill": 'case $1 in -9) exit 1;; esac\nexec /system/bin/pkill "$@"',
        "pgrep": "exit 127",
    }.items():
        command = phone.path("/product/bin") / name
        command.write_text(f"#!/system/bin/sh\n{body}\n")
        command.chmod(0o755)
    adb_server.connect(phone.serial)
    with old_server(int(adb_server.environ["ANDROID_ADB_SERVER_PORT"])) as port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        what = wanted(stand_in(tmp_path), TINY)
        whole(sweep([phone.serial], what, tmp_path / "db", watch=watch, way=Way.SERVER), 2)
    assert any("an interrupted run may still run" in line for line in watch.lines)
