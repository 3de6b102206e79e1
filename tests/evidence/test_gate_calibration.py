"""Calibrations from A/A runs of 60 blocks, against the truth of the simulated devices."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from lab.noise import PROFILES
from lab.self_comparisons import BLOCKS, WARM_UPS_S, levels, process_s, same
from lab.simulated import MODELS, gates
from support.tables import write_table

from bench.gate.calibration.device_noise import ModelClass, classes
from bench.gate.rule import Rule

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(1800)]

RUNS = 60
ROWS = 2000
MARGIN = 0.05


def calibrations(profile: str) -> list[ModelClass]:
    found = []
    for seed in range(RUNS):
        log = same(levels(profile, models=1, seed=seed))
        found += classes(log, process_s(log))
    return found


def test_sixty_blocks_tell_what_a_gate_needs_and_costs() -> None:
    rows = []
    chosen: dict[str, Counter[int]] = {}
    for profile, kind in PROFILES.items():
        found = calibrations(profile)
        chosen[profile] = Counter(each.processes_per_side for each in found)
        (usual, _), *_ = chosen[profile].most_common(1)
        rule = replace(Rule().for_models(MODELS), processes_per_side=usual)
        rng = np.random.default_rng(20261123)
        unchanged = gates(rng, kind, ROWS, rule=rule)
        slower = gates(rng, kind, ROWS, slowdown=MARGIN, rule=rule)
        costs = [cost for each in found if (cost := each.cost(MARGIN, usual))]
        passed, caught, unchanged_s, slower_s = (
            [getattr(cost, name) for cost in costs]
            for name in ("passed", "caught", "unchanged_s", "slower_s")
        )
        in_truth_s = [each.seconds(rule) + WARM_UPS_S for each in (unchanged, slower)]
        assert [np.median(unchanged_s), np.median(slower_s)] == pytest.approx(in_truth_s, rel=0.15)
        assert np.median(passed) == pytest.approx(unchanged.passed, abs=0.03)
        assert np.median(caught) == pytest.approx(slower.regressed, abs=0.05)
        assert max(each.red_of_many.share for each in found) <= 0.01
        rows.append(
            [
                profile,
                _range([100 * each.block_sd for each in found], 1),
                str(sum(each.modes is not None for each in found)),
                ", ".join(f"{k}: {n}" for k, n in sorted(chosen[profile].items())),
                f"{_range(unchanged_s, 0)} s; {in_truth_s[0]:.0f} s",
                f"{_range([100 * each for each in passed], 0)} %; {100 * unchanged.passed:.0f} %",
                f"{_range(slower_s, 0)} s; {in_truth_s[1]:.0f} s",
                f"{_range([100 * each for each in caught], 0)} %; {100 * slower.regressed:.0f} %",
                f"{100 * max(each.red_of_many.share for each in found):.1f} %",
            ]
        )
    for profile, k in (("locked", 1), ("phone", 1), ("hot", 1), ("bimodal", 3)):
        assert chosen[profile][k] >= 0.8 * RUNS
    write_table(
        "gate-calibration",
        f"{RUNS} A/A runs of {BLOCKS} "
        "blocks of one model for each kind of device, seeded: their median, the "
        "lowest and the highest in brackets, and after the semicolon the truth of gates there "
        f"({ROWS} simulated models), with the number of processes per side that most runs chose. "
        f"The margin is {100 * MARGIN:.0f} %, a gate has 30 models, a process takes 0.8 s. "
        "`make evidence` writes this.",
        ["device", "block SD, robust, %", "runs that found two modes",
         "processes per side: runs", "unchanged: cost", "unchanged: passed", "+5 %: cost",
         "+5 %: regressed", "most red gates, of any run"],
        rows,
    )  # fmt: skip


def _range(values: list[float], digits: int) -> str:
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
