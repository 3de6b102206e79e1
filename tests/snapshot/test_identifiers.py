"""What identifies a phone or its user is in no text of a snapshot."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.snapshot.files import files_in
from bench.snapshot.identifiers import ERASED, cleaner_of, hashed
from bench.snapshot.keeping import as_kept, keep, shorten
from bench.snapshot.layout import Snapshot

SERIAL = "R58N12ABCDE"
SECRETS = {
    "ro.serialno": SERIAL,
    "ro.boot.serialno": SERIAL,
    "ril.serialnumber": "RF8M33XYZ1Q",
    "persist.radio.imei": "356938035643809",
    "ro.ril.miui.imei0": "356938035643810",
    "ro.boot.wifimacaddr": "a4:50:46:11:22:33",
    "persist.bluetooth.bdaddr": "A4-50-46-44-55-66",
    "net.hostname": "annas-phone-2019",
    "ro.boot.cpuid": "0x0000f1d2c3b4a596",
    "ro.ril.oem.psno": "77a1b2c3d4",
    "persist.sys.device_id": "ab12cd34ef56",
    "dhcp.wlan0.ipaddress": "192.168.178.23",
    "wifi.ssid": "Annas WLAN",
}
PERSONAL = {
    "gsm.operator.alpha": "Anna Telecom",
    "persist.sys.timezone": "Europe/Berlin",
    "ro.build.host": "annas-pc",
    "ro.build.user": "anna",
}
PUBLIC = {
    "ro.product.model": "SM-G973F",
    "ro.build.fingerprint": "samsung/beyond1/beyond1:12/SP1A.210812.016/G973F:user/release-keys",
    "ro.vendor.build.version.sdk": "31",
    "ro.hardware": "exynos9820",
    "init.svc.thermal-hal": "running",
}


def getprop(properties: dict[str, str]) -> str:
    return "".join(f"[{key}]: [{value}]\n" for key, value in sorted(properties.items()))


def clean(name: str, text: str) -> str:
    return keep(name, text, cleaner_of(SECRETS, "192.168.178.23:5555"))


def test_properties_keep_what_the_program_reads_and_no_identifier() -> None:
    kept = clean("getprop", getprop({**SECRETS, **PERSONAL, **PUBLIC}))
    assert kept == getprop(
        {**PUBLIC, "ro.serialno": hashed(SERIAL), "ro.boot.serialno": hashed(SERIAL)}
    )


@pytest.mark.parametrize("name", ["dumpsys-battery", "dumpsys-thermalservice", "toybox", "id"])
def test_no_identifier_is_left_in_other_texts(name: str) -> None:
    others = {
        "mail": "anna.mueller@example.org",
        "account": "Account {name=anna@example.com, type=com.google}",
        "ssid": 'mWifiInfo SSID: "Annas WLAN", BSSID: 00:11:22:aa:bb:cc',
        "mac": "wlan0 AA:BB:CC:00:11:22",
        "imei": "IMEI = 490154203237518",
        "iccid": "89490200001234567890",
        "address": "inet 10.0.0.17/24",
        "uuid": "boot 1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        "battery": "  Battery Serial Number: XJ99887766",
        "kernel": "Linux version 5.10 (anna@annas-pc) #1",
        "build": "ROM eng.anna.20200101.120000",
    }
    text = "\n".join([*others.values(), *SECRETS.values(), f"adb-{SERIAL}-x on usb"]) + "\n"
    kept = clean(name, text)
    secret = re.compile(
        r"mueller|anna|00:11|AA:BB|a4[:-]50|4901542|3569380|8949020|10\.0\.0|77a1b2"
        r"|192\.168|1b4e28ba|XJ9988|R58N|RF8M33|f1d2c3b4|ab12cd34",
        re.IGNORECASE,
    )
    assert secret.search(kept) is None, kept
    assert f"adb-{hashed(SERIAL)}-x on usb" in kept
    assert ERASED in kept
    assert clean(name, kept) == kept


def test_values_that_only_look_like_identifiers_stay() -> None:
    text = (
        "Temperature{mValue=35.900001525878906, mType=3, mName=skin}\n"
        "  Charge counter: -9223372036854775808\n"
        "android.hardware.thermal@2.0::IThermal\n"
    )
    assert clean("dumpsys-thermalservice", text) == text
    shared = getprop({"ro.serialno": "0123456789ABCDEF"})
    assert (
        keep("getprop", shared, cleaner_of({"ro.serialno": "0123456789ABCDEF"}, "0123456789ABCDEF"))
        == shared
    )


def test_of_the_power_service_only_lines_without_names_are_kept() -> None:
    text = (
        "POWER MANAGER (dumpsys power)\n"
        "\n"
        "Power Manager State:\n"
        "  mWakefulness=Awake\n"
        "  mBatteryLevel=83\n"
        "  mLastWakeReason=android.policy:com.whatsapp\n"
        "Wake Locks: size=1\n"
        "  PARTIAL_WAKE_LOCK '*job*/com.whatsapp/.Sync' ACQ=-2s (uid=10234 pid=99)\n"
        "Display Power: state=ON\n"
        "Failed to write while dumping service power: Broken pipe\n"
    )
    kept = clean("dumpsys-power", text)
    assert as_kept(Snapshot(commands={"dumpsys-power": text})).commands == {"dumpsys-power": kept}
    assert kept.splitlines() == [
        "POWER MANAGER (dumpsys power)",
        "",
        "Power Manager State:",
        "  mWakefulness=Awake",
        "  mBatteryLevel=83",
        "Wake Locks: size=1",
        "Display Power: state=ON",
        "Failed to write while dumping service power: Broken pipe",
    ]


def test_mounts_are_those_of_programs_without_paths_in_their_options() -> None:
    text = (
        "/dev/block/dm-4 on / type ext4 (ro,seclabel,relatime)\n"
        "/dev/block/dm-44 on /data type f2fs (rw,nosuid,fsync_mode=nobarrier,upperdir=/home/anna)\n"
        "/dev/fuse on /storage/A1B2-C3D4 type fuse (rw,user_id=0)\n"
        "tmpfs on /data_mirror/cur_profiles/com.whatsapp type tmpfs (rw)\n"
    )
    assert clean("mount", text) == (
        "/dev/block/dm-4 on / type ext4 (ro,seclabel,relatime)\n"
        "/dev/block/dm-44 on /data type f2fs (rw,nosuid,fsync_mode=nobarrier)\n"
    )


def test_a_long_text_keeps_whole_lines_of_both_ends() -> None:
    text = "".join(f"line {number}\n" for number in range(20_000))
    short = shorten(text, 10_000)
    assert len(short) < 10_000
    assert short.startswith("line 0\nline 1\n") and short.endswith("line 19998\nline 19999\n")
    assert "lines, is left out here" in short
    assert shorten(short, 10_000) == short


@given(st.text(alphabet="R58N12ABCDE \n[]:=", max_size=60))
def test_whatever_is_around_a_serial_it_is_not_left(around: str) -> None:
    text = f"{around}{SERIAL}{around}"
    assert SERIAL not in cleaner_of(SECRETS, SERIAL).clean(text)


def test_files_are_read_with_refusals_empty_ones_and_paths_with_colons() -> None:
    cpu = "/sys/devices/system/cpu"
    clocks = "".join(
        f"+ {cpu}/cpu{core}/cpufreq/{name}\n"
        for core in (4, 5)
        for name in ("related_cpus", "scaling_cur_freq", "stats/time_in_state")
    )
    answers = {
        "clocks": clocks
        + f"{cpu}/cpu4/cpufreq/related_cpus:4 5\n{cpu}/cpu5/cpufreq/related_cpus:4 5\n"
        + f"{cpu}/cpu4/cpufreq/scaling_cur_freq:900000\n"
        + f"{cpu}/cpu5/cpufreq/scaling_cur_freq:1800000\n"
        + f"grep: {cpu}/cpu4/cpufreq/scaling_boost_frequencies: No such file or directory\n",
        "rails": "+ /sys/bus/iio/devices/iio:device0/energy_value\n"
        "/sys/bus/iio/devices/iio:device0/energy_value:t=3\n"
        "/sys/bus/iio/devices/iio:device0/energy_value:CH0(T=3)[A:B], 5\n",
        "heat": "+ /sys/class/thermal/thermal_zone0/temp\n"
        "grep: /sys/class/thermal/thermal_zone0/temp: Permission denied\n"
        "grep: /sys/class/power_supply/*/type: Permission denied\n",
        "closed": "grep: /proc/pressure: ls: /proc/pressure: Permission denied\n",
    }
    found = files_in(answers)
    assert found.texts == {
        "/sys/bus/iio/devices/iio:device0/energy_value": "t=3\nCH0(T=3)[A:B], 5\n",
        f"{cpu}/cpu4/cpufreq/related_cpus": "4 5\n",
        f"{cpu}/cpu4/cpufreq/scaling_cur_freq": "900000\n",
        f"{cpu}/cpu4/cpufreq/stats/time_in_state": "",
        f"{cpu}/cpu5/cpufreq/related_cpus": "4 5\n",
        f"{cpu}/cpu5/cpufreq/scaling_cur_freq": "900000\n",
        f"{cpu}/cpu5/cpufreq/stats/time_in_state": "",
    }
    assert found.refused == {
        "/proc/pressure": "Permission denied",
        "/sys/class/thermal/thermal_zone0/temp": "Permission denied",
    }
