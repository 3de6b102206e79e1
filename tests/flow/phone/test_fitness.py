import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.patience import PATIENCE_S, wait_until
from support.phone_sweeps import SUITE, TINY, Swept, Watch, stand_in, sweep, wanted
from support.reach import Boot, direct

from bench.adb.state.settings import DeviceSettings
from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError, DeviceError, UnfitError
from bench.flow.phone.readiness import limits_of, session_caveats
from bench.handset.running import Running
from bench.measure.conditions import Limits, without_contention
from bench.measure.outcome import Measured
from bench.store.records import Event
from bench.store.store import Store
from device_profiles.device_profile import Battery, Cooldown, Profile

ROOT = Path(__file__).parents[3]
BATTERY = "/sys/class/power_supply/battery"
SKIN = "/sys/class/thermal/thermal_zone4/temp"
LOOKED_AT = (
    "settings list global; settings list system; dumpsys power | grep mWakefulness=; "
    "cat /data/system/hs/fixed_perf"
)
FIXED = replace(SUITE, fixed_performance=True)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "phones.db"


@pytest.fixture
def phone(boot_phone: Boot) -> Running:
    running = boot_phone()
    with closing(direct(running.serial)) as reached:
        reached.ask("input keyevent SLEEP; echo false > /data/system/hs/fixed_perf")
    return running


def looks(running: Running) -> list[str]:
    with closing(direct(running.serial)) as reached:
        reached.wait(PATIENCE_S)
        return sorted(reached.shell(LOOKED_AT).text.splitlines())


def events(database: Path, kind: str) -> list[Event]:
    with Store.open(database) as store:
        return [each for each in store.events() if each.kind == kind]


def test_after_a_sweep_the_phone_is_as_it_was_and_the_session_says_what_was_changed(
    phone: Running, tmp_path: Path, database: Path
) -> None:
    before = looks(phone)
    tool = stand_in(tmp_path, "settings get system screen_brightness >&2")
    swept = sweep([phone.serial], wanted(tool, TINY, suite=FIXED), database)
    assert swept.lanes[0].error is None
    assert all(each.stderr.strip() == "10" for each in swept.only)
    assert all(each.case.fixed_performance for each in swept.only)
    assert looks(phone) == before
    (told,) = events(database, "conditions")
    assert told.facts["refused"] == {}
    assert json.dumps(told.facts["changed"], sort_keys=True).startswith('{"animator-duration": "0"')
    assert {each.kind for each in session_caveats([told])} == {CaveatKind.FIXED_PERFORMANCE}


def test_a_phone_without_fixed_performance_is_set_aside_where_it_was_asked_for(
    phone: Running, tmp_path: Path, database: Path
) -> None:
    before = looks(phone)
    phone.set_property("ro.handset.fixed_performance", "0")
    swept = sweep([phone.serial], wanted(stand_in(tmp_path), TINY, suite=FIXED), database)
    assert isinstance(swept.lanes[0].error, DeviceError)
    assert "Failed to set FIXED_PERFORMANCE" in swept.lanes[0].error.message
    assert looks(phone) == before


def test_airplane_mode_is_refused_over_a_network(
    handset: Running, tmp_path: Path, database: Path
) -> None:
    what = wanted(stand_in(tmp_path), TINY, settings=DeviceSettings(airplane=True))
    error = sweep([handset.serial], what, database).lanes[0].error
    assert isinstance(error, ConfigurationError)
    assert "would disconnect it" in error.message


def test_a_phone_that_loses_adb_while_it_is_measured_is_put_back(
    phone: Running, tmp_path: Path, database: Path
) -> None:
    before, watch = looks(phone), Watch()

    def kill() -> None:
        watch.measured.wait(PATIENCE_S)
        phone.kill_adbd()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    what = wanted(stand_in(tmp_path, "sleep 0.2"), TINY, suite=FIXED)
    swept = sweep([phone.serial], what, database, watch=watch)
    killer.join(PATIENCE_S)
    assert swept.lanes[0].error is None
    assert looks(phone) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_after_ctrl_c_all_is_put_back_at_once_and_after_kill_9_at_the_next_contact(
    phone: Running, tmp_path: Path, number: signal.Signals
) -> None:
    before = looks(phone)
    tool = stand_in(tmp_path, "touch /data/local/tmp/began; sleep 600")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "ANDROID_ADB_SERVER_PORT": "1"}
    command = [sys.executable, "-m", "bench"]
    process = subprocess.Popen(
        [*command, "run", "-s", phone.serial, "--model", str(TINY), "--benchmark-binary",
         str(tool), "--fixed-performance"],
        cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    began = phone.path("/data/local/tmp/began")
    wait_until(lambda: began.exists() or process.poll() is not None)
    assert began.exists(), process.communicate()
    assert looks(phone) != before
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    if number == signal.SIGKILL:
        assert looks(phone) != before
        found = subprocess.run(
            [*command, "doctor", "-s", phone.serial],
            cwd=tmp_path, env=environ, capture_output=True, text=True,
        )  # fmt: skip
        assert "restored: " in found.stdout
    assert looks(phone) == before


def hot(running: Running, tenths: int = 412) -> None:
    running.write(f"{BATTERY}/temp", f"{tenths}\n")


def cool_sweep(
    phone: Running,
    tool: Path,
    database: Path,
    *,
    force: bool = False,
    cooldown_s: float = 1.5,
    watch: Watch | None = None,
) -> Swept:
    limits = without_contention(Limits(cooldown_s=cooldown_s))
    what = wanted(tool, TINY, limits=limits, force_unfit=force)
    return sweep([phone.serial], what, database, watch=watch)


class Cooling(Watch):
    """Lets a phone cool as soon as it is said to be too hot."""

    def __init__(self, phone: Running) -> None:
        super().__init__()
        self._phone = phone

    def on_message(self, device: str, line: str) -> None:
        super().on_message(device, line)
        if line.startswith("too hot"):
            hot(self._phone, 281)


def test_a_hot_phone_is_waited_for_and_measured_once_it_is_cool(
    phone: Running, tmp_path: Path, database: Path
) -> None:
    hot(phone)
    swept = cool_sweep(phone, stand_in(tmp_path), database, watch=Cooling(phone))
    assert swept.lanes[0].error is None
    assert len(swept.only) == 2
    assert swept.watch.lines[0] == (
        "too hot: battery at 41.2 °C, above 37 °C; waiting up to 1.5 s for it to cool down"
    )
    assert swept.watch.lines[1].startswith("it cooled down in ")
    assert swept.watch.steps[phone.serial, "cool-down"] == (2, 2)
    (cooled,) = events(database, "cool-down")
    assert cooled.facts["left"] == ""
    assert session_caveats([cooled]) == ()


def test_a_phone_that_stays_hot_is_set_aside_in_time_and_put_back(
    phone: Running, tmp_path: Path, database: Path
) -> None:
    phone.write(SKIN, "43500\n")
    before, started_s = looks(phone), time.monotonic()
    swept = cool_sweep(phone, stand_in(tmp_path), database)
    assert time.monotonic() - started_s < Limits().cooldown_s  # which a profile has too
    error = swept.lanes[0].error
    assert isinstance(error, UnfitError)
    assert "after 1.5 s: thermal status moderate; skin at 43.5 °C, above 37 °C" in error.message
    assert "--cooldown" in error.hint
    assert error.exit_code == 4
    assert swept.only == []
    assert looks(phone) == before


def test_a_phone_that_gets_hot_between_processes_is_waited_for(
    phone: Running, tmp_path: Path, database: Path
) -> None:
    phone.path(BATTERY).chmod(0o777)
    phone.path(f"{BATTERY}/temp").chmod(0o666)
    once = "/data/local/tmp/once"
    # The throw-away process and the first do nothing; the second heats the phone.
    body = f"echo x >> {once}; [ $(wc -l < {once}) = 2 ] && echo 420 > {BATTERY}/temp; true"
    watch = Watch()

    def cool() -> None:
        wait_until(lambda: any("too hot" in line for line in watch.lines))
        hot(phone, 300)

    cooler = threading.Thread(target=cool, daemon=True)
    cooler.start()
    limits = without_contention(Limits(cooldown_s=PATIENCE_S))
    what = wanted(stand_in(tmp_path, body), TINY, limits=limits)
    swept = sweep([phone.serial], what, database, watch=watch)
    cooler.join(PATIENCE_S)
    assert swept.lanes[0].error is None
    assert any("battery at 42.0 °C" in line for line in watch.lines)
    assert len([each for each in swept.only if isinstance(each.outcome, Measured)]) >= 2


def test_force_unfit_measures_at_once_and_marks_every_row(
    phone: Running, tmp_path: Path, database: Path
) -> None:
    hot(phone)
    started_s = time.monotonic()
    swept = cool_sweep(phone, stand_in(tmp_path), database, force=True, cooldown_s=PATIENCE_S)
    assert swept.lanes[0].error is None
    assert time.monotonic() - started_s < PATIENCE_S
    assert events(database, "cool-down") == []
    assert swept.watch.lines[0].startswith("unfit, measured anyway: ")
    ((case,),) = swept.cases.values()
    assert case.summary is not None
    (mark,) = [each for each in case.caveats if each.kind is CaveatKind.FORCE_UNFIT]
    assert mark.sticky
    assert "battery at 41.2 °C" in mark.evidence


def test_an_unfit_phone_ends_the_program_with_4_and_what_to_do(
    phone: Running, tmp_path: Path
) -> None:
    phone.write("/data/system/settings/global/low_power", "1\n")
    done = subprocess.run(
        [sys.executable, "-m", "bench", "run", "-s", phone.serial, "--model", str(TINY),
         "--benchmark-binary", str(stand_in(tmp_path)), "--keep-screen", "--cooldown", "0"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "ANDROID_ADB_SERVER_PORT": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "unfit to be measured: battery saver is on" in done.stderr
    assert "settings put global low_power 0" in done.stderr


def test_a_device_profile_gives_the_limits() -> None:
    profile = Profile(
        name="x",
        source="test",
        cooldown=Cooldown(max_temp_c=33.0, thermal_status=1, timeout_s=60.0),
        battery=Battery(min_level=40),
    )
    assert limits_of(profile) == Limits(
        temp_c=33.0, thermal_status=1, cooldown_s=60.0, battery_percent=40.0
    )


def test_what_a_phone_refused_is_a_note_on_its_session() -> None:
    at = "2026-01-01T00:00:00+00:00"
    facts: dict[str, object] = {"changed": {}, "refused": {"brightness": "SecurityException"}}
    (note,) = session_caveats([Event(kind="conditions", at=at, facts=facts)])
    assert (note.kind, note.evidence) == (
        CaveatKind.CONDITIONS_REFUSED, "brightness: SecurityException"
    )  # fmt: skip


def test_a_maker_that_locks_settings_is_answered_with_its_switch() -> None:
    refused = {"stay-awake": "SecurityException: requires:android.permission.WRITE_SECURE_SETTINGS"}
    facts: dict[str, object] = {"changed": {}, "refused": refused}
    (note,) = session_caveats(
        [Event(kind="conditions", at="2026-01-01T00:00:00+00:00", facts=facts)]
    )
    assert note.evidence.endswith(
        "some makers need USB debugging (Security settings) switched on too"
    )
