import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.alone import keep_apart
from support.reach import Serving
from support.usb_debugging import authorise

from bench.adb.lock import locked
from bench.cli.main import main
from bench.core import config
from bench.handset.running import Running, boot
from bench.handset.tree import Tree
from device_profiles.device_profile import Profile

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps this machine's adb server, keys, profiles and handsets out of the tests."""
    keep_apart(monkeypatch, tmp_path)
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))


def test_without_any_phone_the_next_step_is_named(capsys: Captured) -> None:
    assert main(["devices"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "plug one in" in printed.err and "handset up" in printed.err
    assert main(["devices", "-s", "R58N"]) == 2
    assert "no phone 'R58N'" in capsys.readouterr().err


def test_a_phone_is_listed_with_what_it_is(handset: Running, capsys: Captured) -> None:
    assert main(["devices", "-s", handset.serial]) == 0
    table = capsys.readouterr().out
    for word in (handset.serial, "virtual", "Virtual Handset 1", "QTI SM8650", "4+3+1"):
        assert word in table
    assert main(["devices", "-s", handset.serial, "--json"]) == 0
    [listed] = json.loads(capsys.readouterr().out)["devices"]
    assert (listed["serial"], listed["way"], listed["state"]) == (handset.serial, "tcp", "device")
    assert listed["facts"]["serial"] == handset.name
    assert listed["trouble"] == ""


def test_phones_that_cannot_be_used_are_listed_with_what_to_do(
    secure_phone: Running, handset: Running, tmp_path: Path, capsys: Captured
) -> None:
    names = ["-s", secure_phone.serial, "-s", "127.9.9.9:1", "-s", handset.serial]
    with locked(handset.serial):
        assert main(["devices", "--json", *names]) == 0
    printed = capsys.readouterr()
    listed = json.loads(printed.out)["devices"]
    assert [each["facts"] for each in listed] == [None, None, None]
    assert listed[0]["state"] == "unauthorized"
    assert "unauthorized" in listed[0]["trouble"] and "doctor" in listed[0]["next_step"]
    assert "127.9.9.9:1" in listed[1]["trouble"]
    assert "is using it" in listed[2]["trouble"]
    for each in listed:
        assert each["trouble"] in printed.err and each["next_step"] in printed.err
    authorise(secure_phone, (tmp_path / ".android" / "adbkey.pub").read_text())
    assert main(["devices", "-s", secure_phone.serial]) == 0
    assert "Virtual Handset 1" in capsys.readouterr().out


def test_handsets_of_the_user_are_listed_without_being_named(
    phone_tree: Tree, tmp_path: Path, capsys: Captured
) -> None:
    cache = tmp_path / "cache" / "handset"  # as the verb finds it
    address = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}.251"
    with boot(phone_tree, name="mine", address=address, cache=cache) as running:
        assert main(["devices", "--json"]) == 0
        [listed] = json.loads(capsys.readouterr().out)["devices"]
        assert (listed["serial"], listed["facts"]["virtual"]) == (running.serial, True)
        assert main(["devices", "--json", "-s", "mine"]) == 0
        assert json.loads(capsys.readouterr().out)["devices"] == [listed]


def test_a_profile_is_captured_into_the_users_own(
    handset: Running, tmp_path: Path, capsys: Captured
) -> None:
    assert main(["devices", "-s", handset.serial, "--capture"]) == 0
    path = tmp_path / "profiles" / "virtual-handset-1.yaml"
    assert f"wrote {path}" in capsys.readouterr().err
    profile = config.load(path, Profile)
    assert (profile.name, profile.unverified) == ("Virtual Handset 1", False)
    assert [each.cores for each in profile.clusters] == [(0, 1, 2, 3), (4, 5, 6), (7,)]
    other = tmp_path / "other.yaml"
    assert main(["devices", "-s", handset.serial, "--capture", str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["captured"] == str(other)
    assert main(["devices", "-s", handset.serial, "--capture", str(other)]) == 2
    assert main(["devices", "--capture"]) == 2
    assert "name it: -s SERIAL" in capsys.readouterr().err


def test_what_an_adb_server_lists_is_reached_through_it(
    handset: Running,
    adb_server: Serving,
    connect: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    connect(handset.serial)
    port = adb_server.environ["ANDROID_ADB_SERVER_PORT"]
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    assert main(["devices", "--json"]) == 0
    [listed] = [
        each
        for each in json.loads(capsys.readouterr().out)["devices"]
        if each["serial"] == handset.serial
    ]
    assert (listed["way"], listed["facts"]["serial"]) == ("server", handset.name)
