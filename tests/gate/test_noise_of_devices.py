from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from lab.noise import PROFILES
from lab.self_comparisons import BLOCKS, WARM_UPS_S, levels, process_s, same
from lab.simulated import MODELS, gates

from bench.core import config
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.gate.calibration.bimodality import modes
from bench.gate.calibration.costs import MARGINS
from bench.gate.calibration.device_noise import (
    MOST_BLOCKS,
    Calibration,
    ModelClass,
    classes,
    same_rule,
)
from bench.gate.history.series import environment_of
from bench.gate.log import Log
from bench.gate.records import Block, Discarded, ModelFailed
from bench.gate.rule import Rule
from bench.gate.schedule import next_block


@cache
def measured_long(profile: str) -> ModelClass:
    """Returns what 100 blocks of each of three models show."""
    return only(same(levels(profile, models=3, blocks=100)))


def only(log: Log) -> ModelClass:
    (found,) = classes(log, process_s(log))
    return found


@pytest.mark.parametrize(
    ("profile", "sides", "robust", "plain", "slow"),
    [
        ("locked", 1, (0.005, 0.011), (0.005, 0.011), None),
        ("phone", 1, (0.020, 0.034), (0.034, 0.052), None),
        ("bimodal", 3, (0.045, 0.100), (0.070, 0.095), (0.12, 0.33)),
        ("noisyhost", 3, (0.040, 0.090), (0.090, 0.160), (0.30, 0.28)),
    ],
)
def test_devices_of_each_kind_get_the_processes_that_their_noise_needs(
    profile: str,
    sides: int,
    robust: tuple[float, float],
    plain: tuple[float, float],
    slow: tuple[float, float] | None,
) -> None:
    found = only(same(levels(profile, models=3)))
    assert found.name == "10 to 100 ms"
    assert found.processes_per_side == sides
    assert robust[0] <= found.block_sd <= robust[1]
    assert plain[0] <= found.block_sd_plain <= plain[1]
    assert abs(found.second_slower) < 0.01
    seen = None if found.modes is None else (found.modes.slowdown, found.modes.share)
    assert seen == (None if slow is None else pytest.approx(slow, abs=0.06))
    for red in (found.red_alone, found.red_of_many):
        assert red.share <= 0.002
        assert red.share < red.high <= 0.013


@pytest.mark.parametrize(("profile", "sides"), [("phone", 1), ("bimodal", 1), ("bimodal", 3)])
def test_the_predicted_cost_of_a_gate_is_that_of_simulated_ones(profile: str, sides: int) -> None:
    predicted = measured_long(profile).cost(0.05, sides)
    assert predicted is not None
    rule = replace(Rule().for_models(MODELS), processes_per_side=sides)
    rng = np.random.default_rng(3)
    unchanged = gates(rng, PROFILES[profile], 300, rule=rule)
    slower = gates(rng, PROFILES[profile], 300, slowdown=0.05, rule=rule)
    assert predicted.unchanged_s == pytest.approx(WARM_UPS_S + unchanged.seconds(rule), rel=0.2)
    assert predicted.slower_s == pytest.approx(WARM_UPS_S + slower.seconds(rule), rel=0.2)
    assert predicted.passed == pytest.approx(unchanged.passed, abs=0.08)
    assert predicted.caught == pytest.approx(slower.regressed, abs=0.12)


def test_smaller_margins_cost_more_and_a_gate_gets_the_nearest_not_above_its_own() -> None:
    found = only(same(levels("phone", models=2)))
    costs = [found.cost(margin, 1) for margin in MARGINS]
    known = [each.unchanged_s for each in costs if each is not None]
    assert known == sorted(known, reverse=True)
    assert [found.cost(margin, 1) for margin in (0.01, 0.04, 0.5)] == [costs[0], *costs[1::2]]
    assert found.cost(0.05, 4) is None


def test_the_same_log_gives_the_same_whatever_the_units_and_coins() -> None:
    values = levels("phone", models=1)
    one, again = (only(same(values, coins=coin)) for coin in (1, 2))
    assert again.costs == one.costs
    assert again.red_of_many == one.red_of_many
    slower = only(same(values, latency_us=200_000.0))
    assert slower.name == "100 to 1000 ms"
    shares = [[(each.passed, each.caught) for each in found.costs] for found in (one, slower)]
    assert shares[0] == shares[1]


def test_models_of_other_durations_are_other_classes_the_fastest_first() -> None:
    log = same(levels("locked", models=4) + np.log([[1], [0.0004], [1.5], [60]]))
    found = classes(log, process_s(log))
    names = [(each.name, [int(model[7:9]) for model in each.models]) for each in found]
    assert names == [
        ("1 to 10 µs", [1]),
        ("10 to 100 ms", [0, 2]),
        ("1 to 10 s", [3]),
    ]
    assert [each.blocks for each in found] == [BLOCKS, 2 * BLOCKS, BLOCKS]


def test_a_second_process_that_is_slower_is_seen_and_turns_no_gate_red() -> None:
    values = levels("locked", models=1) + 0.095 * (np.arange(2 * BLOCKS) % 2)
    found = only(same(values))
    assert found.second_slower == pytest.approx(0.10, abs=0.01)
    assert found.red_of_many.share <= 0.01


def test_discarded_blocks_cost_their_time() -> None:
    log = same(levels("locked", models=1))
    (pair,) = log.opened.models
    spoilt = tuple(
        Discarded(
            model=pair.model, index=BLOCKS + n, candidate_first=False, reasons=("cap-lowered",)
        )
        for n in range(BLOCKS // 2)
    )
    more = only(replace(log, entries=(*log.entries, *spoilt)))
    assert more.discarded == BLOCKS // 2
    for dearer, plain in zip(more.costs, only(log).costs, strict=True):
        assert dearer.unchanged_s == pytest.approx(1.5 * plain.unchanged_s)


def test_a_model_with_few_blocks_or_that_failed_is_left_out() -> None:
    log = same(levels("locked", models=3, blocks=12))
    first, second, third = (pair.model for pair in log.opened.models)
    kept = [
        each
        for each in log.entries
        if not (isinstance(each, Block) and each.model == first and each.index == 11)
    ]
    entries = (*kept, ModelFailed(model=third, reason="candidate: crashed"))
    assert only(replace(log, entries=entries)).models == (str(second),)


def test_a_run_goes_on_to_its_last_block_whatever_it_sees() -> None:
    log = same(levels("locked", models=1, blocks=11) * 0)
    log = replace(log, opened=replace(log.opened, rule=same_rule(12)))
    assert not isinstance(next_block(log), str)
    twelfth = same(levels("locked", models=1, blocks=12) * 0).entries[-1]
    assert next_block(log.then(twelfth)) == "decided"


@pytest.mark.parametrize("blocks", [0, 11, MOST_BLOCKS + 1])
def test_too_few_blocks_and_too_many_are_refused(blocks: int) -> None:
    with pytest.raises(ConfigurationError, match="a calibration of"):
        same_rule(blocks)


def test_only_files_against_themselves_calibrate() -> None:
    log = same(levels("locked", models=1))
    (pair,) = log.opened.models
    other = replace(pair, candidate_sha256="f" * 64)
    with pytest.raises(ConfigurationError, match="against themselves"):
        classes(replace(log, opened=replace(log.opened, models=(other,))), process_s(log))


def test_one_mode_is_one_whether_it_is_normal_flat_skewed_or_has_outliers() -> None:
    rng = np.random.default_rng(7)
    for sd in (0.01, 0.05, 0.2):
        for _ in range(50):
            assert modes([rng.normal(0, sd, 120)]) is None
            assert modes([rng.uniform(0, 4 * sd, 120)]) is None
            assert modes([rng.exponential(sd, 120)]) is None
    strays = np.concatenate([rng.normal(0, 0.01, 110), rng.uniform(0.3, 1, 10)])
    assert modes([strays]) is None
    assert modes([np.zeros(24)]) is None


def test_two_modes_are_found_in_each_model_about_its_own_level() -> None:
    rng = np.random.default_rng(8)
    runs = [
        level + rng.normal(0, 0.01, 120) + np.log(1.1) * (rng.random(120) < 0.4)
        for level in (2.0, 5.0, 9.0)
    ]
    found = modes(runs)
    assert found is not None
    assert found.slowdown == pytest.approx(0.10, abs=0.01)
    assert found.share == pytest.approx(0.4, abs=0.06)


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    log = same(levels("bimodal", models=1))
    (pair,) = log.opened.models
    written = Calibration(
        environment=environment_of(log.opened, pair),
        device="Simulated 1", measured_at="2026-11-23T00:00:00+00:00", session_id="session",
        log="log.jsonl", program="0.1", ended="", caveats=(Caveat(kind=CaveatKind.VIRTUAL),),
        classes=(only(log),),
    )  # fmt: skip
    path = tmp_path / "it.json"
    config.save(path, written)
    assert config.load(path, Calibration) == written
    sides = written.processes_per_side
    known = written.gate_s([str(pair.model)], margin=0.05, processes_per_side=sides)
    assert (
        written.gate_s([str(pair.model), "x int8"], margin=0.05, processes_per_side=sides)
        == 2 * known
    )
    assert np.isnan(written.gate_s([str(pair.model)], margin=0.05, processes_per_side=9))
