"""A phone's heat, over captures of real phones and variants of them; the values are by hand."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.answers import Answering

from bench.adb.batch import Answer
from bench.adb.state.reading import read_state, sample_of
from bench.core.device_state.state import Reading, State
from bench.measure.conditions import Limits, assess, hides_heat_and_clocks, in_words

CAPTURES = {
    path.stem[:2]: path.read_text()
    for path in (Path(__file__).parents[1] / "data" / "phone_captures").glob("*.txt")
}
NOT_READY = Reading(unavailable="its thermal HAL is not ready")


def heat(text: str) -> State:
    return read_state(Answering({"thermal": text}))


def service(*sensors: str, status: int = 0, overridden: str = "false") -> str:
    """Returns the dump of a thermal service; a sensor is "value type name status"."""
    lines = [
        "\tTemperature{{mValue={}, mType={}, mName={}, mStatus={}}}".format(*each.split())
        for each in sensors
    ]
    return "\n".join(
        [f"IsStatusOverride: {overridden}", f"Thermal Status: {status}", "Cached temperatures:",
         "HAL Ready: true", "Current temperatures from HAL:", *lines,
         "Current cooling devices from HAL:"]
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        CAPTURES["07"],
        CAPTURES["07"].replace("\n", "\r\n"),
        CAPTURES["01"].partition("HAL Ready")[0] + "HAL Ready: false\n",
        CAPTURES["04"].replace("AIDL 1  connected: yes", "AIDL 1  connected: no"),
        CAPTURES["01"].replace("2.0 connected: yes", "2.0 connected: no"),
    ],
)
def test_without_a_thermal_hal_there_is_no_status(text: str) -> None:
    state = heat(text)
    assert state.thermal_status == NOT_READY
    assert hides_heat_and_clocks(state)


@pytest.mark.parametrize("number", ["01", "04", "05", "26"])
def test_the_status_of_a_ready_hal_is_read(number: str) -> None:
    assert heat(CAPTURES[number]).thermal_status == Reading(value=0.0)


def test_a_phone_without_the_service_shows_why() -> None:
    state = heat("Can't find service: thermalservice")
    assert state.thermal_status == Reading(unavailable="Can't find service: thermalservice")
    assert heat(CAPTURES["08"]).thermal_status.number is None


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (service("39.5 3 SKIN 1"), 1),
        (service("39.5 3 SKIN 1", "95.0 0 CPU 3", status=2), 2),
        (service("95.0 0 CPU 3", "60.0 2 BAT 5", "30.0 3 SKIN 0"), 0),
        (service("45.0 -1 VIRTUAL-SKIN-CHARGE 3", "30.0 3 VIRTUAL-SKIN 0"), 0),
        (service("45.0 3 SKIN 4", overridden="true"), 0),
        (CAPTURES["04"].replace("SKIN, mStatus=0", "SKIN, mStatus=2", 1), 0),  # cached only
    ],
)
def test_the_skin_as_it_is_now_counts_where_the_status_is_old(text: str, status: int) -> None:
    assert heat(text).thermal_status == Reading(value=float(status))


PIXEL_10 = (
    "61.0 0 BIG 0", "31.0 3 VIRTUAL-SKIN 0", "31.2 {0} VIRTUAL-SKIN-CPU-MID 0",
    "38.4 {0} VIRTUAL-SKIN-SPEAKER 0", "2400.0 7 ocp_cpu1 0", "74.0 8 soc 0", "41.0 6 vdroop1 0",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "cpu_c", "skin_c"),
    [
        (CAPTURES["01"], 27.000002, 24.83324),
        (CAPTURES["04"], 34.6, 28.2),
        (CAPTURES["05"], 53.4, 40.0),
        (CAPTURES["26"], 37.0, None),
        (CAPTURES["07"], None, None),
        (service(*(each.format(-1) for each in PIXEL_10)), 61.0, 31.0),
        (service(*(each.format(3) for each in PIXEL_10)), 61.0, 31.0),
        # Where no sensor has the type, the name decides, but not that of a current or a model.
        (service("33.0 -1 skin-therm 0", "44.0 -1 cpu-0-0 0", "99.0 7 ocp_cpu 0"), 44.0, 33.0),
        (service("33.0 -1 VIRTUAL-SKIN 0", "36.0 -1 VIRTUAL-SKIN-CPU 0"), None, 33.0),
        (service("6900.0 7 soft_ocp_cpu1 0", "80.0 8 cpu_percent 0"), None, None),
        # Two sensors of one kind: the hotter one; a broken one does not count.
        (service("41.0 3 skin_front 0", "36.0 3 skin_back 0", "NaN 0 CPU 0"), None, 41.0),
        (service("NaN 3 VIRTUAL-SKIN 0", "36.0 3 VIRTUAL-SKIN-HINT 0", "-40.0 0 AP 0"), None, 36.0),
        (service("0.0 0 CPU 0", "47.0 -1 cpu-1-0 0"), 47.0, None),
        # A maker that counts its kinds from one.
        (service("24.0 1 TYPE_CPU 0", "29.4 3 TYPE_BATTERY 0", "25.3 4 TYPE_SKIN 0"), 24.0, 25.3),
        (service("52.0 1 cpu 0", "51.0 2 gpu 0", "35.0 3 battery 0", "99 8 ocp_cpu 0"), 52.0, None),
        (service("29.7 4 USB 0", "34.1 2 BAT 0", "40.0 3 quiet 0", "50.0 0 AP 0"), 50.0, 40.0),
    ],
)  # fmt: skip
def test_a_sensor_is_what_its_type_says_and_else_its_name(
    text: str, cpu_c: float | None, skin_c: float | None
) -> None:
    state = heat(text)
    assert (state.cpu_temp_c.number, state.skin_temp_c.number) == (cpu_c, skin_c)


def zones(**temps: object) -> str:
    """Returns what ``grep -H`` prints of zones, whose names have ``_`` for ``-``."""
    return of_zones((name.replace("_", "-"), str(temp)) for name, temp in temps.items())


def of_zones(pairs: object) -> str:
    lines = []
    for index, (name, temp) in enumerate(pairs):  # type: ignore[call-overload,arg-type]  # pairs
        folder = f"/sys/class/thermal/thermal_zone{index}"
        lines += [f"{folder}/type:{name}", f"{folder}/temp:{temp}"]
    return "\n".join(lines)


SM8250 = of_zones(re.findall(r"(\S+): (-?\d+)", CAPTURES["09"]))


@pytest.mark.parametrize(
    ("text", "hottest_c", "surface_c"),
    [
        (SM8250, 34.6, 28.652),
        # Degrees, tenths and thousandths.
        (zones(cpu=37, battery=31), 37.0, 31.0),
        (zones(cpu=412, battery=370), 41.2, 37.0),
        (zones(cpu=41200, battery=31000), 41.2, 31.0),
        (zones(cpu=1100, battery=305), 110.0, 30.5),
        # Per cent, currents, voltages, levels, counts and sensors that are not there.
        (zones(soc=72, socd=72, cpu=30000), 30.0, None),
        (zones(pm8350_ibat_lvl0=1100, pm8350_vbat_lvl0=3986, pm8350b_bcl_lvl2=99000), None, None),
        (zones(vph_lvl1=80, ibat=546, vbat=4100, vbat_low=100, battery_cycle=90), None, None),
        (zones(ocp_cpu1=11900, soft_ocp_gpu=8900, smpl_gm=1300, vdroop2=1250, batoilo=4900),
         None, None),
        (zones(camera_therm=-40000, skin_msm_therm=-40000, quiet=-274000), None, None),
        (zones(gpu_skin_avg_step=99000, skin_therm=33000), 33.0, 33.0),
        # Those are temperatures.
        (zones(soc_thermal=48000, cpu_1_0_step=34600, battery=25500), 48.0, 25.5),
    ],
)  # fmt: skip
def test_a_zone_is_a_temperature_only_if_it_is_one(
    text: str, hottest_c: float | None, surface_c: float | None
) -> None:
    sample = sample_of(Answer(text=text, exit_status=0), 2.0)
    assert (sample.temp_c.number, sample.surface_temp_c.number) == (hottest_c, surface_c)


def test_what_is_not_a_temperature_is_shown_as_such() -> None:
    found = {each.name: each.temp_c for each in read_state(Answering({"files": SM8250})).zones}
    assert found["soc"] == Reading(unavailable="not a temperature: 72")
    assert found["camera-therm-usr"] == Reading(unavailable="not a temperature: -40000")
    assert found["battery"] == Reading(value=25.5)
    assert len(found) == 26


LIGHT = "\tTemperatureThreshold{{mType={}, mName={}, mHotThrottlingThresholds=[{}], mCold=[NaN]}}"
OLD = "\t{{.type = {}, .name = {}, .hotThrottlingThresholds = [{}], .vrThrottlingThreshold = NaN}}"
AIDL = "\tTemperatureThreshold{{type: {}, name: {}, hotThrottlingThresholds: [{}], x: [NaN]}}"


@pytest.mark.parametrize(
    ("lines", "light_c"),
    [
        ([LIGHT.format(3, "SKIN", "36.0, 38.0, 40.0, 42.0, 45.0, NaN, NaN")], 38.0),
        ([LIGHT.format(3, "VIRTUAL-SKIN", "NaN, 39.0")], 39.0),
        ([OLD.format("SKIN", "skin-therm", "NaN, 35.0, 43.0")], 35.0),
        ([AIDL.format(3, "SKIN", "NaN, 37.0, 43.0")], 37.0),
        # Where nothing is light, the first status of all.
        ([LIGHT.format(3, "SKIN", "NaN, NaN, 41.0, NaN")], 41.0),
        # Others' limits, none, and one that no phone can keep.
        ([LIGHT.format(2, "BAT", "NaN, 35.0"), LIGHT.format(0, "CPU", "NaN, 95.0")], None),
        ([LIGHT.format(3, "SKIN", "NaN, NaN, NaN, NaN, NaN, NaN, NaN")], None),
        ([LIGHT.format(3, "SKIN", "NaN, 0.0"), LIGHT.format(3, "SKIN", "")], None),
        ([LIGHT.format(3, "A-SKIN", "0, 40"), LIGHT.format(3, "A-SKIN-CPU", "0, 34")], 40.0),
        ([LIGHT.format(3, "front", "NaN, 40.0"), LIGHT.format(3, "back", "NaN, 38.0")], 38.0),
    ],
)
def test_where_a_maker_begins_to_throttle_is_read(lines: list[str], light_c: float | None) -> None:
    dump = service("30.0 3 SKIN 0", "29.0 2 BAT 0", "40.0 0 CPU 0")
    heading = "\nTemperature static thresholds from HAL:\n"
    assert heat(dump + heading + "\n".join(lines)).skin_light_c.number == light_c
    assert heat(dump).skin_light_c.number is None


@pytest.mark.parametrize(
    ("light", "skin_c", "words"),
    [
        ("38.0", 36.0, ""),
        ("38.0", 36.1, "skin at 36.1 °C, above 36 °C"),
        ("35.0", 33.5, "skin at 33.5 °C, above 33 °C"),
        ("39.0", 37.0, ""),
        ("45.0", 37.1, "skin at 37.1 °C, above 37 °C"),
        ("NaN", 36.9, ""),
    ],
)
def test_the_skins_limit_is_below_the_makers_where_that_is_lower(
    light: str, skin_c: float, words: str
) -> None:
    text = CAPTURES["04"].replace("36.0, 38.0", f"36.0, {light}").replace("=28.2,", f"={skin_c},")
    state = heat(text.replace(", 40.0, 42.0, 45.0, NaN", ", NaN, NaN, NaN, NaN"))
    assert state.skin_temp_c.number == skin_c
    assert (
        in_words(assess(state, Limits())).removesuffix(", 2 °C below where it throttles") == words
    )
    assert assess(state, replace(Limits(), temp_c=None)) == ()
