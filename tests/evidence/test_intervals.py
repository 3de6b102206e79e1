"""How often an interval holds what it says, and how far sessions differ; about six minutes."""

import math
import random
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median, stdev

import pytest
from support.tables import write_table

from bench.flow.device.host import HostDevice, host_sweep
from bench.flow.device.requests import RunRequest
from bench.flow.device.sweep import Sweep
from bench.flow.measure.session import measure, open_session
from bench.measure.outcome import Measured
from bench.measure.summary import median_interval
from bench.plan.case import Mode, Protocol
from bench.plan.suite import bare_target, host_suite
from bench.store.store import Store
from models.audio.packages import ModelFiles

pytestmark = [pytest.mark.evidence, pytest.mark.audio, pytest.mark.timeout(1800)]

REPEATS = 200
DRAWN = 12  # processes of one pseudo-repeat
SESSIONS = 20
SHORT = Protocol(processes=REPEATS, warmup_min_secs=0.1)
LONG = replace(SHORT, num_runs=50)  # as people publish it: one process, fifty runs


def measured(sweep: Sweep, store: Store) -> dict[str, list[Measured]]:
    session = open_session(sweep, store)
    measure(sweep, session, store, HostDevice(sweep))
    found: dict[str, list[Measured]] = {}
    for each in store.invocations(session.id):
        assert isinstance(each.outcome, Measured), each.outcome
        found.setdefault(each.case.key, []).append(each.outcome)
    return found


def value(process: Measured) -> float:
    return median(process.inference_us)


def naive(process: Measured) -> tuple[float, float]:
    """Returns the usual 95 % interval of the mean, as if runs of one process were independent."""
    half = 1.96 * stdev(process.inference_us) / math.sqrt(len(process.inference_us))
    middle = fmean(process.inference_us)
    return middle - half, middle + half


def test_an_interval_over_processes_covers_its_session_and_one_of_fifty_runs_does_not(
    tmp_path: Path, real_model: ModelFiles
) -> None:
    suite = replace(host_suite(), name="coverage", protocol=SHORT)
    target = bare_target(real_model.embedding)
    short = host_sweep(RunRequest(suite=suite, targets=(target,)))
    (case,) = short.cases
    assert case.protocol.mode is Mode.BACK_TO_BACK
    long = replace(case, protocol=LONG)
    with Store.open(tmp_path / "one.db") as store:
        found = measured(replace(short, cases=(case, long)), store)
    values = [value(each) for each in found[case.key]]
    assert len(values) == len(found[long.key]) == REPEATS
    pooled = median(values)
    rng = random.Random(1)  # noqa: S311 - a draw, not a secret
    draws = [median_interval(rng.sample(values, DRAWN)) for _ in range(REPEATS)]
    ours = [low <= pooled <= high for low, high in filter(None, draws)]
    theirs = [low <= pooled <= high for low, high in map(naive, found[long.key])]
    fifty = median([value(each) for each in found[long.key]])
    own = [low <= fifty <= high for low, high in map(naive, found[long.key])]
    widths = [(high - low) / pooled for low, high in filter(None, draws)]
    thin = [(high - low) / pooled for low, high in map(naive, found[long.key])]

    sessions = []
    few = replace(suite, protocol=replace(SHORT, processes=DRAWN))
    for number in range(SESSIONS):
        with Store.open(tmp_path / f"{number}.db") as store:
            (processes,) = measured(
                host_sweep(RunRequest(suite=few, targets=(target,))), store
            ).values()
        sessions.append(median([value(each) for each in processes]))
    spread = (max(sessions) - min(sessions)) / median(sessions)

    write_table(
        "intervals",
        f"{REPEATS} pseudo-repeats of one session on 2 shared cores, EfficientWord-Net, one\n"
        f"thread (`make evidence`). Each draws {DRAWN} of the session's {REPEATS} processes at\n"
        "random and takes the 95 % interval of the median. Beside it the usual mean\n"
        "+- 1.96 s/sqrt(50) of one process of fifty runs. All within one session: the last rows\n"
        "are what another session adds.",
        ["interval", "covers", "share", "median width"],
        [
            ["processes: the session's pooled median", f"{sum(ours)} of {len(ours)}",
             f"{fmean(ours):.1%}", f"{median(widths):.1%}"],
            ["fifty runs: that same median", f"{sum(theirs)} of {len(theirs)}",
             f"{fmean(theirs):.1%}", f"{median(thin):.1%}"],
            ["fifty runs: their own pooled median", f"{sum(own)} of {len(own)}",
             f"{fmean(own):.1%}", f"{median(thin):.1%}"],
            [f"range of {SESSIONS} sessions' medians", "", f"{spread:.1%}", ""],
            ["standard deviation of those", "", f"{stdev(sessions) / median(sessions):.1%}", ""],
        ],
    )  # fmt: skip
    assert len(ours) == REPEATS
    assert fmean(ours) >= 0.90
    assert fmean(own) < fmean(ours)
