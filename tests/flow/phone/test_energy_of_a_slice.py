"""The energy of a slice of a sustained run, by the official tool on a virtual handset."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.phone_sweeps import SPLIT, SUITE, wanted
from support.rails import COMPUTES_W, FakeMeter
from support.reach import direct

from bench.adb.phone import FOLDER
from bench.core.device_state.energy import Energy
from bench.flow.measure.judge import judge
from bench.flow.report.energy import energy_of
from bench.handset.running import Running
from bench.measure.conditions import Limits
from bench.measure.outcome import Measured
from bench.plan.case import Case, Mode, Protocol
from bench.store.records import Invocation
from bench.tool.host import Execution

SLICE = Protocol(
    mode=Mode.SUSTAINED, processes=1, num_runs=1, min_secs=4.2, warmup_runs=1, warmup_min_secs=0
)


def stored(case: Case, execution: Execution) -> Invocation:
    raw = Invocation(
        session_id="s",
        case=case,
        ordinal=0,
        model="m",
        command=execution.command,
        started_at=execution.started_at,
        wall_s=execution.wall_s,
        exit_status=execution.exit_status,
        timed_out=execution.timed_out,
        stdout=execution.stdout,
        stderr=execution.stderr,
        telemetry=execution.telemetry,
        limits=Limits(),
        result=execution.result,
    )
    return replace(raw, outcome=judge(raw))


def test_an_inference_of_a_slice_takes_the_rails_power_for_its_mean_latency(
    handset: Running, official_binary: Path
) -> None:
    with closing(direct(handset.serial)) as phone, FakeMeter(handset):
        phone.ask(f"mkdir -p {FOLDER}")
        sweep, processes = wanted(official_binary, SPLIT, suite=SUITE).staged(phone)
        case = replace(sweep.cases[0], protocol=SLICE)
        processes.sweep = replace(sweep, energy=True)
        invocation = stored(case, processes.run(case))
    assert isinstance(invocation.outcome, Measured)
    assert invocation.outcome.statistics is not None
    truth_j = COMPUTES_W * invocation.outcome.statistics.avg_us / 1e6
    energy = energy_of([invocation], [], hop_s=0.96)
    assert energy is not None
    assert energy.per_inference_j is not None
    assert energy.per_inference_j.value == pytest.approx(truth_j, rel=0.02)
    assert energy.per_hour_j is not None
    assert energy.per_hour_j.value == pytest.approx(truth_j * 3600 / 0.96, rel=0.02)
    assert (energy.way, energy.processes, energy.plugged) == ("files", 1, "usb")

    gap = replace(invocation.telemetry, energy=Energy(unavailable="no meter"))
    nothing = energy_of([replace(invocation, telemetry=gap)], [], hop_s=0.96)
    assert nothing is not None
    assert nothing.per_hour_j is None
    assert nothing.unavailable == (
        "no meter; plugged in (usb), the battery's counter is of no use either"
    )
