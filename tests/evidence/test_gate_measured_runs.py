"""Gates over processes that were really measured beside other jobs; a few seconds."""

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from lab.noise import Floats
from lab.simulated import MODELS
from numpy.typing import NDArray
from support.tables import write_table

from bench.gate.decision import Outcome, block_sd, decide
from bench.gate.rule import Rule
from bench.measure.conditions import Limits

pytestmark = pytest.mark.evidence

DATA = Path(__file__).parents[1] / "data" / "gate"
TRIALS = 3000
SEED = 20261122
RULE = Rule().for_models(MODELS)
ARMS = {"aa": "unchanged", "p5": "+5 % of work", "p10": "+10 % of work"}
MACHINES = {"crowded": "load 4 to 19", "shared": "a neighbour that comes and goes"}
GUARDED, UNGUARDED, CPU = "wall median, guarded", "wall median", "CPU time minimum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Processes of one arm, one a block: float64 [blocks] each; times in us."""

    wall_us: Floats
    cpu_us: Floats
    wait_ratio: Floats


def arms(machine: str) -> dict[str, Arm]:
    with gzip.open(DATA / f"{machine}.csv.gz", "rt") as stream:
        rows = list(csv.DictReader(stream))

    def column(arm: str, name: str) -> Floats:
        return np.array([float(row[name]) for row in rows if row["arm"] == arm])

    return {
        arm: Arm(
            wall_us=column(arm, "wall_us_median"),
            cpu_us=column(arm, "cpu_us_min"),
            wait_ratio=column(arm, "wait_ratio"),
        )
        for arm in ("base", *ARMS)
    }


def log_ratios(base: Arm, arm: Arm, statistic: str) -> Floats:
    """Returns what blocks say that the guard keeps: float64 [blocks]."""
    if statistic == CPU:
        return np.log(arm.cpu_us) - np.log(base.cpu_us)
    found = np.log(arm.wall_us) - np.log(base.wall_us)
    if statistic == UNGUARDED:
        return np.asarray(found)
    assert Limits().wait_ratio is not None
    waited = np.maximum(base.wait_ratio, arm.wait_ratio)
    return np.asarray(found[waited <= Limits().wait_ratio])


def outcomes(rng: np.random.Generator, blocks: Floats) -> NDArray[np.int8]:
    """Returns what becomes of trials, each of consecutive blocks, whose noise belongs together."""
    starts = rng.integers(0, len(blocks), TRIALS)[:, None]
    taken = blocks[(starts + np.arange(RULE.cap_blocks)) % len(blocks)]
    outcome, _ = decide(taken, RULE, models=MODELS)
    return outcome


def test_real_processes_beside_other_jobs_are_judged_as_they_were_made() -> None:
    rng = np.random.default_rng(SEED)
    rows, regressed, passed = [], {}, {}
    for machine, beside in MACHINES.items():
        measured = arms(machine)
        for statistic in (CPU, GUARDED, UNGUARDED):
            kept = [log_ratios(measured["base"], measured[arm], statistic) for arm in ARMS]
            if len(kept[0]) < 2 * RULE.cap_blocks:  # too few to be drawn from
                continue
            for arm, blocks in zip(ARMS, kept, strict=True):
                found = outcomes(rng, blocks)
                key = (machine, statistic, arm)
                regressed[key] = float((found == Outcome.REGRESSED).mean())
                passed[key] = float(np.isin(found, (Outcome.SAME, Outcome.IMPROVED)).mean())
            rows.append(
                [
                    beside,
                    statistic,
                    f"{len(kept[0])} of {len(measured['base'].wall_us)}",
                    f"{float(block_sd(kept[0])):.1%}",
                    *(
                        f"{regressed[machine, statistic, arm]:.1%} / "
                        f"{passed[machine, statistic, arm]:.1%}"
                        for arm in ARMS
                    ),
                ]
            )
    write_table(
        "gate-measured",
        f"Gates over processes that were really measured, on two cores, beside other jobs: of "
        f"{TRIALS} trials of\nconsecutive blocks each, how many regressed / passed (`make "
        "evidence`; tests/data/gate has the blocks).\nTrials overlap, so they are not "
        "independent. Without the guard a slowdown reads as less than it is.",
        ["beside", "compared", "blocks kept", "spread (robust SD)", *ARMS.values()],
        rows,
    )
    for (machine, statistic, arm), share in regressed.items():
        if arm == "aa":
            assert share == 0.0, (machine, statistic)
        if arm == "p5" and statistic == CPU:
            assert share >= 0.90, machine
        if arm == "p5" and statistic == GUARDED:
            assert share >= 0.95, machine
    assert ("shared", GUARDED, "p5") in regressed
