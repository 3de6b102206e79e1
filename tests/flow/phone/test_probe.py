import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from support.patience import stretched
from support.phone_sweeps import DATA, QUICK, SUITE, TINY, stand_in, sweep, wanted
from support.reach import Boot

from bench.core.caveats import CaveatKind, Effect
from bench.flow.phone.drift_probe import MODEL, PROBE, probe_caveats
from bench.flow.report.stored import results
from bench.handset.running import Running
from bench.measure.outcome import Measured
from bench.store.records import Event
from bench.store.store import Store

# As a phone before Android 10, which has no such service.
NO_SERVICE = """#!/system/bin/sh
case $1 in thermalservice) echo "Can't find service: $1" >&2; exit 20;; esac
exec /system/bin/dumpsys "$@"
"""
TWELVE = replace(SUITE, protocol=replace(QUICK, processes=12))


@pytest.fixture
def hiding(boot_phone: Boot) -> Running:
    """Returns a phone that shows neither its thermal status nor its clocks."""
    running = boot_phone()
    running.write("/product/bin/dumpsys", NO_SERVICE)
    running.path("/product/bin/dumpsys").chmod(0o755)
    for core in range(8):
        running.path(f"/sys/devices/system/cpu/cpu{core}/cpufreq").unlink()
    return running


def probes(database: Path) -> list[Event]:
    with Store.open(str(database)) as store:
        (session,) = store.sessions()
        return [each for each in store.events(session.id) if each.kind == PROBE]


def test_a_phone_that_hides_heat_and_clocks_is_probed_between_processes(
    hiding: Running, official_binary: Path, tmp_path: Path
) -> None:
    what = wanted(official_binary, TINY, suite=TWELVE)
    swept = sweep([hiding.serial], what, tmp_path / "a.db")
    assert swept.lanes[0].error is None
    # After the first ten and at the end too; the process thrown away shows what is hidden.
    found = probes(tmp_path / "a.db")
    assert len(found) == 3
    for each in found:
        latency_us = each.facts["latency_us"]
        assert isinstance(latency_us, list)
        assert len(latency_us) == 3
        assert min(latency_us) > 10
        assert each.facts["failure"] is None
    # No probe is a result, and none decides about one.
    assert len(swept.only) == 12
    assert all(isinstance(each.outcome, Measured) and each.outcome.is_valid for each in swept.only)
    (rows,) = swept.cases.values()
    assert CaveatKind.STATE_HIDDEN in {each.kind for each in rows[0].caveats}
    with Store.open(str(tmp_path / "a.db")) as store:
        (session,) = store.sessions()
        store.log(session, PROBE, latency_us=[1e6, 1e6, 1e6])
        (row,) = results(store, session)
    (drift,) = [each for each in row.caveats if each.kind is CaveatKind.PROBE_DRIFTED]
    assert "1000000 us after" in drift.evidence
    assert drift.effect is Effect.NOTE


def test_a_probe_that_does_not_run_is_told_once_and_left_out(
    hiding: Running, tmp_path: Path
) -> None:
    fails = 'for word in "$@"; do case $word in --min_secs=0.1) exit 9;; esac; done'
    tool = stand_in(tmp_path, fails)
    swept = sweep([hiding.serial], wanted(tool, TINY, suite=TWELVE), tmp_path / "a.db")
    assert swept.lanes[0].error is None
    (failed,) = probes(tmp_path / "a.db")
    assert failed.facts["latency_us"] == []
    assert len([line for line in swept.watch.lines if "the drift probe fails" in line]) == 1
    assert len(swept.only) == 12


def test_the_users_time_out_is_not_the_probes(hiding: Running, tmp_path: Path) -> None:
    limit_s = stretched(1.0)
    slow = f'for word in "$@"; do case $word in --min_secs=0.1) sleep {limit_s + 0.5};; esac; done'
    what = wanted(stand_in(tmp_path, slow), TINY, suite=SUITE, timeout_s=limit_s)
    swept = sweep([hiding.serial], what, tmp_path / "a.db")
    assert swept.lanes[0].error is None
    assert [each.facts["failure"] for each in probes(tmp_path / "a.db")] == [None, None]


def told(*probes_us: tuple[float, ...]) -> list[str]:
    events = [
        Event(kind=PROBE, at="2026-01-01T00:00:00+00:00", facts={"latency_us": list(each)})
        for each in probes_us
    ]
    return [each.evidence for each in probe_caveats(events)]


def test_the_furthest_probe_is_told_with_its_numbers() -> None:
    calm = (100.0, 101.0, 300.0)  # its median counts
    assert told() == told(calm) == told(calm, calm) == told(calm, (105.0,) * 3) == []
    assert told(calm, (113.0, 112.0, 90.0), (104.0,)) == [
        "+11 % over the session's first: 112 us after 101 us, the furthest of 3 probes"
    ]
    assert told(calm, (80.0,), (120.0,)) == [
        "-21 % over the session's first: 80 us after 101 us, the furthest of 3 probes"
    ]
    # One that failed is none.
    assert told((), calm, ()) == []


def test_the_model_is_what_its_script_makes() -> None:
    made = runpy.run_path(str(DATA / "make_probe.py"))["probe"]()
    assert made == MODEL.read_bytes()
    assert len(made) < 10_000
