"""Snapshots of real adb daemons in virtual handsets."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.alone import keep_apart
from support.old_server import old_server
from support.patience import PATIENCE_S, stretched
from support.reach import Boot, Serving, direct

from bench.adb.phone import Phone
from bench.adb.state.facts import read_facts
from bench.adb.transport.serials import Found, Way
from bench.adb.transport.server import AdbServer, ServerTransport
from bench.adb.transport.stream import Stream
from bench.cli.main import main
from bench.core.errors import ConfigurationError, DeviceError, ServiceRefusedError
from bench.flow.checks.snapshot import snapshot_phone
from bench.handset.running import Running
from bench.snapshot.commands import COMMANDS, settings_of
from bench.snapshot.identifiers import hashed
from bench.snapshot.layout import MAX_BYTES, Snapshot, differences
from bench.snapshot.take import take

Captured = pytest.CaptureFixture[str]
CPU = "/sys/devices/system/cpu"
# What a running kernel changes between two snapshots.
LIVE = ("files/proc/loadavg", "files/proc/meminfo", "files/proc/pressure", "files/proc/stat")
SECRETS = {
    "persist.radio.imei": "356938035643809",
    "ro.boot.wifimacaddr": "a4:50:46:11:22:33",
    "net.hostname": "annas-phone",
    "gsm.operator.alpha": "Anna Telecom",
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps this machine's adb server, keys and profiles out of the tests."""
    keep_apart(monkeypatch, tmp_path)


def texts_below(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}


def lasting(found: tuple[str, ...]) -> list[str]:
    return [each for each in found if not each.startswith(LIVE)]


def test_a_snapshot_has_what_the_phone_says_and_names_nobody(
    handset: Running, tmp_path: Path, capsys: Captured
) -> None:
    folder = tmp_path / "a" / "phone"
    command = ["devices", "-s", handset.serial, "--snapshot", str(folder)]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert f"snapshot of {handset.serial}: started" in printed.err
    assert printed.err.endswith(f"wrote {folder}\n")
    taken = Snapshot.load(folder)
    assert set(taken.commands) == set(COMMANDS)
    assert taken.exit_status == {"settaskprofile": 127}
    assert "[ro.product.model]: [Virtual Handset 1]\n" in taken.commands["getprop"]
    assert f"[ro.serialno]: [{hashed(handset.name)}]\n" in taken.commands["getprop"]
    assert "ro.handset" not in taken.commands["getprop"]
    assert "mName=skin-therm" in taken.commands["dumpsys-thermalservice"]
    assert "  mWakefulness=Awake\n" in taken.commands["dumpsys-power"]
    assert "set-fixed-performance-mode-enabled" in taken.commands["cmd-fixed-performance"]
    assert settings_of(taken.commands["settings"])["system/screen_off_timeout"] == "30000"
    assert taken.files[f"{CPU}/cpu7/cpufreq/cpuinfo_max_freq"] == "3187200\n"
    assert taken.files[f"{CPU}/cpu3/cpu_capacity"] == "325\n"
    assert taken.files["/sys/class/thermal/thermal_zone4/temp"] == "33500\n"
    assert taken.files["/proc/self/status"].startswith("Cpus_allowed_list:")
    assert "shell_v2" in taken.features
    texts = texts_below(folder)
    assert sum(map(len, texts.values())) < MAX_BYTES
    for text in texts.values():
        assert handset.name not in text and handset.serial not in text
    about = (folder / "SNAPSHOT.md").read_text()
    assert about.startswith("# Snapshot of Debian Virtual Handset 1, Android 14\n")
    assert "Is it safe to send?" in about and "handset up --replay" in about

    assert main([*command, "--json"]) == 0  # in place of the first
    assert json.loads(capsys.readouterr().out)["snapshot"] == str(folder)
    assert lasting(differences(taken, Snapshot.load(folder))) == []
    assert [path.name for path in folder.parent.iterdir()] == ["phone"]


def test_what_is_hidden_or_personal_on_a_phone_is_told_and_left_out(
    boot_phone: Boot, tmp_path: Path, capsys: Captured
) -> None:
    phone = boot_phone(properties={**SECRETS, "ro.build.version.sdk": ""})
    rail = "/sys/bus/iio/devices/iio:device0"
    phone.path(rail).mkdir(parents=True)
    phone.write(f"{rail}/energy_value", "t=3\nCH0(T=3)[S1M_VDD_CPU], 5\n")
    phone.write(f"{CPU}/cpufreq/policy4/scaling_boost_frequencies", "")
    phone.path("/sys/class/thermal").chmod(0o700)
    phone.path(f"{CPU}/cpufreq/policy7/scaling_max_freq").chmod(0o000)
    assert main(["doctor", "-s", phone.serial]) == 0
    asked = capsys.readouterr().err
    assert "it hides its Android version; send us what it prints: frill-bench devices" in asked
    assert f"-s {phone.serial} --snapshot DIR" in asked
    folder = tmp_path / "phone"
    assert main(["doctor", "-s", phone.serial, "--snapshot", str(folder)]) == 0
    assert f"wrote {folder}" in capsys.readouterr().err
    taken = Snapshot.load(folder)
    assert taken.files[f"{rail}/energy_value"] == "t=3\nCH0(T=3)[S1M_VDD_CPU], 5\n"
    for core in (4, 5, 6):
        assert taken.files[f"{CPU}/cpu{core}/cpufreq/scaling_boost_frequencies"] == ""
    if os.geteuid() == 0:  # else the handset's shell is root's, to whom nothing is closed
        assert taken.refused == {
            "/sys/class/thermal": "Permission denied",
            f"{CPU}/cpu7/cpufreq/scaling_max_freq": "Permission denied",
        }
        assert not [path for path in taken.files if path.startswith("/sys/class/thermal")]
    texts = texts_below(folder)
    for secret in (*SECRETS.values(), phone.name, phone.serial):
        assert not [path for path, text in texts.items() if secret in text]
    about = (folder / "SNAPSHOT.md").read_text()
    assert "- battery: ok: 83 %, charging, plugged: usb" in about


def test_taking_one_changes_nothing_on_the_phone(handset: Running) -> None:
    with closing(direct(handset.serial)) as phone:
        look = "settings list global; settings list system; ls /data/local/tmp /data/system/hs"
        before = phone.ask(look)
        take(phone)
        assert phone.ask(look) == before


def test_an_old_server_passes_all_commands_on(handset: Running, adb_server: Serving) -> None:
    adb_server.connect(handset.serial)
    with old_server(int(adb_server.environ["ANDROID_ADB_SERVER_PORT"])) as port:
        environ = {"ANDROID_ADB_SERVER_PORT": str(port)}
        phone = Phone(ServerTransport(handset.serial, AdbServer(environ)))
        taken = take(phone)
    assert set(taken.snapshot.commands) == set(COMMANDS)
    assert "shell_v2" in taken.snapshot.features


def test_what_hangs_is_left_out_and_named_and_what_is_refused_keeps_its_status(
    boot_phone: Boot,
) -> None:
    running = boot_phone()
    for name, lines in {
        "dumpsys": "[ $1 = thermalservice ] && exec sleep 60",
        "settings": "[ $1 = put ] && { echo java.lang.SecurityException >&2; exit 255; }",
    }.items():
        program = running.path(f"/product/bin/{name}")
        program.write_text(f'#!/system/bin/sh\n{lines}\nexec /system/bin/{name} "$@"\n')
        program.chmod(0o755)
    with closing(direct(running.serial, io_limit_s=PATIENCE_S)) as phone:
        taken = take(phone, limit_s=stretched(2.0))
        assert read_facts(phone).cores == tuple(range(8))
    assert taken.unanswered == ("dumpsys-thermalservice",)
    assert set(COMMANDS) - set(taken.snapshot.commands) == {"dumpsys-thermalservice"}
    assert taken.snapshot.commands["settings-put"] == "java.lang.SecurityException\n"
    assert taken.snapshot.exit_status["settings-put"] == 255


def test_a_phone_that_goes_away_leaves_nothing_behind(boot_phone: Boot, tmp_path: Path) -> None:
    running = boot_phone()
    found = Found(serial=running.serial, way=Way.TCP)

    def pull_the_cable(done: int, total: int) -> None:
        if done:
            running.write("/data/system/hs/no_respawn", "")
            running.kill_adbd()

    with pytest.raises(DeviceError, match=running.serial):
        snapshot_phone(
            found, tmp_path / "phone", on_prompt=lambda: None, on_progress=pull_the_cable
        )
    assert [path.name for path in tmp_path.iterdir() if "phone" in path.name] == []


class Closed:
    """A phone whose daemon offers no shell."""

    serial = "R58N"
    io_limit_s = 1.0

    def open(self, service: str) -> Stream:
        raise ServiceRefusedError(f"R58N: the phone refuses {service[:5]}", hint="too old?")

    def features(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        pass


def test_a_phone_that_refuses_commands_is_an_error() -> None:
    with pytest.raises(DeviceError, match="R58N: the phone refuses"):
        take(Phone(Closed()))


@pytest.fixture
def occupied(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    yield folder
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_a_folder_with_something_else_is_not_replaced(occupied: Path, capsys: Captured) -> None:
    for verb in ("devices", "doctor"):
        assert main([verb, "--snapshot", str(occupied)]) == 2
        assert "is not an earlier snapshot, so it is not replaced" in capsys.readouterr().err
    # Not even where it is beside a snapshot.
    Snapshot(program="1.0").save(occupied, "about")
    assert main(["devices", "--snapshot", str(occupied)]) == 2
    assert "thesis.txt: is not part of a snapshot" in capsys.readouterr().err


def test_without_one_phone_nothing_is_written(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "phone"
    assert main(["devices", "--snapshot", str(folder)]) == 2
    assert "--snapshot is for one phone, and 0 are usable" in capsys.readouterr().err
    assert not folder.exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="file"):
        snapshot_phone(
            Found(serial="R58N", way=Way.USB), tmp_path / "file" / "x", on_prompt=lambda: None
        )
