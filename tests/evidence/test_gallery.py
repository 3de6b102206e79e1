"""All verbs that touch a phone on each of the gallery, and forty hard sessions; half an hour."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.gallery import EXPECTED, Expected
from support.gallery_runs import Ran, examined, left_running, ran, settings_of
from support.gate_phone import drawn_tool, revision
from support.patience import wait_until
from support.phone_sweeps import TINY, stand_in
from support.program import COMMAND, NO_SERVER, command_line
from support.reach import Boot, direct
from support.tables import table, write_texts

from bench.core.device_state.state import thermal_word
from bench.core.errors import ConfigurationError
from bench.handset.running import Running
from bench.snapshot.keeping import as_kept
from bench.snapshot.layout import Snapshot, differences
from models.zoo import Zoo

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "bench" / "handset" / "gallery"
AUDIO_MODEL = ROOT / "tests" / "data" / "audio_models" / "waveform.tflite"
THERE = "/data/local/tmp"
SESSIONS = KILLS = 20
RUNS_ON_S = 5.0  # more than a process and a sample of it take
UNFIT = 4
SEEN = """\
What the program finds on each phone of the gallery and does with it. Each is a snapshot that comes
with the program (`bench/handset/gallery`), replayed by a virtual handset; its `SNAPSHOT.md` has
what is from which device, and what is made up. The verdict is the one that doctor would give if the
phone were not virtual. Every value is the one that the phone's sources give. `run` is with a tool
that is a script; the official tool is the handset's own build, aligned to pages of 4 KB. On all of
them the settings and the screen were restored, and a snapshot of the replay is equal to the phone's
(`make evidence`)."""
WHAT = {0: "measured", 2: "refused before anything is measured (2)", UNFIT: "set aside (4)"}
HEAD = [
    "phone", "chip", "doctor", "clusters (GHz)", "mask", "status", "cpu °C", "skin °C", "screen",
    "page", "run", "with the official tool", "settings refused",
]  # fmt: skip
TIMES = """\
How long each verb takes on each, in seconds, with a tool that answers at once; `score --on` has the
official one. The machine was busy with other work."""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the user's state and phones out."""
    monkeypatch.setenv("FRILL_BENCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    monkeypatch.chdir(tmp_path)


@dataclass(kw_only=True)
class Timed:
    """How long each verb took on a phone."""

    took_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def verb(self, name: str) -> Iterator[None]:
        begun_s = time.perf_counter()
        yield
        self.took_s[name] = time.perf_counter() - begun_s


def test_every_phone_is_seen_as_its_sources_have_it_and_left_as_it_was(
    boot_phone: Boot, tmp_path: Path, split_tones: Path
) -> None:
    rows, times = [], []
    for name, expected in EXPECTED.items():
        timed = Timed()
        phone = boot_phone(replay=name)
        before = settings_of(phone)
        with timed.verb("devices --snapshot"):
            command_line("devices", "-s", phone.serial, "--snapshot", name, status=0)
        found, again = Snapshot.load(GALLERY / name), Snapshot.load(tmp_path / name)
        assert differences(as_kept(found), again, given=True) == ()
        with timed.verb("devices"):
            command_line("devices", "-s", phone.serial, status=0)
        with timed.verb("doctor"):
            seen = examined(phone.serial).seen
        assert expected.heat in seen.heat
        assert seen.shown == expected.shown, name
        with timed.verb("run"):
            done = ran(phone.serial, stand_in(tmp_path), tmp_path / f"{name}.db")
        assert done.code == (0 if expected.measured else UNFIT), done.words
        assert done.refused == expected.refused
        with timed.verb("run, official tool"):
            official = ran(phone.serial, None, tmp_path / f"{name}.db")
        assert official.code == official_code(expected), official.words
        others(timed, phone, expected, tmp_path / f"{name}-work", split_tones)
        assert settings_of(phone) == before
        rows.append(row(name, seen, done, official))
        times.append([name, *(f"{took_s:.1f}" for took_s in timed.took_s.values())])
        phone.stop()
    write_texts("phones", SEEN, table(HEAD, rows), TIMES, table(["phone", *timed.took_s], times))


def official_code(expected: Expected) -> int:
    """Returns how a run with the handset's official tool ends."""
    if not expected.official:
        return ConfigurationError.exit_code
    return 0 if expected.measured else UNFIT


def row(name: str, seen: Expected, done: Ran, official: Ran) -> list[str]:
    """Returns what was found on a phone and done with it, as a row of the first table."""
    status = seen.status if isinstance(seen.status, str) else thermal_word(seen.status)
    clusters = " + ".join(f"{count} of {khz / 1e6:.2f}" for count, khz in seen.clusters)
    doubts = ", ".join(f"{check} ({level})" for check, level in seen.findings.items())
    return [
        name,
        seen.chip,
        f"{seen.verdict.value}{f': {doubts}' if doubts else ''}",
        clusters or "hidden",
        seen.mask or "none",
        status,
        *("hidden" if value is None else f"{value:.1f}" for value in (seen.cpu_c, seen.skin_c)),
        seen.screen,
        f"{seen.page_bytes // 1024} KB",
        *(WHAT[each.code] for each in (done, official)),
        ", ".join(done.refused) or "none",
    ]


def others(timed: Timed, phone: Running, expected: Expected, folder: Path, tones: Path) -> None:
    """Runs the other verbs that touch a phone; those that measure set an unfit one aside."""
    folder.mkdir()
    tool = drawn_tool(folder / "tool", slowdowns={}, profile="locked")
    measure = (
        "-s",
        phone.serial,
        "--db",
        folder / "db",
        "--benchmark-binary",
        tool,
        "--cooldown=1",
    )
    old, new = (
        revision(folder / name, "model", number=each).root for each, name in enumerate("ab")
    )
    status = 0 if expected.measured else UNFIT
    with timed.verb("gate"):
        gate = ("gate", "--baseline", old, "--candidate", new, "--max-minutes=0.2", "--margin=20%")
        command_line(*gate, *measure, status=status)
    with timed.verb("calibrate"):
        calibrate = ("calibrate", "--model", TINY, "--blocks=14")
        command_line(*calibrate, *measure, status=status)
    Zoo(folder / "zoo").add(AUDIO_MODEL)
    with timed.verb("score --on"):
        score = ("score", "--on", phone.serial, "--zoo", folder / "zoo", "--task-set", tones)
        started = 0 if expected.official else ConfigurationError.exit_code
        command_line(*score, "--db", folder / "db", status=started)


def test_twenty_of_twenty_sessions_wake_a_dark_phone_and_leave_it_dark(
    boot_phone: Boot, tmp_path: Path
) -> None:
    phone = boot_phone(replay="android10")
    tool = stand_in(tmp_path, f"dumpsys power | grep mWakefulness= >>{THERE}/seen")
    rows = []
    for number in range(SESSIONS):
        before = settings_of(phone)
        begun_s = time.perf_counter()
        done = ran(phone.serial, tool, tmp_path / f"{number}.db")
        took_s = time.perf_counter() - begun_s
        assert done.code == 0 and done.case is not None, done.words
        assert "screen_off" not in {each["kind"] for each in done.case["caveats"]}
        with closing(direct(phone.serial)) as wire:
            seen = wire.ask(f"cat {THERE}/seen; rm {THERE}/seen").split()
        after = settings_of(phone)
        assert before == after and before["screen"] == "mWakefulness=Asleep"
        assert set(seen) == {"mWakefulness=Awake"}
        words = (before["screen"], f"{len(seen)} awake", after["screen"], f"{took_s:.1f}")
        rows.append([str(number), *words])
    write_texts(
        "dark",
        f"{SESSIONS} sessions on the gallery's dark phone (android10), whose power service prints "
        f"more than a pipe holds: woken {len(rows)} of {SESSIONS}, and dark again afterwards "
        "(`make evidence`).",
        table(["session", "before", "processes", "afterwards", "took s"], rows),
    )


def test_after_twenty_of_twenty_kills_nothing_runs_on_a_phone_of_android_8(
    boot_phone: Boot, tmp_path: Path
) -> None:
    chance = random.Random(8)  # noqa: S311 - moments, not secrets
    phone = boot_phone(replay="android8-pixel1")
    tool = stand_in(tmp_path, "sleep 1.5")
    before, rows = settings_of(phone), []
    with closing(direct(phone.serial)) as wire:
        for number in range(KILLS):
            delay_s = chance.uniform(0.0, 3.0)
            database = tmp_path / f"{number}.db"
            command = [
                *COMMAND, "run", "-s", phone.serial, "--model", str(TINY), "--db", str(database),
                "--benchmark-binary", str(tool), "--processes=4", "--no-check", "--no-conventional",
            ]  # fmt: skip
            environ = {**os.environ, **NO_SERVER, "PYTHONPATH": str(ROOT)}
            running = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
            wait_until(lambda: bool(left_running(wire)))
            time.sleep(delay_s)
            running.send_signal(signal.SIGKILL)
            running.wait()
            then = len(left_running(wire).splitlines())
            time.sleep(RUNS_ON_S)
            later = len(left_running(wire).splitlines())
            assert later == 0
            assert command_line("devices", "-s", phone.serial).returncode == 0
            assert not left_running(wire)
            assert settings_of(phone) == before
            rows.append([str(number), f"{delay_s:.2f}", str(then), str(later), "0"])
    write_texts(
        "kill-on-a-phone",
        "`kill -9` of `frill-bench run` on the gallery's phone of Android 8.1, at seeded random "
        f"moments after its first process began: {KILLS} of {KILLS} times nothing ran on the phone "
        f"{RUNS_ON_S:g} s later, and its settings were restored at the next contact "
        "(`frill-bench devices`; `make evidence`).",
        table(
            [
                *("run", "killed after s", "still ran then", f"{RUNS_ON_S:g} s later"),
                "after the next contact",
            ],
            rows,
        ),
    )
