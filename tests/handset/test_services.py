"""The stand-ins for Android's services: their lines are those of Android 10 to 15."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from support.reach import Boot, direct

from bench.adb.phone import Phone
from bench.core.errors import ConfigurationError
from bench.handset.running import Running

ZONES = "/sys/class/thermal/thermal_zone"
Booted = tuple[Running, Phone]


@pytest.fixture
def booted(boot_phone: Boot) -> Iterator[Callable[..., Booted]]:
    opened: list[Phone] = []

    def boot(**properties: str) -> Booted:
        given = {f"ro.{key.replace('__', '.')}": value for key, value in properties.items()}
        running = boot_phone(properties=given)
        opened.append(direct(running.serial))
        return running, opened[-1]

    yield boot
    for each in opened:
        each.close()


@pytest.fixture
def asking(handset: Running) -> Iterator[Phone]:
    with closing(direct(handset.serial)) as phone:
        yield phone


def section(told: str, title: str) -> list[str]:
    """Returns the indented lines below a title."""
    lines = iter(told.splitlines())
    for line in lines:
        if line == title:
            break
    found = []
    for line in lines:
        if not line.startswith("\t"):
            break
        found.append(line.strip())
    return found


def test_the_thermal_service_prints_all_that_androids_does(asking: Phone) -> None:
    told = asking.ask("dumpsys thermalservice")
    titles = [line for line in told.splitlines() if not line.startswith("\t")]
    assert titles == [
        "IsStatusOverride: false",
        "ThermalEventListeners:",
        "ThermalStatusListeners:",
        "Thermal Status: 0",
        "Cached temperatures:",
        "HAL Ready: true",
        "HAL connection:",
        "Current temperatures from HAL:",
        "Current cooling devices from HAL:",
        "Temperature static thresholds from HAL:",
    ]
    temperatures = [
        "Temperature{mValue=41.2, mType=0, mName=cpu-0-0, mStatus=0}",
        "Temperature{mValue=43.9, mType=0, mName=cpu-1-0, mStatus=0}",
        "Temperature{mValue=39.0, mType=1, mName=gpuss-0, mStatus=0}",
        "Temperature{mValue=28.1, mType=2, mName=battery, mStatus=0}",
        "Temperature{mValue=33.5, mType=3, mName=skin-therm, mStatus=0}",
    ]
    assert section(told, "Current temperatures from HAL:") == temperatures
    assert section(told, "Cached temperatures:") == temperatures
    assert section(told, "HAL connection:") == ["ThermalHAL AIDL 1  connected: yes"]
    assert section(told, "Current cooling devices from HAL:") == [
        f"CoolingDevice{{mValue=0, mType=2, mName=thermal-cpufreq-{index}}}" for index in range(3)
    ]
    assert section(told, "Temperature static thresholds from HAL:")[-1] == (
        "TemperatureThreshold{mType=3, mName=skin-therm, mHotThrottlingThresholds="
        "[NaN, 39.0, 43.0, 45.0, 46.5, 52.0, 55.0], mColdThrottlingThresholds="
        "[NaN, NaN, NaN, NaN, NaN, NaN, NaN]}"
    )


def test_the_skin_gives_the_thermal_status_and_only_a_change_of_it_is_cached(
    booted: Callable[..., Booted],
) -> None:
    running, phone = booted()
    phone.ask("dumpsys thermalservice")
    running.write(f"{ZONES}0/temp", "99000\n")
    running.write(f"{ZONES}4/temp", "38125\n")
    told = phone.ask("dumpsys thermalservice")
    assert "Thermal Status: 0" in told
    hot = "Temperature{mValue=99.0, mType=0, mName=cpu-0-0, mStatus=3}"
    assert hot in section(told, "Current temperatures from HAL:")
    assert hot in section(told, "Cached temperatures:")
    skin = "Temperature{{mValue={}, mType=3, mName=skin-therm, mStatus={}}}"
    assert section(told, "Current temperatures from HAL:")[-1] == skin.format("38.125", 0)
    assert section(told, "Cached temperatures:")[-1] == skin.format("33.5", 0)
    running.write(f"{ZONES}4/temp", "45000\n")
    told = phone.ask("dumpsys thermalservice")
    assert "Thermal Status: 3" in told
    assert section(told, "Cached temperatures:")[-1] == skin.format("45.0", 3)
    running.write(f"{ZONES}4/temp", "-2500\n")
    assert "Thermal Status: 0" in phone.ask("dumpsys thermalservice")
    assert skin.format("-2.5", 0) in phone.ask("dumpsys thermalservice")


def test_an_overridden_thermal_status_says_so_until_it_is_reset(
    booted: Callable[..., Booted],
) -> None:
    _, phone = booted()
    phone.ask("cmd thermalservice override-status 4")
    told = phone.ask("dumpsys thermalservice")
    assert "IsStatusOverride: true" in told
    assert "Thermal Status: 4" in told
    assert phone.shell("cmd thermalservice override-status 7").exit_status == 255
    phone.ask("cmd thermalservice reset")
    told = phone.ask("dumpsys thermalservice")
    assert "IsStatusOverride: false" in told
    assert "Thermal Status: 0" in told


def test_older_newer_and_silent_thermal_services_are_those_of_their_phones(
    booted: Callable[..., Booted],
) -> None:
    running, phone = booted(build__version__sdk="30")
    told = phone.ask("dumpsys thermalservice")
    assert section(told, "HAL connection:") == ["ThermalHAL 2.0 connected: yes"]
    assert "\t{.type = SKIN, .name = skin-therm, .hotThrottlingThresholds = [NaN, 39.0," in told, (
        told
    )
    assert "Dock powered" not in phone.ask("dumpsys battery")
    running.set_property("ro.build.version.sdk", "35")
    assert "Temperature headroom thresholds:\n[NaN, 0.8," in phone.ask("dumpsys thermalservice")
    running.set_property("ro.handset.thermal_limits", "0")
    running.write(f"{ZONES}4/temp", "60000\n")
    told = phone.ask("dumpsys thermalservice")
    assert "Thermal Status: 0" in told
    assert section(told, "Temperature static thresholds from HAL:") == []
    running.set_property("ro.handset.thermal_hal", "0")
    told = phone.ask("dumpsys thermalservice")
    assert told.endswith("Cached temperatures:\nHAL Ready: false")


def test_the_battery_follows_the_kernel_until_it_is_set(booted: Callable[..., Booted]) -> None:
    running, phone = booted()
    supply = "/sys/class/power_supply"
    for name, text in (("capacity", "12"), ("status", "Discharging"), ("temp", "405")):
        running.write(f"{supply}/battery/{name}", f"{text}\n")
    running.write(f"{supply}/usb/online", "0\n")
    told = phone.ask("dumpsys battery")
    for line in ("USB powered: false", "status: 3", "level: 12", "voltage: 4312"):
        assert f"  {line}\n" in told
    assert "  temperature: 405\n" in told
    assert "UPDATES STOPPED" not in told
    assert "mPlugType=0" in phone.ask("dumpsys power")
    phone.ask("dumpsys battery set ac 1; cmd battery set level 50")
    told = phone.ask("dumpsys battery")
    assert "(UPDATES STOPPED -- use 'reset' to restart)" in told
    assert "AC powered: true" in told
    assert "level: 50" in told
    power = phone.ask("dumpsys power")
    assert "mPlugType=1" in power
    assert "mBatteryLevel=50" in power
    phone.ask("dumpsys battery reset")
    assert "level: 12" in phone.ask("dumpsys battery")


def test_the_screen_goes_on_and_off_and_stays_on_while_plugged_in(
    booted: Callable[..., Booted],
) -> None:
    _, phone = booted()
    assert "mWakefulness=Awake" in phone.ask("dumpsys power")
    phone.ask("input keyevent KEYCODE_POWER")
    told = phone.ask("dumpsys power")
    for line in ("mWakefulness=Asleep", "mHoldingDisplaySuspendBlocker=false"):
        assert f"  {line}\n" in told
    assert "Display Power: state=OFF" in told
    assert "mStayOn=false" in told
    phone.ask("svc power stayon usb")
    assert phone.ask("settings get global stay_on_while_plugged_in") == "2"
    told = phone.ask("dumpsys power")
    for line in ("mWakefulness=Awake", "mStayOn=true", "mStayOnWhilePluggedInSetting=2"):
        assert f"  {line}\n" in told
    for asked, stored in (("true", "15"), ("false", "0")):
        phone.ask(f"svc power stayon {asked}")
        assert phone.ask("settings get global stay_on_while_plugged_in") == stored
    for key, awake in (("223", "Asleep"), ("WAKEUP", "Awake")):
        phone.ask(f"input keyevent {key}")
        assert f"mWakefulness={awake}" in phone.ask("dumpsys power")


def test_settings_are_there_absent_changed_and_taken_away(booted: Callable[..., Booted]) -> None:
    _, phone = booted()
    for key, value in (
        ("global airplane_mode_on", "0"),
        ("global window_animation_scale", "1.0"),
        ("global animator_duration_scale", "null"),
        ("system screen_off_timeout", "30000"),
    ):
        assert phone.ask(f"settings get {key}") == value
    phone.ask("settings put global animator_duration_scale 0.0")
    assert "animator_duration_scale=0.0" in phone.ask("settings list global")
    assert phone.ask("settings delete global animator_duration_scale") == "Deleted 1 rows"
    assert phone.ask("settings delete global animator_duration_scale") == "Deleted 0 rows"
    assert phone.shell("settings get nowhere x").exit_status == 255
    assert phone.ask("cmd connectivity airplane-mode") == "disabled"
    phone.ask("cmd connectivity airplane-mode enable")
    assert phone.ask("settings get global airplane_mode_on") == "1"
    assert phone.ask("cmd connectivity airplane-mode") == "enabled"
    phone.ask("cmd connectivity airplane-mode disable")
    assert phone.ask("settings get global airplane_mode_on") == "0"


def test_fixed_performance_is_taken_refused_or_unknown(booted: Callable[..., Booted]) -> None:
    running, phone = booted()
    command = "cmd power set-fixed-performance-mode-enabled true"
    assert phone.shell(command).exit_status == 0
    running.set_property("ro.handset.fixed_performance", "0")
    refused = phone.shell(command)
    assert refused.exit_status == 255
    assert b"Failed to set FIXED_PERFORMANCE mode" in refused.stderr
    running.set_property("ro.build.version.sdk", "29")
    unknown = phone.shell(command)
    assert unknown.exit_status == 255
    assert b"Unknown command" in unknown.stdout
    assert phone.shell("cmd connectivity airplane-mode").exit_status == 255


def test_the_cores_of_a_cluster_share_their_clock(booted: Callable[..., Booted]) -> None:
    running, phone = booted()
    cpu = "/sys/devices/system/cpu"
    running.write(f"{cpu}/cpufreq/policy4/scaling_max_freq", "844800\n")
    for core, khz in ((3, 2_016_000), (4, 844_800), (6, 844_800), (7, 3_187_200)):
        assert phone.ask(f"cat {cpu}/cpu{core}/cpufreq/scaling_max_freq") == str(khz)
    assert phone.ask(f"cat {cpu}/cpu5/cpufreq/related_cpus") == "4 5 6"
    ticks = phone.ask(f"cat {cpu}/cpu7/cpufreq/stats/time_in_state").splitlines()
    assert ticks[-1].split() == ["3187200", "100000"]


def test_properties_are_set_while_it_runs(booted: Callable[..., Booted]) -> None:
    running, phone = booted()
    running.set_property("ro.product.model", "Pixel = 99")
    assert phone.ask("getprop ro.product.model") == "Pixel = 99"
    with pytest.raises(ConfigurationError, match="cannot be a property"):
        running.set_property("debug.x", "1\nro.adb.secure=0")
