"""Streaming and sustained runs as a trace that Perfetto opens."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.device_states import FINE, clock, sample, state
from support.stored_sessions import ARTIFACT, CASE, DEVICE, add_session

from bench.cli.main import main
from bench.cli.verbs.results import export
from bench.core.device_state.state import Reading
from bench.measure.conditions import HOST_LIMITS
from bench.measure.outcome import Failed, Measured, Statistics
from bench.plan.case import Mode, Protocol
from bench.store.records import Invocation, Session
from bench.store.store import Store

Json = dict[str, Any]
STREAM = replace(CASE, protocol=Protocol(mode=Mode.STREAMING, run_delay_s=0.96))
ENDURES = replace(CASE, protocol=Protocol(mode=Mode.SUSTAINED))
# The keys that the Trace Event Format requires of each kind of event, and of all; parsers that are
# made for Chrome's own traces need a category too.
ALWAYS = {"ph", "ts", "pid", "tid", "name", "cat"}
OWN = {"X": {"dur"}, "C": {"args"}, "M": {"args"}}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a database with a stream of two processes and three slices of a sustained run."""
    path = tmp_path_factory.mktemp("timelines") / "d.db"
    with Store.open(path) as store:
        store.add_artifact(ARTIFACT)
        session = add_session(store, "s", {CASE: 400.0}, processes=1)
        add_session(store, "no such run", {CASE: 400.0}, processes=1)
        hot = state(thermal_status=Reading(value=2.0), clocks=(clock(1.5e6),))
        for number in range(2):
            add_process(store, session, number, 60.0 + number)
        for number in range(3):
            telemetry = replace(FINE, after=hot, samples=(sample(4.0, skin_c=41.0),))
            add_slice(store, session, number, 100.0 + 10 * number, telemetry)
    return path


def add_process(store: Store, session: Session, number: int, at_s: float) -> None:
    made = _invocation(session, number, at_s, 0.5)
    identity = store.add_invocation(replace(made, case=STREAM))
    if number:
        store.add_outcome(identity, Failed(failure="fallback: <b>"))
        return
    measured = Measured(
        init_us=1.0, first_us=1.0, inference_us=(10.0, 30.0, 20.0), cpu_us=None, nodes_total=1,
        nodes_delegated=1, partitions=1, memory_mb_peak=None,
    )  # fmt: skip
    store.add_outcome(identity, measured)


def add_slice(store: Store, session: Session, number: int, at_s: float, telemetry: Any) -> None:
    made = _invocation(session, number, at_s, 9.5)
    identity = store.add_invocation(replace(made, case=ENDURES, telemetry=telemetry))
    statistics = Statistics(runs=99, avg_us=500.0, min_us=None, max_us=None, std_us=None)
    measured = Measured(
        init_us=1.0, first_us=1.0, inference_us=(), cpu_us=None, nodes_total=1,
        nodes_delegated=1, partitions=1, memory_mb_peak=None, statistics=statistics,
    )  # fmt: skip
    store.add_outcome(identity, measured)


def _invocation(session: Session, number: int, at_s: float, wall_s: float) -> Invocation:
    minutes, seconds = divmod(at_s, 60)
    return Invocation(
        session_id=session.id, case=CASE, ordinal=number, model="/zoo/tiny.tflite", command=("b",),
        started_at=f"2026-05-01T03:{minutes:02.0f}:{seconds:09.6f}+00:00", wall_s=wall_s,
        exit_status=0, timed_out=False, stdout="raw", stderr="", telemetry=FINE, limits=HOST_LIMITS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trace(database: Path) -> Json:
    out = database.parent / "trace.json"
    assert main(["export", "--db", str(database), "--format", "perfetto", "--out", str(out)]) == 0
    found: Json = json.loads(out.read_text())
    return found


def test_every_event_has_the_keys_that_the_format_requires(trace: Json) -> None:
    for event in trace["traceEvents"]:
        assert (ALWAYS | OWN[event["ph"]]) <= set(event)
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert event["ts"] >= 0
        if event["ph"] == "C":
            assert all(isinstance(value, float) for value in event["args"].values())
    timed = [event["ts"] for event in trace["traceEvents"] if event["ph"] != "M"]
    assert timed == sorted(timed)


def test_processes_are_slices_from_the_start_of_their_session_on_a_lane_of_their_file(
    trace: Json,
) -> None:
    events = trace["traceEvents"]
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["ph"] == "M"}
    file = f"{ARTIFACT.name}.float32"
    assert names == {
        (1, 0): f"{DEVICE.name}, session s",
        (1, 1): f"{file}, streaming, xnnpack, 1 thread",
        (1, 2): f"{file}, sustained, xnnpack, 1 thread",
    }
    slices = [event for event in events if event["ph"] == "X"]
    assert [(e["tid"], e["name"], e["ts"], e["dur"]) for e in slices] == [
        (1, "process 1", 60e6, 0.5e6),
        (1, "process 2", 61e6, 0.5e6),
        (2, "slice 1", 100e6, 9.5e6),
        (2, "slice 2", 110e6, 9.5e6),
        (2, "slice 3", 120e6, 9.5e6),
    ]
    assert [each["args"] for each in slices[:3]] == [
        {"latency_us_median": 20.0, "inferences": 3},
        {"failed": "fallback: <b>"},
        {"latency_us_middle": 500.0, "inferences": 99},
    ]


def test_what_the_device_showed_is_a_counter_each_and_what_it_hides_is_absent(trace: Json) -> None:
    def values(name: str) -> list[tuple[float, Json]]:
        return [(e["ts"] / 1e6, e["args"]) for e in trace["traceEvents"] if e["name"] == name]

    assert values("cap, cores 4 to 5")[4:7] == [
        (100.0, {"MHz": 2000.0}), (104.0, {"MHz": 2000.0}), (109.5, {"MHz": 1500.0}),
    ]  # fmt: skip
    assert (104.0, {"°C": 41.0}) in values("temperature, skin")
    assert values("thermal status")[5] == (109.5, {"0 none to 6 shutdown": 2.0})
    assert len(values("temperature, hottest zone")) == 3  # of the samples; QUIET hides its zones


def test_without_such_a_run_and_with_a_table_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "d.db"
    with Store.open(path) as store:
        add_session(store, "s", {CASE: 400.0}, processes=1)
    words = ["export", "--db", str(path), "--format"]
    assert main([*words, "perfetto"]) == 2
    assert "--sustained" in capsys.readouterr().err
    assert main([*words, "perfetto", "--table", "tasks"]) == 2
    assert main([*words, "model-explorer"]) == 2
    assert main([*words, "model-explorer", "--out", str(tmp_path / "out")]) == 2
    assert "--op-profile" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not set(export.OF_RUNS) & set(export.FORMATS)
