from dataclasses import replace
from functools import cache

import pytest
from lab.noise import PROFILES, RISING
from lab.self_comparisons import PROTOCOLS, process_s, with_each_protocol
from lab.simulated import SETUP, opened

from bench.gate.calibration.device_noise import Calibration, ModelClass, classes
from bench.gate.calibration.protocols import ProcessProtocol, model_of
from bench.gate.history.series import environment_of
from bench.gate.log import Log
from bench.gate.records import Block
from bench.gate.rule import Rule

DEFAULT = ProcessProtocol(warmup_s=0.15, num_runs=7, min_s=0.1)
LONG = ProcessProtocol(warmup_s=0.5, num_runs=7, min_s=0.1)


@cache
def log_of(*, rising: bool) -> Log:
    kind = PROFILES["locked"]
    return with_each_protocol(replace(kind, rise=RISING) if rising else kind, blocks=24)


@cache
def found(*, rising: bool) -> ModelClass:
    return only(log_of(rising=rising))


def only(log: Log) -> ModelClass:
    (each,) = classes(log, process_s(log))
    return each


def test_clocks_that_rise_rule_out_short_warm_ups_and_the_cheapest_of_the_others_is_chosen() -> (
    None
):
    measured = found(rising=True)
    eligible = [each.protocol for each in measured.protocols if each.is_eligible]
    assert {each.warmup_s for each in eligible if each} == {0.35, 0.5}
    default = measured.measured(DEFAULT)
    assert default is not None
    assert default.rise is not None
    assert default.rise.low is not None
    assert default.rise.high is not None
    assert 1.01 < default.rise.low < 1.025 < default.rise.high < 1.05
    assert measured.protocol == ProcessProtocol(warmup_s=0.35, num_runs=3, min_s=0.05)
    chosen = next(each for each in measured.protocols if each.protocol == measured.protocol)
    cheaper = [each for each in measured.protocols if each.correct_s(1) < chosen.correct_s(1)]
    assert {each.is_eligible for each in cheaper} == {False}


def test_protocols_with_as_many_inferences_share_their_noise_once_the_clocks_are_up() -> None:
    shown = {
        each.protocol: [(cost.passed, cost.caught) for cost in each.costs]
        for each in found(rising=True).protocols
    }
    early, long = shown[DEFAULT], shown[LONG]
    assert shown[replace(LONG, warmup_s=0.35)] == long != early
    assert shown[ProcessProtocol(warmup_s=0.5, num_runs=3, min_s=0.05)] != long


def test_clocks_that_are_up_at_once_need_the_shortest_protocol() -> None:
    measured = found(rising=False)
    assert all(each.is_eligible for each in measured.protocols)
    assert measured.protocol == ProcessProtocol(warmup_s=0.05, num_runs=3, min_s=0.05)
    assert [each.protocol for each in measured.protocols] == list(PROTOCOLS)
    assert [each.rise for each in measured.protocols if each.protocol == LONG] == [None]
    assert measured.models == ("student00 int8",)


def test_what_the_others_would_have_cost_is_known_and_nothing_of_one_not_measured() -> None:
    measured, opened_log = found(rising=False), log_of(rising=False).opened
    here = Calibration(
        environment=environment_of(opened_log, opened_log.models[0]),
        device="Simulated 1", measured_at="2026-11-30T00:00:00+00:00", session_id="session",
        log="log.jsonl", program="0.1", ended="", caveats=(), classes=(measured,),
    )  # fmt: skip
    chosen_s, default_s, unknown_s = (
        here.gate_s(["student00 int8"], margin=0.05, processes_per_side=1, protocol=protocol)
        for protocol in (None, DEFAULT, replace(DEFAULT, warmup_s=0.1))
    )
    assert default_s == pytest.approx(chosen_s * 0.42 / 0.24, rel=0.05)
    assert unknown_s != unknown_s
    assert here.protocol == measured.protocol
    assert here.sides_with(replace(DEFAULT, warmup_s=0.1)) == here.sides_with(DEFAULT) == 1


def test_a_model_needs_twelve_blocks_with_each_protocol() -> None:
    log = log_of(rising=False)
    short = log.opened.models[3].model
    kept = tuple(
        each
        for each in log.entries
        if not (isinstance(each, Block) and each.model == short and each.index >= 11)
    )
    assert classes(replace(log, entries=kept), process_s(log)) == ()


def test_a_pair_is_of_the_model_itself_whatever_its_protocol() -> None:
    assert {str(model_of(pair)) for pair in log_of(rising=False).opened.models} == {
        "student00 int8"
    }
    (pair,) = opened(Rule(), models=1).models
    assert model_of(pair) == pair.model
    assert ProcessProtocol.of(pair.observed) is None
    assert DEFAULT.text == "at least 7 inferences and 0.1 s after 0.15 s of warm-up"
    assert replace(DEFAULT, num_runs=1, min_s=0.0).inferences == "1 inference"


def test_the_protocol_alone_does_not_split_a_history() -> None:
    first = opened(Rule(), models=1)
    (pair,) = first.models
    other = replace(pair, observed=replace(SETUP, warmup_s=0.35, num_runs=3, min_s=0.05))
    assert environment_of(first, other) == environment_of(first, pair)
