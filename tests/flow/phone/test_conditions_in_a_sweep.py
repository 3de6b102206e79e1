from pathlib import Path

from support.phone_sweeps import QUICK, TINY, Swept, stand_in, sweep, wanted
from support.reach import Boot

from bench.core.caveats import CaveatKind
from bench.flow.phone.drift_probe import PROBE
from bench.flow.phone.readiness import SETTINGS
from bench.handset.running import Running
from bench.measure.outcome import Measured
from bench.store.store import Store

BEGUN, ASKED = "/data/local/tmp/begun", "/data/local/tmp/asked"
# What the second process, the first that counts, does to the phone.
SECOND = f"echo x >>{BEGUN}; n=0; while read -r line; do n=$((n+1)); done <{BEGUN}; [ $n != 2 ] ||"
WAKEFULNESS = "/data/system/hs/wakefulness"


def swept(running: Running, tool: Path, database: Path) -> Swept:
    found = sweep([running.serial], wanted(tool, TINY), database)
    assert found.lanes[0].error is None
    return found


def screens(found: Swept) -> list[tuple[str | None, str | None]]:
    return [
        (before.screen.text, after.screen.text)
        for each in found.only
        if (before := each.telemetry.before) and (after := each.telemetry.after)
    ]


def test_a_screen_that_goes_dark_is_woken_before_the_next_process(
    boot_phone: Boot, tmp_path: Path
) -> None:
    running = boot_phone()
    tool = stand_in(tmp_path, f"{SECOND} input keyevent SLEEP")
    found = swept(running, tool, tmp_path / "a.db")
    dark, awake = ("Awake", "Asleep"), ("Awake", "Awake")
    assert screens(found) == [dark, awake, awake]
    spoilt = found.only[0].outcome
    assert isinstance(spoilt, Measured)
    assert [each.kind for each in spoilt.caveats] == [CaveatKind.SCREEN_CHANGED]
    assert found.watch.lines.count("its screen went off and was turned on again") == 1
    (rows,) = found.cases.values()
    assert rows[0].discarded == 1
    assert rows[0].summary is not None
    assert rows[0].summary.processes == QUICK.processes


def test_a_screen_that_stays_dark_is_told_once_and_measured_on(
    boot_phone: Boot, tmp_path: Path
) -> None:
    running = boot_phone()
    breaks = f"{{ rm -f {WAKEFULNESS}; ln -s /system/build.prop {WAKEFULNESS}; }}"
    found = swept(running, stand_in(tmp_path, f"{SECOND} {breaks}"), tmp_path / "a.db")
    assert len(found.only) == 3
    (line,) = [line for line in found.watch.lines if line.startswith("its screen went off")]
    assert line.startswith("its screen went off and cannot be turned on: ")
    assert "Read-only file system" in line


def task_profile(running: Running, script: str) -> None:
    running.write("/product/bin/settaskprofile", f"#!/system/bin/sh\n{script}\n")
    running.path("/product/bin/settaskprofile").chmod(0o755)


def changed(found: Swept, database: Path) -> object:
    with Store.open(str(database)) as store:
        (session,) = found.watch.sessions
        events = store.events(session.id)
    assert PROBE not in {each.kind for each in events}, "it shows its heat and its clocks"
    (event,) = [each for each in events if each.kind == SETTINGS]
    told = event.facts["changed"]
    assert isinstance(told, dict)
    return told.get("task-profile")


def test_each_process_is_given_what_an_app_in_front_has(boot_phone: Boot, tmp_path: Path) -> None:
    running = boot_phone()
    task_profile(running, f'echo "$@ $PPID" >>{ASKED}')
    found = swept(running, stand_in(tmp_path), tmp_path / "a.db")
    assert changed(found, tmp_path / "a.db") == "MaxPerformance"
    asked = [line.split() for line in running.path(ASKED).read_text().splitlines()]
    # The shell that asks for it is the one that starts the process: the facts', and one of each.
    assert all(each[1] == "MaxPerformance" for each in asked)
    assert sum(each[0] == each[2] for each in asked) >= 1 + len(found.only)


def test_a_phone_that_refuses_the_task_profile_is_measured_without_and_that_is_recorded(
    boot_phone: Boot, tmp_path: Path
) -> None:
    running = boot_phone()
    task_profile(running, "echo Failed to set task profile >&2; echo noise; exit 1")
    found = swept(running, stand_in(tmp_path), tmp_path / "a.db")
    assert changed(found, tmp_path / "a.db") is None
    assert len(found.only) == QUICK.processes
    for each in found.only:
        assert isinstance(each.outcome, Measured)
        assert "noise" not in each.stdout
        assert "task profile" not in each.stderr
