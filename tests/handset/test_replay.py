"""Handsets that replay a phone: what it showed, live where a test or a user changes it."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.phone_sweeps import SUITE, TINY, sweep, wanted
from support.reach import Boot, direct

from bench.adb.phone import Phone
from bench.adb.staging import kill_leftovers
from bench.adb.state.facts import read_facts
from bench.adb.state.reading import read_state
from bench.adb.state.screen import WAKEFULNESS
from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.handset.process import may_be_shell
from bench.handset.running import Running
from bench.plan.suite import BIG_CORES
from bench.snapshot.keeping import as_kept
from bench.snapshot.layout import Snapshot, differences
from bench.snapshot.take import take

CPU = "/sys/devices/system/cpu"
PIXEL = {
    "files/proc/version": "Linux version 5.10.66-android12\n",
    "commands/getprop.txt": "[ro.odd]: [first\nsecond]\n[ro.product.cpu.abilist]: [arm64-v8a]\n"
    "[ro.product.manufacturer]: [Google]\n[ro.product.model]: [Pixel 6]\n"
    "[ro.serialno]: [hashed-1]\n",
    "commands/dumpsys-thermalservice.txt": """\
IsStatusOverride: false
Thermal Status: 0
Cached temperatures:
	Temperature{mValue=22.5, mType=3, mName=VIRTUAL-SKIN, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
	Temperature{mValue=26.000002, mType=0, mName=BIG, mStatus=0}
	Temperature{mValue=24.8, mType=3, mName=VIRTUAL-SKIN, mStatus=0}
	Temperature{mValue=8900.0, mType=7, mName=soft_ocp_gpu, mStatus=0}
Temperature static thresholds from HAL:
	{.type = SKIN, .name = VIRTUAL-SKIN, .hotThrottlingThresholds = [NaN, 39.0, 43.0, 45.0, NaN], \
.vrThrottlingThreshold = NaN}
""",
}
CORES = ((0, 1500, "0 1"), (1, 1500, "0 1"), (2, 2000, "2"), (3, 2500, "3"))
LOCKED = {
    "snapshot.yaml": "exit_status: {commands/settings-put.txt: 255,"
    " commands/input-keyevent.txt: 255, commands/getconf-page-size.txt: 127}\n"
    f"refused: {{{CPU}/cpu3/cpufreq/scaling_max_freq: Permission denied,"
    " /sys/class/thermal: Permission denied, /proc/loadavg: Permission denied}\n"
    "slow_s: {settings: 0.2}\n",
    "commands/settings.txt": "global/low_power=1\nsystem/screen_brightness=null\n"
    "system/screen_off_timeout=Exception\n\tat android.os\n",
    "commands/settings-put.txt": "Exception occurred while executing 'put':\n",
    "commands/input-keyevent.txt": "java.lang.SecurityException: Injecting\n",
    "commands/dumpsys-thermalservice.txt": "Can't find service: thermalservice\n",
    "commands/dumpsys-battery.txt": "Current Battery Service state:\n  AC powered: false\n"
    "  level: 75\n  scale: 100\n  temperature: 313\n  maker's level: 9\n",
    "commands/dumpsys-power.txt": "  mWakefulness=Asleep\nDisplay Power: state=OFF\n"
    + "  mLock=1\n" * 30_000,
    "commands/toybox.txt": "cat chmod find mkdir mv pgrep\npkill rm sha1sum stat taskset uname\n",
    "commands/pkill-help.txt": "usage: pkill [-l SIGNAL] [PATTERN]\n",
    "commands/stat-f.txt": "1000 4096\n",
    "commands/uname.txt": "Linux 4.14.186 aarch64\n",
    "files/proc/meminfo": "MemTotal:        2000000 kB\nMemAvailable:     900000 kB\n",
    "files/proc/stat": "cpu  40 0 0 400 0 0 0\n"
    + "".join(f"cpu{core} 10 0 0 100 0 0 0\n" for core in range(4)),
    f"files{CPU}/present": "0-3\n",
    **{
        f"files{CPU}/cpu{core}/cpufreq/{name}": text
        for core, clock, related in CORES
        for name, text in (
            ("related_cpus", f"{related}\n"),
            ("cpuinfo_max_freq", f"{clock}000\n"),
            *([("scaling_max_freq", f"{clock}000\n")] if core != 3 else []),
        )
    },
}  # fmt: skip


def written(folder: Path, places: dict[str, str]) -> Path:
    """Returns a folder with texts in it."""
    for place, text in places.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)
    return folder


@pytest.fixture(scope="module")
def pixel(boot_shared: Boot, tmp_path_factory: pytest.TempPathFactory) -> Running:
    return boot_shared(replay=written(tmp_path_factory.mktemp("pixel"), PIXEL))


@pytest.fixture(scope="module")
def locked(boot_shared: Boot, tmp_path_factory: pytest.TempPathFactory) -> Running:
    return boot_shared(replay=written(tmp_path_factory.mktemp("locked"), LOCKED))


@pytest.fixture
def on_pixel(pixel: Running) -> Iterator[Phone]:
    with closing(direct(pixel.serial)) as phone:
        yield phone


@pytest.fixture
def on_locked(locked: Running) -> Iterator[Phone]:
    with closing(direct(locked.serial)) as phone:
        yield phone


def test_three_files_make_a_phone_whose_rest_is_the_plain_handset(on_pixel: Phone) -> None:
    facts = read_facts(on_pixel)
    assert (facts.manufacturer, facts.model, facts.serial) == ("Google", "Pixel 6", "hashed-1")
    assert (facts.abis, facts.program_abis) == (("arm64-v8a",), ("x86_64",))
    assert (facts.sdk, facts.soc, facts.virtual) == (34, None, True)
    assert facts.cores == tuple(range(8))
    state = read_state(on_pixel)
    assert (state.skin_temp_c.number, state.cpu_temp_c.number) == (24.8, 26.000002)
    assert (state.battery_level_percent.number, state.screen.text) == (83, "Awake")
    texts = PIXEL["commands/dumpsys-thermalservice.txt"]
    assert on_pixel.shell("dumpsys thermalservice").stdout.decode() == texts
    assert on_pixel.ask("getprop ro.odd; getprop ro.none; getprop ro.none given") == (
        "first\nsecond\n\ngiven"
    )
    assert on_pixel.ask("cat /proc/version") == "Linux version 5.10.66-android12"
    listed = on_pixel.ask("getprop")
    assert PIXEL["commands/getprop.txt"].splitlines()[0:2] == listed.splitlines()[0:2]
    own = [line for line in listed.splitlines()[6:] if "[ro.handset." not in line]
    assert all(line.startswith("[ro.build.version.") for line in own), own


def test_a_property_that_is_set_wins_over_the_phones(pixel: Running, on_pixel: Phone) -> None:
    pixel.set_property("ro.odd", "one line")
    on_pixel.ask("setprop debug.mine 'a b'")
    listed = on_pixel.ask("getprop").splitlines()
    assert listed[:2] == ["[ro.odd]: [one line]", "[ro.product.cpu.abilist]: [arm64-v8a]"]
    assert "[debug.mine]: [a b]" in listed
    assert on_pixel.ask("getprop ro.odd; getprop debug.mine") == "one line\na b"


def test_a_replayed_phone_can_be_heated_and_cools_to_what_it_was(
    pixel: Running, on_pixel: Phone
) -> None:
    skin = "Temperature{{mValue={}, mType=3, mName=VIRTUAL-SKIN, mStatus={}}}"
    zone = "/sys/class/thermal/thermal_zone4/temp"  # the plain handset's skin-therm
    before = on_pixel.ask("dumpsys thermalservice")
    pixel.write(zone, "43250\n")
    hot = on_pixel.ask("dumpsys thermalservice")
    assert "Thermal Status: 2" in hot
    assert hot.count(skin.format("43.25", 2)) == 2
    assert "mValue=8900.0, mType=7, mName=soft_ocp_gpu" in hot
    assert read_state(on_pixel).thermal_status.number == 2
    pixel.write(zone, "33500\n")
    assert on_pixel.ask("dumpsys thermalservice") == before
    pixel.write("/data/system/hs/heat/BIG", "91500\n")
    hot = on_pixel.ask("dumpsys thermalservice")
    assert "mValue=91.5, mType=0, mName=BIG, mStatus=0" in hot
    assert "Thermal Status: 0" in hot
    pixel.path("/data/system/hs/heat/BIG").unlink()
    on_pixel.ask("cmd thermalservice override-status 3")
    hot = on_pixel.ask("dumpsys thermalservice")
    assert "IsStatusOverride: true\nThermal Status: 3\n" in hot
    on_pixel.ask("cmd thermalservice reset")
    assert on_pixel.ask("dumpsys thermalservice") == before


def test_a_run_on_an_arm64_phone_gives_a_number_of_that_phone_with_the_caveat_virtual(
    pixel: Running, official_binary: Path, tmp_path: Path
) -> None:
    swept = sweep([pixel.serial], wanted(official_binary, TINY), tmp_path / "phones.db")
    assert swept.lanes[0].error is None
    (session,) = swept.watch.sessions
    assert (session.device.name, session.device.abi) == ("Pixel 6 (hashed-1)", "arm64-v8a")
    assert session.device.virtual
    (case,) = swept.cases[session.id]
    assert case.summary is not None
    assert CaveatKind.VIRTUAL in {caveat.kind for caveat in case.caveats}


def test_what_a_phone_refuses_is_refused(on_locked: Phone) -> None:
    if not may_be_shell():
        pytest.skip("adb's shell is root here")
    state = read_state(on_locked)
    refused = "grep: /sys/class/thermal/thermal_zone[0-9]*/temp: Permission denied"
    assert state.zones_unavailable == refused
    assert state.load.unavailable == "grep: /proc/loadavg: Permission denied"
    assert [clock.cap_khz.unavailable for clock in state.clocks] == [
        None,
        None,
        "Permission denied",
    ]
    assert [clock.cores for clock in state.clocks] == [(0, 1), (2,), (3,)]
    put = on_locked.shell("settings put system screen_brightness 10")
    assert (put.exit_status, put.stderr.decode()) == (255, LOCKED["commands/settings-put.txt"])
    key = on_locked.shell("input keyevent WAKEUP")
    assert (key.exit_status, key.stderr.decode()) == (255, LOCKED["commands/input-keyevent.txt"])
    assert "mWakefulness=Asleep" in on_locked.ask(WAKEFULNESS)


def test_settings_are_the_phones_and_as_slow(on_locked: Phone) -> None:
    begun_s = time.monotonic()
    assert on_locked.ask("settings get global low_power") == "1"
    assert time.monotonic() - begun_s >= 0.2
    assert on_locked.ask("settings get system screen_brightness") == "null"
    assert on_locked.ask("settings get global window_animation_scale") == "1.0"  # the handset's
    exception = on_locked.ask("settings get system screen_off_timeout")
    assert exception == "Exception\n\tat android.os"


def test_a_missing_service_exits_with_0_and_a_reader_that_leaves_breaks_the_pipe(
    on_locked: Phone,
) -> None:
    missing = on_locked.shell("dumpsys thermalservice")
    assert missing.exit_status == 0
    assert missing.stderr.decode() == LOCKED["commands/dumpsys-thermalservice.txt"]
    assert on_locked.shell("cmd thermalservice override-status 3").exit_status == 20
    broken = on_locked.shell("dumpsys power | grep -m1 mWakefulness")
    assert broken.text == "  mWakefulness=Asleep"
    assert broken.stderr.decode() == "Failed to write while dumping service power: Broken pipe\n"
    whole = on_locked.shell("dumpsys power")
    assert whole.stdout.decode() == LOCKED["commands/dumpsys-power.txt"]


def test_the_battery_follows_the_kernel_and_what_is_set(locked: Running, on_locked: Phone) -> None:
    before = on_locked.ask("dumpsys battery")
    locked.write("/sys/class/power_supply/battery/capacity", "12\n")
    locked.write("/sys/class/power_supply/ac/online", "1\n")
    assert on_locked.ask("dumpsys battery").splitlines()[1:3] == [
        "  AC powered: true",
        "  level: 12",
    ]
    on_locked.ask("dumpsys battery set level 50")
    assert on_locked.ask("dumpsys battery").splitlines()[1:4] == [
        "  (UPDATES STOPPED -- use 'reset' to restart)",
        "  AC powered: true",
        "  level: 50",
    ]
    on_locked.ask("dumpsys battery reset")
    locked.write("/sys/class/power_supply/battery/capacity", "83\n")
    locked.write("/sys/class/power_supply/ac/online", "0\n")
    assert on_locked.ask("dumpsys battery") == before


def test_the_phone_has_its_own_programs_alone(on_locked: Phone) -> None:
    missing = on_locked.shell("sha256sum /init").exit_status, on_locked.shell("getconf").exit_status
    assert missing == (127, 127)
    assert on_locked.ask("sha1sum /init").endswith("/init")
    assert on_locked.shell("toybox").stdout.decode() == LOCKED["commands/toybox.txt"]
    assert on_locked.shell("toybox sha256sum /init").exit_status == 127
    assert on_locked.ask("command -v taskset cat grep settings").splitlines() == [
        "/system/bin/taskset", "/system/bin/cat", "/system/bin/grep", "/system/bin/settings",
    ]  # fmt: skip
    refused = on_locked.shell("pkill -9 -f nothing")
    assert (refused.exit_status, refused.stderr) == (1, b"pkill: Unknown option 9\n")
    assert kill_leftovers(on_locked) == ""
    assert on_locked.ask("uname -srm; uname -m") == "Linux 4.14.186 aarch64\nx86_64"
    assert on_locked.ask("stat -f -c '%a %S' /data/local/tmp") == "1000 4096"
    assert on_locked.ask("grep MemTotal /proc/meminfo") == "MemTotal:        2000000 kB"


def test_processes_are_pinned_to_the_cores_of_the_phone(on_locked: Phone) -> None:
    facts = read_facts(on_locked)
    assert facts.cores == facts.allowed_cores == (0, 1, 2, 3)
    assert [each.cores for each in facts.clusters] == [(0, 1), (2,), (3,)]
    show = "grep -h Cpus_allowed_list /proc/self/status /proc/$$/status"
    assert on_locked.ask(f"taskset 8 sh -c '{show}'").split()[1::2] == ["3", "3"]
    assert on_locked.ask(f"taskset 5 sh -c '{show}'").split()[1::2] == ["0,2", "0,2"]
    assert on_locked.ask(show).split()[1::2] == ["0-3", "0-3"]
    assert on_locked.shell("taskset 10 true").exit_status == 1
    assert on_locked.ask("grep '^cpu3 ' /proc/stat") == "cpu3 10 0 0 100 0 0 0"


def test_a_pinned_process_is_seen_on_its_core_and_the_counters_move(
    official_binary: Path, boot_phone: Boot, tmp_path: Path
) -> None:
    places = {place: text for place, text in LOCKED.items() if place.startswith(f"files{CPU}/")}
    phone = boot_phone(replay=written(tmp_path / "pinned", places))
    suite = replace(SUITE, affinity=BIG_CORES)
    swept = sweep([phone.serial], wanted(official_binary, TINY, suite=suite), tmp_path / "p.db")
    assert swept.lanes[0].error is None
    for invocation in swept.only:
        assert invocation.telemetry.cores == (3,)
        usage = invocation.telemetry.usage
        assert usage is not None
        assert (usage.cores_s.number or 0) > 0


def test_a_snapshot_of_a_replay_is_the_one_that_it_came_from(
    locked: Running, on_locked: Phone, boot_phone: Boot, tmp_path: Path
) -> None:
    given = as_kept(Snapshot.load(Path(locked.record.handset.replay)))
    first = take(on_locked).snapshot
    lost = differences(given, first, given=True)  # of the settings some were not given
    assert [each.partition(":")[0] for each in lost] == ["commands/settings.txt"], lost
    first.save(tmp_path / "first", about="")
    with closing(direct(boot_phone(replay=tmp_path / "first").serial)) as phone:
        assert differences(first, take(phone).snapshot) == ()


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ({"commands/getprops.txt": ""}, "getprops.txt: is not the output of a command"),
        (
            {"commands/getprop.txt": "[ro.handset.virtual]: [0]\n"},
            "ro.handset.virtual is a property",
        ),
        ({f"files{CPU}/present": "0-63\n"}, "the phone has core 63"),
        ({"snapshot.yaml": "slow_s: {setings: 1.0}"}, "did you mean 'settings'"),
    ],
)
def test_what_is_wrong_in_a_folder_is_named_and_nothing_boots(
    boot_phone: Boot, tmp_path: Path, registry: Path, places: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words.replace("(", r"\(")):
        boot_phone(replay=written(tmp_path, places), name="wrong")
    assert not (registry / "running" / "wrong").exists()


def test_a_phone_that_is_nowhere_is_refused(boot_phone: Boot) -> None:
    with pytest.raises(ConfigurationError, match="neither a folder nor a phone of the gallery"):
        boot_phone(replay="pixel-tensr")
