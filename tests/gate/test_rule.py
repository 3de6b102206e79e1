from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.gate.decision import Outcome, decide
from bench.gate.rule import Rule


def test_the_defaults_spend_all_of_both_errors_and_no_more() -> None:
    rule = Rule()
    assert sum(rule.passing_shares) == pytest.approx(1)
    assert sum(rule.rejection_shares) == pytest.approx(1)
    rule.check(30)


def test_six_of_six_blocks_pass_and_fifteen_of_fifteen_reject_one_of_thirty() -> None:
    rule = Rule()
    assert rule.passing_level(rule.passing_shares[0]) >= 0.5**6
    assert rule.rejection_level(rule.rejection_shares[2], 30) == 0
    assert rule.rejection_level(rule.rejection_shares[3], 30) >= 0.5**15
    # Seven models more, and fifteen are not enough.
    assert rule.rejection_level(rule.rejection_shares[3], 37) < 0.5**15


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"tolerance": 0.05}, "tolerance < margin"),
        ({"tolerance": -0.01}, "tolerance < margin"),
        ({"margin": float("nan")}, "tolerance < margin"),
        ({"false_alarms_per_gate": 0.0}, "false_alarms_per_gate"),
        ({"wrong_passes_per_model": 1.0}, "wrong_passes_per_model"),
        ({"analyses": ()}, "analyses that increase"),
        ({"analyses": (6, 8, 8, 15, 20, 26, 34, 44, 60)}, "analyses that increase"),
        ({"analyses": (6, 8)}, "passing_shares"),
        ({"passing_shares": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1)}, "passing_shares"),
        ({"rejection_shares": (0.0,) * 9}, "rejection_shares"),
        ({"rejection_shares": (-0.1, *(0.1,) * 8)}, "rejection_shares"),
        ({"processes_per_side": 0}, "processes_per_side"),
        ({"discard_budget": -0.5}, "discard_budget"),
        ({"hopeless_after_blocks": 1}, "hopeless_after_blocks"),
        ({"hopeless_margins": 0.0}, "hopeless_margins"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as error:
        replace(Rule(), **changed)
    assert error.value.hint


def test_a_rule_that_could_never_give_one_of_its_verdicts_is_refused() -> None:
    short = Rule(analyses=(6, 8), passing_shares=(0.5, 0.5), rejection_shares=(0.0, 1.0))
    short.check(2)  # 2^-8 is below 1 % / 2
    with pytest.raises(ConfigurationError, match="never reject any of 3"):
        short.check(3)
    tiny = Rule(analyses=(4, 20), passing_shares=(1.0, 0.0), rejection_shares=(0.0, 1.0))
    with pytest.raises(ConfigurationError, match="never pass"):
        tiny.check(1)


def test_a_rule_survives_a_file() -> None:
    rule = Rule(margin=0.1, analyses=tuple(np.array(Rule().analyses).tolist()))
    assert config.structure(config.unstructure(rule), Rule, source="test") == rule


@pytest.mark.parametrize(
    ("models", "blocks"), [(1, 8), (2, 9), (3, 10), (10, 13), (30, 14), (100, 16), (200, 17)]
)
def test_one_model_is_flagged_after_the_fewest_blocks_that_its_promise_allows(
    models: int, blocks: int
) -> None:
    rule = Rule().for_models(models)
    rule.check(models)
    levels = {
        analysis: rule.rejection_level(share, models)
        for analysis, share in zip(rule.analyses, rule.rejection_shares, strict=True)
    }
    assert min(n for n, level in levels.items() if level >= 0.5**n) == blocks
    share = 0.4 if models <= 3 else 0.2
    assert 0.5 ** (blocks - 1) > rule.false_alarms_per_gate / models * share
    assert dict(zip(rule.analyses, rule.passing_shares, strict=True)) == {
        blocks: 0.0,
        **dict(zip(Rule().analyses, Rule().passing_shares, strict=True)),
    }


@given(
    models=st.integers(1, 5000),
    limits=st.lists(st.integers(0, 60), max_size=6).map(sorted),
    false_alarms=st.floats(1e-4, 0.2),
)
def test_no_number_of_models_or_time_limits_spends_more_than_the_errors(
    models: int, limits: list[int], false_alarms: float
) -> None:
    rule = Rule(false_alarms_per_gate=false_alarms).for_models(models)
    analyses = [*rule.schedule(limits)]
    assert sum(each.passing for each in analyses) <= 1 + 1e-9
    assert sum(each.rejection for each in analyses) <= 1 + 1e-9
    blocks = [each.blocks for each in analyses]
    assert blocks == sorted(blocks)
    assert [each.blocks for each in analyses if each.planned] == [*rule.analyses]


def test_a_rule_with_analyses_for_a_few_blocks_only_stays_as_it_is() -> None:
    short = Rule(analyses=(6, 8), passing_shares=(0.5, 0.5), rejection_shares=(0.0, 1.0))
    assert short.for_models(1) == short


def test_a_two_sided_rule_gives_the_mirrored_outcome_for_swapped_sides() -> None:
    rule = replace(Rule(), two_sided=True).for_models(1)
    rng = np.random.default_rng(20261130)
    effects = rng.choice([-0.15, -0.04, 0.0, 0.04, 0.15], 400)
    ratios = effects[:, None] + rng.normal(0, 0.03, (400, rule.cap_blocks))
    mirrored = {Outcome.IMPROVED: Outcome.REGRESSED, Outcome.REGRESSED: Outcome.IMPROVED}
    there, blocks = decide(ratios, rule, models=rule.directions)
    back, blocks_back = decide(-ratios, rule, models=rule.directions)
    assert [mirrored.get(Outcome(each), each) for each in there] == list(back)
    assert list(blocks) == list(blocks_back)
    for effect, outcome in ((-0.15, Outcome.IMPROVED), (0.0, Outcome.SAME)):
        assert set(there[effects == effect]) == {outcome}


def test_a_side_that_is_faster_by_the_margin_is_not_no_difference() -> None:
    faster = np.full((1, 6), np.log(0.90))
    one_sided, two_sided = Rule(), replace(Rule(), two_sided=True)
    assert decide(faster, one_sided, models=1)[0][0] == Outcome.IMPROVED
    assert decide(faster, two_sided, models=2)[0][0] == Outcome.OPEN


def test_in_two_directions_one_model_needs_one_block_more() -> None:
    firsts = [
        next(n for n, share in zip(rule.analyses, rule.rejection_shares, strict=True) if share)
        for rule in (Rule().for_models(1), replace(Rule(), two_sided=True).for_models(1))
    ]
    assert firsts == [8, 9]
