from contextlib import closing

import pytest
from support.answers import Answering
from support.reach import Boot, direct

from bench.adb.state.reading import read_state
from bench.adb.state.screen import key_to_restore
from bench.core.device_state.state import Reading
from bench.handset.process import may_be_shell
from bench.handset.running import Running

CPU = "/sys/devices/system/cpu"
ZONE = "/sys/class/thermal/thermal_zone"


def test_a_phone_tells_what_it_is_doing(handset: Running) -> None:
    with closing(direct(handset.serial)) as phone:
        state = read_state(phone)
    assert state.battery_level_percent == Reading(value=83.0)
    assert state.battery_temp_c == Reading(value=28.1)
    assert state.battery_status == Reading(value="charging")
    assert state.plugged == Reading(value="usb")
    assert state.thermal_status == Reading(value=0.0)
    assert state.thermal_overridden == Reading(value="false")
    assert state.skin_temp_c == Reading(value=33.5)
    assert state.cpu_temp_c == Reading(value=43.9)
    assert {each.name: each.temp_c.number for each in state.zones} == {
        "cpu-0-0": 41.2, "cpu-1-0": 43.9, "gpuss-0": 39.0, "battery": 28.1, "skin-therm": 33.5,
    }  # fmt: skip
    assert [each.cores for each in state.clocks] == [(0, 1, 2, 3), (4, 5, 6), (7,)]
    assert state.clocks[2].governor == Reading(value="schedutil")
    assert state.clocks[2].now_khz == state.clocks[2].max_khz == Reading(value=3_187_200.0)
    assert state.screen == Reading(value="Awake")
    assert state.low_power == Reading(value=0.0)
    assert state.load.number is not None
    assert 1e6 < (state.memory_available_bytes.number or 0) < 1e14
    assert 1e8 < (state.free_bytes.number or 0) <= 1 << 30


def test_what_changes_on_a_phone_is_seen_and_what_it_hides_is_named(boot_phone: Boot) -> None:
    running = boot_phone()
    running.write("/data/system/hs/wakefulness", "Asleep")
    running.write(f"{CPU}/cpu5/cpufreq/scaling_max_freq", "1500000")
    running.write(f"{ZONE}1/temp", "91000")
    running.write(f"{ZONE}2/temp", "-99900")
    running.path(f"{ZONE}3/temp").unlink()
    running.path(f"{CPU}/cpu7/cpufreq/scaling_cur_freq").chmod(0)
    with closing(direct(running.serial)) as phone:
        phone.ask("cmd thermalservice override-status 3; dumpsys battery set level 17")
        phone.ask("dumpsys battery unplug; settings put global low_power 1")
        state = read_state(phone)
    assert state.thermal_status == Reading(value=3.0)
    assert state.thermal_overridden == Reading(value="true")
    assert state.battery_level_percent == Reading(value=17.0)
    assert state.plugged == Reading(value="none")
    assert state.low_power == Reading(value=1.0)
    assert state.screen == Reading(value="Asleep")
    assert [each.cap_khz.number for each in state.clocks] == [2_016_000, 1_500_000, 3_187_200]
    assert state.cpu_temp_c == Reading(value=91.0)
    zones = {each.name: each.temp_c for each in state.zones}
    assert zones["gpuss-0"].unavailable == "not a temperature: -99900"
    assert zones["battery"].unavailable == "the phone does not show it"
    if may_be_shell():  # else the shell is root's, and nothing is forbidden
        assert state.clocks[2].now_khz == Reading(unavailable="Permission denied")


# As Samsung's service dumps them: their kinds of temperatures count from one, and -99.9 is none.
SAMSUNG = """IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
Thermal Status: 1
Cached temperatures:
\tTemperature{mValue=48.0, mType=1, mName=TYPE_CPU, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
\tTemperature{mValue=24.0, mType=1, mName=TYPE_CPU, mStatus=0}
\tTemperature{mValue=29.4, mType=3, mName=TYPE_BATTERY, mStatus=0}
\tTemperature{mValue=25.3, mType=4, mName=TYPE_SKIN, mStatus=0}
\tTemperature{mValue=-99.9, mType=6, mName=TYPE_POWER_AMPLIFIER, mStatus=0}
Current cooling devices from HAL:
\tCoolingDevice{mValue=0, mType=2, mName=TYPE_CPU}
"""
# As Android has them, with the maker's own names.
PIXEL = """IsStatusOverride: true
Thermal Status: 0
Current temperatures from HAL:
\tTemperature{mValue=51.5, mType=0, mName=BIG, mStatus=0}
\tTemperature{mValue=44.0, mType=0, mName=LITTLE, mStatus=0}
\tTemperature{mValue=31.6, mType=3, mName=VIRTUAL-SKIN, mStatus=0}
\tTemperature{mValue=NaN, mType=3, mName=VIRTUAL-SKIN-HINT, mStatus=0}
Temperature static thresholds from HAL:
\tTemperatureThreshold{mType=3, mName=VIRTUAL-SKIN, mHotThrottlingThresholds=[NaN, 39.0]}
"""


@pytest.mark.parametrize(
    ("text", "status", "overridden", "cpu_c", "skin_c"),
    [(SAMSUNG, 1.0, "false", 24.0, 25.3), (PIXEL, 0.0, "true", 51.5, 31.6)],
)
def test_the_thermal_service_is_read_by_name_and_else_by_kind(
    text: str, status: float, overridden: str, cpu_c: float, skin_c: float
) -> None:
    state = read_state(Answering({"thermal": text}))
    assert state.thermal_status == Reading(value=status)
    assert state.thermal_overridden == Reading(value=overridden)
    assert state.cpu_temp_c == Reading(value=cpu_c)
    assert state.skin_temp_c == Reading(value=skin_c)


BROKEN_PIPE = "Failed to write while dumping service power: Broken pipe\n"


@pytest.mark.parametrize(
    ("text", "screen", "key"),
    [
        ("  mWakefulness=Awake\n", "Awake", "WAKEUP"),
        ("  mWakefulness=Asleep\nDisplay Power: state=OFF\n", "Asleep", "SLEEP"),
        ("  mWakefulness=Dozing\r\n", "Dozing", "SLEEP"),
        ("  mWakefulness=Dreaming\n", "Dreaming", "SLEEP"),
        (f"{BROKEN_PIPE}  mWakefulness=Asleep\n", "Asleep", "SLEEP"),
        (f"  mWakefulness=Asleep\n{BROKEN_PIPE}", "Asleep", "SLEEP"),
        ("Display Power: state=ON\n", "Awake", "WAKEUP"),
        (f"{BROKEN_PIPE}Display Power: state=OFF\n", "Asleep", "SLEEP"),
        ("Display Power: state=DOZE_SUSPEND\n", "Dozing", "SLEEP"),
        ("Display Power: state=ON\n  mWakefulness=Asleep\n", "Asleep", "SLEEP"),
        ("  mWakefulnessChanging=false\nCan't find service: power\n", None, None),
    ],
)
def test_the_screen_is_read_from_wakefulness_and_else_from_the_display(
    text: str, screen: str | None, key: str | None
) -> None:
    assert read_state(Answering({"screen": text})).screen.text == screen
    assert key_to_restore(text) == key


WARNING = "WARNING: linker: unable to normalize a path\n"


@pytest.mark.parametrize(
    ("text", "low_power"),
    [
        (f"{WARNING}1\n", 1.0),
        (f"null\n{WARNING}", 0.0),
        ("0\r\n", 0.0),
        (f"{WARNING}{WARNING}", None),
    ],
)
def test_numbers_are_read_beside_warnings(text: str, low_power: float | None) -> None:
    state = read_state(Answering({"low_power": text, "space": f"{WARNING}500 4096\n"}))
    assert state.low_power.number == low_power
    assert state.free_bytes == Reading(value=2_048_000.0)


def test_a_phone_that_hides_all_gives_a_reason_for_each_reading() -> None:
    state = read_state(Answering({"thermal": "Can't find service: thermalservice"}))
    assert state.thermal_status.unavailable == "Can't find service: thermalservice"
    assert state.skin_temp_c.unavailable == "Can't find service: thermalservice"
    assert state.battery_level_percent == Reading(unavailable="sh: not found")
    assert (
        state.free_bytes == state.screen == state.low_power == Reading(unavailable="sh: not found")
    )
    assert (state.zones, state.zones_unavailable) == ((), "sh: not found")
    assert (state.clocks, state.clocks_unavailable) == ((), "sh: not found")
