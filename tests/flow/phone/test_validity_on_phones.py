import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.gate_machine import FunctionDevice
from support.patience import PATIENCE_S, wait_until
from support.phone_sweeps import QUICK, SUITE, TINY, stand_in, wanted
from support.reach import direct

from bench.adb.phone import FOLDER
from bench.cli.shown.cases import show
from bench.core.caveats import CaveatKind
from bench.flow.measure.session import measure, open_session
from bench.flow.report.results import CaseResult
from bench.flow.report.stored import results
from bench.handset.running import Running
from bench.measure.conditions import Limits
from bench.measure.outcome import Measured
from bench.plan.case import Case
from bench.plan.suite import Suite
from bench.store.records import Invocation
from bench.store.store import Store
from bench.tool.host import Execution

CPU = "/sys/devices/system/cpu/cpufreq/policy0"
BEGUN, GO = "/data/local/tmp/begun", "/data/local/tmp/go"
ZONE = "/sys/class/thermal/thermal_zone4/temp"
LAST_SAMPLED = "cpu7/cpufreq/cpuinfo_max_freq"
# The second process (the first is thrown away) says that it runs, and waits until it may go on.
WAITS = (
    f"echo x >>{BEGUN}; n=0; while read -r line; do n=$((n+1)); done <{BEGUN}; "
    f"[ $n != 2 ] || while [ ! -e {GO} ]; do sleep 0.02; done"
)


@dataclass(frozen=True)
class Fault:
    """A file of the phone that is written while a process runs."""

    kind: CaveatKind
    path: str
    text: str
    evidence: str


FAULTS = [
    Fault(CaveatKind.THROTTLED, ZONE, "43500", "after the process: thermal status moderate"),
    Fault(CaveatKind.CAP_LOWERED, f"{CPU}/scaling_max_freq", "1171200", "1171 MHz of 2016 MHz"),
    Fault(CaveatKind.BATTERY_LOW, "/sys/class/power_supply/battery/capacity", "12", "at 12 %"),
    Fault(CaveatKind.BATTERY_LOW, "/data/system/settings/global/low_power", "1", "battery saver"),
    Fault(CaveatKind.THERMAL_OVERRIDE, "/data/system/hs/thermal_status", "0", "set by hand"),
    Fault(CaveatKind.SCREEN_CHANGED, "/data/system/hs/wakefulness", "Asleep", "Awake to Asleep"),
]
SLOW = "300000 100400\n691200 100000\n1171200 100000\n1612800 100000\n2016000 100600\n"


@pytest.fixture
def phone(handset: Running) -> Running:
    for path in (BEGUN, GO):
        handset.path(path).unlink(missing_ok=True)
    return handset


def measured(
    phone: Running, tool: Path, run: Callable[[Callable[[Case], Execution], Case], Execution],
    database: Path, *, suite: Suite = SUITE,
    limits: Limits | None = None,
) -> tuple[list[Invocation], CaseResult]:  # fmt: skip
    """Returns the processes of a session of one case, and what they add up to."""
    what = wanted(tool, TINY, suite=suite, limits=limits)
    with closing(direct(phone.serial)) as way, Store.open(str(database)) as store:
        sweep, processes = what.staged(way)
        session = open_session(sweep, store)
        measure(sweep, session, store, FunctionDevice(lambda case: run(processes.run, case)))
        (case,) = results(store, session)
        return store.invocations(session.id), case


class Once:
    """Writes a file of the phone while the first process that counts runs, and then restores it."""

    def __init__(self, phone: Running, path: str, text: str) -> None:
        self.phone, self.path, self.text = phone, phone.path(path), text
        self.ran = 0

    def __call__(self, run: Callable[[Case], Execution], case: Case) -> Execution:
        self.ran += 1
        if self.ran != 2:
            return run(case)
        before = self.path.read_text() if self.path.exists() else None
        writer = threading.Thread(target=self._write, daemon=True)
        writer.start()
        try:
            return run(case)
        finally:
            writer.join(PATIENCE_S)
            if before is None:
                self.path.unlink()
            else:
                self.path.write_text(before)

    def _until_begun(self) -> None:
        begun = self.phone.path(BEGUN)
        wait_until(lambda: begun.exists() and len(begun.read_text().split()) >= 2)

    def _write(self) -> None:
        self._until_begun()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text)
        self.phone.write(GO, "")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.text}")
def test_what_happens_to_the_phone_during_a_process_discards_it_and_it_is_measured_again(
    phone: Running, tmp_path: Path, fault: Fault
) -> None:
    once = Once(phone, fault.path, fault.text)
    found, case = measured(phone, stand_in(tmp_path, WAITS), once, tmp_path / "a.db")
    spoilt, *rest = [each.outcome for each in found]
    assert len(rest) == 2
    assert isinstance(spoilt, Measured)
    (caveat,) = spoilt.caveats
    assert caveat.kind is fault.kind
    assert fault.evidence in caveat.evidence
    # The phone was cool when the session began, so a cap that had stood then would be a note.
    assert all(each.telemetry.cool_at_start for each in found)
    # Nothing depends on latency: the stand-in always prints the same one.
    for each in rest:
        assert isinstance(each, Measured)
        assert each.caveats == ()
        assert each.inference_us == spoilt.inference_us
    assert case.summary is not None
    assert (case.summary.processes, case.discarded, case.failed) == (2, 1, 0)
    assert [each.kind for each in case.discards] == [fault.kind]
    assert fault.kind not in {each.kind for each in case.caveats}


class Within(Once):
    """Lowers a cap and warms the skin, and undoes both before the process ends."""

    def _write(self) -> None:
        skin, cool = self.phone.path(ZONE), self.phone.path(ZONE).read_text()
        full = self.path.read_text()
        self._until_begun()
        skin.write_text("38000")
        self.path.write_text(self.text)
        samples = self.phone.path(f"{FOLDER}/samples")
        wait_until(lambda: LAST_SAMPLED in samples.read_text())
        skin.write_text(cool)
        self.path.write_text(full)
        self.phone.write(GO, "")


def test_what_happens_within_a_long_process_discards_it_though_all_is_well_at_its_end(
    phone: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = replace(SUITE, protocol=replace(QUICK, processes=1))
    within = Within(phone, f"{CPU}/scaling_max_freq", "1171200")
    tool = stand_in(tmp_path, WAITS)
    found, case = measured(phone, tool, within, tmp_path / "a.db", suite=suite)
    spoilt = found[0].outcome
    assert isinstance(spoilt, Measured)
    assert [each.kind for each in spoilt.caveats] == [CaveatKind.THROTTLED, CaveatKind.CAP_LOWERED]
    assert (
        "s into the process: battery or skin at 38.0 °C, above 37 °C" in spoilt.caveats[0].evidence
    )
    assert (
        "s into the process: cores 0-3 may reach 1171 MHz of 2016 MHz" in spoilt.caveats[1].evidence
    )
    assert len(found) == 2
    assert case.sampled is not None
    assert (case.sampled.processes, case.sampled.samples) == (1, 1)
    assert case.sampled.cap_khz_min == 3_187_200
    with Store.open(str(tmp_path / "a.db")) as store:
        (session,) = store.sessions()
    show([(session, [case])], [], as_json=True)
    out, err = capsys.readouterr()
    assert json.loads(out)["sessions"][0]["cases"][0]["sampled"]["temp_c_max"] == 43.9
    assert (
        "while it ran (samples: 1, processes: 1): the fastest cores were at 3187 MHz or more, "
        "might reach 3187 MHz, the hottest zone had 43.9 °C"
    ) in " ".join(err.split())


@pytest.mark.parametrize("fixed", [False, True])
def test_cores_below_their_cap_are_a_note_unless_the_clock_was_to_be_held(
    phone: Running, tmp_path: Path, fixed: bool
) -> None:
    suite = replace(SUITE, fixed_performance=fixed, protocol=replace(QUICK, processes=1))
    once = Once(phone, f"{CPU}/stats/time_in_state", SLOW)
    tool = stand_in(tmp_path, WAITS)
    found, case = measured(phone, tool, once, tmp_path / "a.db", suite=suite)
    first = found[0].outcome
    assert isinstance(first, Measured)
    assert first.is_valid is not fixed
    kind = CaveatKind.CLOCK_BELOW_PIN if fixed else CaveatKind.CLOCK_BELOW_CAP
    assert [each.kind for each in first.caveats] == [kind]
    assert "cores 0-3 ran below 2016 MHz for 40% of 10.00 s" in first.caveats[0].evidence
    assert len(found) == 1 + fixed
    assert case.discarded == fixed
    assert (kind in {each.kind for each in case.caveats}) is not fixed


def test_a_core_that_somebody_else_used_discards_the_process(
    phone: Running, tmp_path: Path
) -> None:
    spins = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done"
    suite = replace(SUITE, affinity="1", protocol=replace(QUICK, processes=1, max_repeats=0))
    thief = "import os\nos.sched_setaffinity(0, {0})\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", thief]) as stealing:
        try:
            found, case = measured(
                phone, stand_in(tmp_path, spins), lambda run, case: run(case), tmp_path / "a.db",
                suite=suite, limits=Limits(),
            )  # fmt: skip
        finally:
            stealing.kill()
    outcome, telemetry = found[0].outcome, found[0].telemetry
    assert isinstance(outcome, Measured)
    (caveat,) = outcome.caveats
    assert caveat.kind is CaveatKind.CORE_STOLEN
    assert "for a core" in caveat.evidence
    assert "others used" in caveat.evidence
    assert (telemetry.run_queue_wait_s or 0) > 0.1
    assert telemetry.cores == (0,)
    assert case.summary is None
    assert case.discarded == 1
