import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.reach import Boot, direct

from bench.adb.lock import locked
from bench.adb.phone import Phone
from bench.adb.state.identity import own_key
from bench.adb.state.reading import read_state
from bench.adb.state.settings import (
    DeviceSettings,
    changed_settings,
    restore_settings,
    wake,
)
from bench.core.device_state.state import Reading
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError
from bench.handset.running import Running

ALL = DeviceSettings(fixed_performance=True, airplane=True)
SETTINGS = "/data/system/settings"
STATE = "/data/system/hs"
# What the phone looks like to its owner.
LOOKED_AT = (
    "settings list global; settings list system; dumpsys power | grep mWakefulness=; "
    f"cat {STATE}/fixed_perf"
)


# Android's own: it ignores SIGPIPE, and complains when nobody reads the rest of 100 KB.
LONG_DUMP = """#!/system/bin/sh
[ "$1" = power ] || exec /system/bin/dumpsys "$@"
trap '' PIPE
shown=$(/system/bin/dumpsys power)
echo "$shown"
line=$(printf '%1000s' 'PARTIAL_WAKE_LOCK')
count=0
while [ $count -lt 150 ]; do
  count=$((count + 1))
  echo "$line" 2>/dev/null && continue
  echo "Failed to write while dumping service power: Broken pipe" >&2
  break
done
exit 0
"""
# Many phones warn like this whenever a program starts.
WARNING_SETTINGS = """#!/system/bin/sh
echo "WARNING: linker: unable to normalize a path" >&2
exec /system/bin/settings "$@"
"""


@pytest.fixture
def phone(boot_phone: Boot) -> Iterator[tuple[Running, Phone]]:
    running = boot_phone()
    # As its owner left it: dark, one animation slow, one never set.
    with closing(direct(running.serial)) as reached:
        reached.ask("settings put global window_animation_scale 2.5; input keyevent SLEEP")
        reached.ask(f"echo false > {STATE}/fixed_perf")
        yield running, reached


def looks(phone: Phone) -> list[str]:
    return sorted(phone.shell(LOOKED_AT).text.splitlines())


def make_fixed(running: Running, key: str) -> None:
    """Lets the phone refuse to change a setting."""
    path = running.path(f"{SETTINGS}/system/{key}")
    path.unlink()
    path.symlink_to("/system/etc/passwd")


def test_all_that_was_changed_is_back_as_it_was_found(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    before = looks(reached)
    assert not [line for line in before if "animator_duration" in line]
    with changed_settings(reached, ALL, serial=running.name, folder=tmp_path) as set_now:
        assert set_now.refused == {}
        inside = looks(reached)
        for line in (
            "airplane_mode_on=1", "stay_on_while_plugged_in=7", "screen_off_timeout=86400000",
            "screen_brightness=10", "screen_brightness_mode=0", "animator_duration_scale=0",
            "window_animation_scale=0", "transition_animation_scale=0", "  mWakefulness=Awake",
            "true",
        ):  # fmt: skip
            assert line in inside
        kept = json.loads((tmp_path / f"{running.name}.json").read_text())
        assert kept["found"]["window-animation"] == "2.5"
        assert kept["found"]["animator-duration"] is None
        assert kept["found"]["screen"] == "SLEEP"
    assert looks(reached) == before
    assert not list(tmp_path.glob("*.json"))


def test_what_is_not_asked_for_is_left_alone(phone: tuple[Running, Phone], tmp_path: Path) -> None:
    running, reached = phone
    with changed_settings(
        reached, DeviceSettings(screen=False), serial=running.name, folder=tmp_path
    ) as changed:
        assert set(changed.changed) == {
            "window-animation", "transition-animation", "animator-duration"
        }  # fmt: skip
        assert "  mWakefulness=Asleep" in looks(reached)


def test_a_dark_phone_with_a_long_dump_and_warnings_is_woken_and_dark_again_at_the_end(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    for name, script in (("dumpsys", LONG_DUMP), ("settings", WARNING_SETTINGS)):
        running.write(f"/product/bin/{name}", script)
        running.path(f"/product/bin/{name}").chmod(0o755)
    before = looks(reached)
    assert "Broken pipe" in reached.shell("dumpsys power | head -n1; sleep 0.1").stderr.decode()
    with changed_settings(
        reached, DeviceSettings(), serial=running.name, folder=tmp_path
    ) as changed:
        assert changed.refused == {}
        assert changed.changed["screen"] == "WAKEUP"
        assert "  mWakefulness=Awake" in looks(reached)
        reached.ask("input keyevent SLEEP")
        assert read_state(reached).screen == Reading(value="Asleep")
        assert wake(reached) == ""
        assert read_state(reached).screen == Reading(value="Awake")
    assert looks(reached) == before


def test_after_an_exception_all_is_back(phone: tuple[Running, Phone], tmp_path: Path) -> None:
    running, reached = phone
    before, over = looks(reached), threading.Event()
    reached.stopped = over.is_set
    with (
        pytest.raises(KeyboardInterrupt),
        changed_settings(reached, ALL, serial=running.name, folder=tmp_path),
    ):
        threading.Timer(0.2, over.set).start()  # Ctrl-C
        reached.ask("sleep 20")
    over.clear()
    assert looks(reached) == before


def test_a_phone_whose_adb_is_gone_at_the_end_is_waited_for(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    before = looks(reached)
    with changed_settings(reached, ALL, serial=running.name, folder=tmp_path):
        running.kill_adbd()
    reached.wait(PATIENCE_S)
    assert looks(reached) == before
    assert not list(tmp_path.glob("*.json"))


def test_a_phone_that_stays_away_is_put_back_at_the_next_contact(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    before = looks(reached)
    messages: list[str] = []
    with changed_settings(
        reached, ALL, serial=running.name, folder=tmp_path, away_s=0.3, on_message=messages.append
    ):
        running.write(f"{STATE}/no_respawn", "")
        running.kill_adbd()
        while running.adbd_pids():
            time.sleep(0.02)
    assert "at the next contact" in messages[0]
    running.path(f"{STATE}/no_respawn").unlink()
    reached.wait(PATIENCE_S)
    assert looks(reached) != before
    restored = restore_settings(reached, folder=tmp_path)
    assert restored.startswith("restored: ") and "fixed-performance" in restored
    assert looks(reached) == before
    assert restore_settings(reached, folder=tmp_path) == ""


def test_our_own_values_are_never_taken_for_what_was_found(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    before = looks(reached)
    messages: list[str] = []
    cut_off = changed_settings(reached, ALL, serial=running.name, folder=tmp_path / "one")
    cut_off.__enter__()  # and never left, as after kill -9
    (tmp_path / "two").mkdir()
    left = tmp_path / "one" / f"{running.name}.json"
    (tmp_path / "two" / left.name).write_text(left.read_text())
    with changed_settings(
        reached, ALL, serial=running.name, folder=tmp_path / "two", on_message=messages.append
    ):
        assert looks(reached) != before
    assert looks(reached) == before
    assert "an earlier run was interrupted: restored" in messages[0]


def test_what_a_phone_refuses_is_told_in_its_own_words_and_the_rest_is_done(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    make_fixed(running, "screen_brightness")
    before = looks(reached)
    asked = DeviceSettings(airplane=True)
    running.set_property("ro.build.version.sdk", "29")
    with changed_settings(reached, asked, serial=running.name, folder=tmp_path) as changed:
        assert changed.refused.keys() == {"brightness", "airplane-mode"}
        assert "Read-only file system" in changed.refused["brightness"]
        assert changed.refused["airplane-mode"] == "Unknown command: airplane-mode"
        assert "stay-awake" in changed.changed
    assert looks(reached) == before


def test_fixed_performance_that_is_refused_is_an_error_and_nothing_stays_changed(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    before = looks(reached)
    running.set_property("ro.handset.fixed_performance", "0")
    with (
        pytest.raises(DeviceError, match="Failed to set FIXED_PERFORMANCE mode") as caught,
        changed_settings(reached, ALL, serial=running.name, folder=tmp_path),
    ):
        pass
    assert "--fixed-performance" in caught.value.hint
    assert looks(reached) == before
    assert not list(tmp_path.glob("*.json"))


def test_what_cannot_be_put_back_stays_remembered(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    before = looks(reached)
    messages: list[str] = []
    with changed_settings(
        reached, ALL, serial=running.name, folder=tmp_path, on_message=messages.append
    ):
        make_fixed(running, "screen_off_timeout")
    assert "could not be restored, and is tried again next time: screen-time-out: " in messages[0]
    assert "Read-only file system" in messages[0]
    kept = json.loads((tmp_path / f"{running.name}.json").read_text())
    assert kept["found"] == {"screen-time-out": "30000"}
    running.path(f"{SETTINGS}/system/screen_off_timeout").unlink()
    assert restore_settings(reached, folder=tmp_path) == "restored: screen-time-out"
    assert looks(reached) == before


@pytest.mark.parametrize("text", ["{", '{"serial": "x", "found": {"volume": "3"}}'])
def test_a_memory_that_cannot_be_read_is_named_with_what_to_do(
    phone: tuple[Running, Phone], tmp_path: Path, text: str
) -> None:
    _, reached = phone
    path = tmp_path / f"{own_key(reached)}.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        restore_settings(reached, folder=tmp_path)
    assert str(path) in caught.value.message
    assert f"remove {path}" in caught.value.hint
    with (
        pytest.raises(ConfigurationError),
        changed_settings(reached, ALL, serial=own_key(reached), folder=tmp_path),
    ):
        pass
    assert path.read_text() == text


def test_a_phone_that_is_measured_another_way_is_left_alone(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    _, reached = phone
    (tmp_path / f"{own_key(reached)}.json").write_text(
        '{"serial": "x", "found": {"screen": "SLEEP"}}'
    )
    with (
        locked(own_key(reached), tmp_path),
        pytest.raises(TransientDeviceError, match="is using it"),
    ):
        restore_settings(reached, folder=tmp_path)


def replace_command(running: Running, name: str, body: str) -> None:
    running.write(f"/product/bin/{name}", f"#!/system/bin/sh\n{body}\n")
    running.path(f"/product/bin/{name}").chmod(0o755)


def test_a_phone_that_refuses_keys_is_woken_by_its_power_service(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    # As Xiaomi's do without "USB debugging (Security settings)".
    refusal = "java.lang.SecurityException: Injecting to another application requires INJECT_EVENTS"
    replace_command(running, "input", f"echo {refusal!r} >&2; exit 255")
    messages: list[str] = []
    with changed_settings(
        reached,
        DeviceSettings(),
        serial=running.name,
        folder=tmp_path,
        on_message=messages.append,
        away_s=0,
    ) as changed:
        assert changed.refused == {}
        assert "  mWakefulness=Awake" in looks(reached)
        assert reached.ask("settings get global stay_on_while_plugged_in") == "7"
    assert "could not be restored" in messages[0]
    assert "INJECT_EVENTS" in messages[0]
    assert reached.ask("settings get global stay_on_while_plugged_in") == "0"


def test_a_brightness_that_reads_back_one_step_off_counts_as_set(
    phone: tuple[Running, Phone], tmp_path: Path
) -> None:
    running, reached = phone
    # As a phone does that keeps it as a fraction.
    replace_command(
        running,
        "settings",
        '[ "$1 $3" = "get screen_brightness" ] || exec /system/bin/settings "$@"\n'
        'echo $(($(/system/bin/settings "$@") - 1))',
    )
    before = looks(reached)
    with changed_settings(
        reached, DeviceSettings(), serial=running.name, folder=tmp_path
    ) as changed:
        assert changed.refused == {}
        assert changed.changed["brightness"] == "10"
        assert reached.ask("settings get system screen_brightness") == "9"
    reached.ask("/system/bin/rm -f /product/bin/settings || true")
    running.path("/product/bin/settings").unlink(missing_ok=True)
    assert [line for line in looks(reached) if "brightness=" not in line] == [
        line for line in before if "brightness=" not in line
    ]
    assert reached.ask("settings get system screen_brightness") in ("101", "102")
