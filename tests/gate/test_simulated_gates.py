"""The promise at low counts; tests/evidence/test_gate_simulation.py counts to a thousand gates."""

import numpy as np
from lab.noise import PROFILES
from lab.simulated import MODELS, gates, logged

from bench.gate.decision import Outcome
from bench.gate.findings import latency_findings
from bench.gate.rule import Rule
from bench.gate.verdict import COMPARED, Verdict

OF_OUTCOME = {
    Outcome.SAME: Verdict.SAME,
    Outcome.IMPROVED: Verdict.IMPROVED,
    Outcome.REGRESSED: Verdict.REGRESSED,
    Outcome.CAPPED: Verdict.UNDECIDED,
    Outcome.HOPELESS: Verdict.UNDECIDED,
}


def test_a_hundred_gates_of_unchanged_models_stay_green_and_slowdowns_do_not() -> None:
    rng = np.random.default_rng(20261122)
    rule = Rule().for_models(MODELS)
    phone = PROFILES["phone"]
    unchanged = gates(rng, phone, 100 * MODELS, rule=rule)
    assert unchanged.red_gates <= 0.01
    assert unchanged.passed >= 0.99
    assert unchanged.seconds(rule) <= 17
    slower = gates(rng, phone, 300, slowdown=0.05, rule=rule)
    assert slower.regressed >= 0.93
    assert slower.passed <= 0.07  # at most 5 % in truth; 7 % of 300 is 1.6 SD above
    assert gates(rng, phone, 300, slowdown=0.10, rule=rule).regressed >= 0.99


def test_simulated_rows_are_judged_as_their_logs_are() -> None:
    rng = np.random.default_rng(1)
    rule = Rule().for_models(MODELS)
    seen = set()
    for profile in PROFILES.values():
        for slowdown in (-0.05, 0.0, 0.05):
            found = gates(rng, profile, MODELS, slowdown=slowdown, rule=rule)
            # What was not measured any more may be anything: a decided model ignores it.
            log = logged(rng, np.nan_to_num(found.log_ratios, nan=9.0), rule)
            for row, each in enumerate(latency_findings(log)):
                assert each.verdict is OF_OUTCOME[Outcome(int(found.outcome[row]))]
                assert each.evidence is not None
                assert each.evidence.blocks == found.blocks[row]
                seen.add(each.verdict)
    assert seen == set(COMPARED)
