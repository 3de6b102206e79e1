"""Calibrations from A/A runs of 60 blocks, against the truth of the simulated devices."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from lab.noise import PROFILES, RISING, Profile, processes
from lab.self_comparisons import (
    BLOCKS,
    PROTOCOLS,
    WARM_UPS_S,
    in_the_lab,
    levels,
    process_s,
    same,
    with_each_protocol,
)
from lab.simulated import MODELS, NOW, gates
from support.tables import write_table

from bench.gate.calibration.costs import SIDES
from bench.gate.calibration.device_noise import ModelClass, classes
from bench.gate.calibration.protocols import ProcessProtocol
from bench.gate.rule import Rule

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(7200)]

RUNS = 60
ROWS = 2000
MARGIN = 0.05
CHOICES = 20
DEFAULT = ProcessProtocol(warmup_s=0.15, num_runs=7, min_s=0.1)


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
        f"The margin is {100 * MARGIN:.0f} %, a gate has 30 models, a process takes "
        f"{NOW.process_s:.2f} s. `make evidence` writes this.",
        ["device", "block SD, robust, %", "runs that found two modes",
         "processes per side: runs", "unchanged: cost", "unchanged: passed", "+5 %: cost",
         "+5 %: regressed", "most red gates, of any run"],
        rows,
    )  # fmt: skip


def prices(kind: Profile) -> dict[tuple[ProcessProtocol, int], float]:
    """Returns the true seconds of an unchanged model for each correct verdict."""
    found = {}
    for protocol in PROTOCOLS:
        how = in_the_lab(protocol)
        for sides in SIDES:
            rule = replace(Rule().for_models(MODELS), processes_per_side=sides)
            unchanged, slower = (
                gates(
                    np.random.default_rng(20261130),
                    kind,
                    ROWS // 4,
                    slowdown=slowdown,
                    rule=rule,
                    protocol=how,
                )
                for slowdown in (0.0, MARGIN)
            )
            seconds = unchanged.seconds(rule, how) + 2 * how.process_s
            found[protocol, sides] = seconds / max(unchanged.passed * slower.regressed, 1e-6)
    return found


def above(kind: Profile) -> dict[ProcessProtocol, float]:
    """Returns by how much true values are above those after the longest warm-up, as a share."""
    level = {}
    for protocol in PROTOCOLS:
        how = in_the_lab(protocol)
        level[protocol] = np.median(
            how.statistic(
                processes(
                    np.random.default_rng(20261130),
                    kind,
                    np.zeros(50_000),
                    inferences=how.inferences,
                    warmup_s=how.warmup_s,
                )
            )
        )
    longest = {each.num_runs: each for each in PROTOCOLS}  # the last is the longest
    return {
        each: float(np.expm1(level[each] - level[longest[each.num_runs]])) for each in PROTOCOLS
    }


def test_the_protocol_of_sixty_blocks_has_its_clocks_up_and_costs_nearly_the_least() -> None:
    rows, broken = [], []
    for profile, steady in PROFILES.items():
        for kind in (steady, replace(steady, rise=RISING)):
            true_s, off = prices(kind), above(kind)
            best_s = min(price for (each, _), price in true_s.items() if off[each] <= 0.01)
            found = []
            for seed in range(CHOICES):
                log = with_each_protocol(kind, seed=seed)
                found += classes(log, process_s(log))
            chosen = [(each.protocol or DEFAULT, each.processes_per_side) for each in found]
            times = np.array([true_s[each] / best_s for each in chosen])
            wrong = [off[each] for each, _ in chosen if off[each] > 0.01]
            default_s = min(true_s[DEFAULT, sides] for sides in SIDES)
            counts = Counter(
                f"{each.warmup_s:g} s, {each.num_runs}, {sides}" for each, sides in chosen
            )
            rows.append(
                [
                    profile,
                    "rise" if kind.rise else "up at once",
                    "; ".join(f"{each}: {n}" for each, n in counts.most_common()),
                    f"{best_s:.1f} s",
                    _range(list(100 * times - 100), 0) + " %",
                    f"{100 * (times <= 1.15).mean():.0f} %",
                    str(len(wrong)),
                    f"{default_s:.1f} s" + (", clocks not risen" if off[DEFAULT] > 0.01 else ""),
                ]
            )
            if wrong or np.median(times) > 1.15:
                broken.append(rows[-1])
    write_table(
        "gate-calibration-protocols",
        f"{CHOICES} A/A runs for each kind of device, with all {len(PROTOCOLS)} protocols of the "
        f"official tool in turn, {BLOCKS} blocks each: what was chosen\n(warm-up, inferences, "
        "processes per side: how often), and what that costs in truth, in seconds of an unchanged "
        "model\nof 20 ms for each correct verdict, beside the least that any protocol with risen "
        "clocks costs, and beside the default.\nWith `rise` a process starts 30 % slower, 1 / e of "
        "that after 0.1 s; a protocol whose values are then more than 1 %\nabove those after the "
        "longest warm-up must not be chosen. `make evidence` writes this.",
        ["device", "clocks", "chosen: runs", "the least", "chosen above it (lowest to highest)",
         "runs within 15 %", "runs with clocks not risen", "the default"],
        rows,
    )  # fmt: skip
    assert broken == []


def _range(values: list[float], digits: int) -> str:
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
