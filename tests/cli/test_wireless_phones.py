"""Whole verbs on a phone whose serial has a blank, through a server that takes 4,096 bytes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.old_server import old_server
from support.phone_sweeps import TINY, stand_in
from support.reach import Boot, Serving
from support.wireless_server import WIRELESS, wireless_server

from bench.cli.main import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def listed(
    boot_phone: Boot,
    adb_server: Serving,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[str]:
    """Yields the serial of the gallery's wireless phone, the only one that the server lists."""
    for name in ("ADB_SERVER_SOCKET", "ANDROID_SERIAL", "ADB_VENDOR_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FRILL_BENCH_STATE", str(tmp_path / "state"))
    phone = boot_phone(replay="wireless")
    adb_server.connect(phone.serial)
    server = int(adb_server.environ["ANDROID_ADB_SERVER_PORT"])
    with wireless_server(server, phone.serial) as named, old_server(named) as port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        yield WIRELESS


def test_a_wireless_phone_is_listed_examined_and_measured_by_its_whole_serial(
    listed: str, tmp_path: Path, capsys: Captured
) -> None:
    assert main(["devices", "--json", "-s", listed]) == 0
    [found] = json.loads(capsys.readouterr().out)["devices"]
    assert (found["serial"], found["way"], found["trouble"]) == (listed, "server", "")
    assert found["facts"]["model"] == "Pixel 7a"
    assert main(["doctor", "--json", "-s", listed]) == 0
    [phone] = json.loads(capsys.readouterr().out)["phones"]
    levels = {each["check"]: each["level"] for each in phone["findings"]}
    assert levels["phone"] == levels["heat"] == levels["battery"] == "ok"
    tool, database = stand_in(tmp_path), str(tmp_path / "db")
    words = ["--benchmark-binary", str(tool), "--processes", "2", "--no-check", "--no-conventional"]
    command = ["run", "-s", listed, "--model", str(TINY), "--db", database, "--json", *words]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    [session] = document["sessions"]
    assert session["device"]["serial"] == found["facts"]["serial"]
    [case] = session["cases"]
    assert (case["failed"], case["processes"]) == (0, 2)
    assert document["errors"] == []


def test_the_only_phone_that_is_listed_needs_no_serial(listed: str, capsys: Captured) -> None:
    assert main(["devices"]) == 0
    printed = capsys.readouterr()
    assert "Pixel 7a" in printed.out
    assert WIRELESS.split()[0] in printed.out
    assert printed.err == ""
