from dataclasses import replace

import numpy as np
import pytest
from gate.test_series import dated
from lab.noise import PROFILES
from lab.simulated import gates, logged

from bench.core.errors import ConfigurationError
from bench.gate.drift import drift
from bench.gate.log import Log
from bench.gate.rule import Rule
from bench.gate.series import Night, nights
from bench.gate.verdict import Verdict, judge

RULE = Rule()


def measured(rng: np.random.Generator, slowdown: float) -> Log:
    """Returns the log of a gate of one model on a phone."""
    found = gates(rng, PROFILES["phone"], 1, slowdown=slowdown, rule=RULE, models=1)
    return dated(logged(rng, found.log_ratios[:, : int(found.blocks[0])], RULE))


def night_of(gate: Log) -> Night:
    (found,) = nights(gate)
    return found


def test_ten_steps_of_one_per_cent_each_pass_and_their_sum_does_not() -> None:
    rng = np.random.default_rng(20261122)
    steps, sums = [], []
    for step in range(1, 11):
        (own,) = judge(measured(rng, 0.01)).models
        steps.append(own.verdict)
        against_anchor = measured(rng, 1.01**step - 1)
        sums.append(drift(night_of(against_anchor), against_anchor).verdict)
    assert set(steps) == {Verdict.SAME}
    assert sums[0] is Verdict.SAME
    assert sums[-1] is Verdict.REGRESSED
    assert sums.index(Verdict.REGRESSED) < 7


def test_drift_is_judged_by_the_rule_of_the_gate() -> None:
    gate = measured(np.random.default_rng(2), 0.10)
    assert drift(night_of(gate), gate) == judge(gate).models[0]


@pytest.mark.parametrize("field", ["model", "session_id", "anchor_sha256", "candidate_sha256"])
def test_blocks_of_another_session_or_of_other_files_are_no_evidence(field: str) -> None:
    gate = measured(np.random.default_rng(2), 0.0)
    other = replace(night_of(gate), **{field: "f" * 64})
    with pytest.raises(ConfigurationError, match="did not compare") as error:
        drift(other, gate)
    assert "stored ratio" in error.value.hint
