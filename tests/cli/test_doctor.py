import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.alone import keep_apart
from support.reach import Boot, Serving, direct

from bench.adb.transport.keys import make_key
from bench.cli.main import main
from bench.flow.checks.machine import Finding, examine_machine, note, ok, problem, warning
from bench.flow.checks.phone import Verdict, worth
from bench.handset.running import Running

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps this machine's adb server, keys and profiles out of the tests."""
    keep_apart(monkeypatch, tmp_path)


def examined(capsys: Captured, serial: str, status: int) -> tuple[dict[str, Any], dict[str, Any]]:
    assert main(["doctor", "--json", "-s", serial]) == status
    [phone] = json.loads(capsys.readouterr().out)["phones"]
    return {each["check"]: each for each in phone["findings"]}, phone


def test_a_phone_in_good_order_has_no_problem(handset: Running, capsys: Captured) -> None:
    found, phone = examined(capsys, handset.serial, 0)
    assert found["phone"]["found"] == "Debian Virtual Handset 1 QTI SM8650, over tcp"
    for check in ("Android", "ABI", "page size", "delegates", "taskset", "clocks", "battery"):
        assert found[check]["level"] == "ok", found[check]
    assert phone["worth"] == {
        "verdict": "not usable",
        "because": ["a virtual handset is not a phone"],
    }
    assert phone["state"]["battery_level_percent"]["value"] == 83
    assert main(["doctor", "-s", handset.serial]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith(
        "numbers measured now are not usable: a virtual handset is not a phone\n"
    )
    assert "this machine" in printed and "schedutil; none is capped" in printed


def test_what_spoils_numbers_is_found_with_the_next_step(
    boot_phone: Boot, capsys: Captured
) -> None:
    running = boot_phone(properties={"ro.product.cpu.abilist": "armeabi-v7a"})
    running.write("/data/system/hs/wakefulness", "Dozing")
    running.write("/sys/class/thermal/thermal_zone4/temp", "44000")
    running.write("/sys/class/power_supply/battery/capacity", "9")
    running.write("/sys/devices/system/cpu/cpu7/cpufreq/scaling_max_freq", "1800000")
    with closing(direct(running.serial)) as phone:
        phone.ask("settings put global low_power 1")
    found, _ = examined(capsys, running.serial, 3)
    levels = {check: each["level"] for check, each in found.items()}
    assert levels["ABI"] == levels["clocks"] == levels["screen"] == "warning"
    assert levels["heat"] == levels["battery"] == levels["battery saver"] == "problem"
    assert "cores 7 may reach 1800 MHz of 3187 MHz" in found["clocks"]["found"]
    assert "status moderate" in found["heat"]["found"]
    for check in ("clocks", "screen", "heat", "battery", "battery saver"):
        assert found[check]["next_step"]
    with closing(direct(running.serial)) as phone:
        phone.ask("cmd thermalservice override-status 0")
    found, _ = examined(capsys, running.serial, 3)
    assert "set by hand" in found["heat"]["found"]


def test_a_phone_that_run_would_wait_for_is_not_ok_for_doctor(
    boot_phone: Boot, capsys: Captured
) -> None:
    running = boot_phone()
    running.write("/sys/class/thermal/thermal_zone4/temp", "38000")
    running.write("/sys/class/power_supply/battery/temp", "330")
    found, _ = examined(capsys, running.serial, 3)
    assert found["heat"]["level"] == "problem"
    assert "skin at 38.0 °C, above 37 °C" in found["heat"]["found"]


def test_a_phone_that_does_not_answer_is_a_problem(capsys: Captured) -> None:
    found, phone = examined(capsys, "127.9.9.9:1", 3)
    assert list(found) == ["connection"]
    assert "127.9.9.9:1" in found["connection"]["found"]
    assert phone["facts"] is None
    assert phone["worth"]["verdict"] == "not usable"


def test_without_any_phone_this_machine_is_examined(capsys: Captured) -> None:
    assert main(["doctor"]) == 0
    printed = capsys.readouterr()
    assert "adb server" in printed.out
    assert "no phone is connected" in printed.err


def machine(**environ: str) -> dict[str, Finding]:
    return {each.check: each for each in examine_machine({"PATH": "", **environ})}


def program(folder: Path, version: int) -> str:
    folder.mkdir(parents=True)
    adb = folder / "adb"
    adb.write_text(f"#!/bin/sh\necho Android Debug Bridge version 1.0.{version}\n")
    adb.chmod(0o755)
    return str(folder)


def test_adb_programs_that_would_kill_each_others_server_are_named(tmp_path: Path) -> None:
    first, second = program(tmp_path / "a", 41), program(tmp_path / "b", 39)
    third = program(tmp_path / "sdk" / "platform-tools", 41)
    nowhere = {"HOME": str(tmp_path), "ANDROID_ADB_SERVER_PORT": "1"}
    clash = machine(PATH=os.pathsep.join([first, second]), **nowhere)["adb programs"]
    assert clash.level == "warning"
    assert f"{first}/adb (41); {second}/adb (39)" in clash.found
    agreed = machine(PATH=first, ANDROID_HOME=str(tmp_path / "sdk"), **nowhere)["adb programs"]
    assert (agreed.level, agreed.found) == ("ok", f"{first}/adb (41); {third}/adb (41)")
    assert machine(**nowhere)["adb programs"].level == "note"


def test_a_key_that_others_can_read_or_that_is_not_a_key_is_found(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "ANDROID_ADB_SERVER_PORT": "1"}
    assert machine(**environ)["key"].level == "note"
    key = tmp_path / ".android" / "adbkey"
    assert not key.exists()
    make_key(key)
    assert machine(**environ)["key"].level == "ok"
    key.chmod(0o644)
    assert machine(**environ)["key"].next_step == f"chmod 600 {key}"
    key.write_text("no key")
    assert machine(**environ)["key"].level == "problem"


@pytest.mark.handset
def test_the_version_of_a_running_server_is_asked_and_nothing_is_touched(
    adb_server: Serving, tmp_path: Path
) -> None:
    environ = {**adb_server.environ, "PATH": program(tmp_path / "old", 32)}
    found = machine(**environ)
    assert (found["adb server"].level, found["wireless"].level) == ("ok", "ok")
    assert "version 41 runs at 127.0.0.1:" in found["adb server"].found
    assert found["adb programs"].level == "warning"
    assert "the server that runs: 41" in found["adb programs"].found
    wrong = machine(**{**environ, "ADB_SERVER_SOCKET": "vsock:1:2"})["adb server"]
    assert (wrong.level, wrong.check) == ("problem", "adb server")


def test_what_numbers_are_worth_follows_from_the_findings() -> None:
    good, doubt, bad = [ok("a", ""), note("b", "")], warning("c", ""), problem("d", "")
    assert worth(good, virtual=False).verdict is Verdict.GOOD
    assert worth([*good, doubt], virtual=False).because == ("c",)
    assert worth([*good, doubt], virtual=False).verdict is Verdict.WITH_CAVEATS
    assert worth([doubt, bad], virtual=False).because == ("d",)
    assert worth(good, virtual=True).verdict is Verdict.NOT_USABLE
