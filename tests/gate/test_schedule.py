from collections import Counter
from dataclasses import replace
from itertools import pairwise
from statistics import fmean

import numpy as np
import pytest
from lab.simulated import block, opened, student
from support.gate_logs import to_text

from bench.core.artifact import Format
from bench.core.errors import ConfigurationError
from bench.gate import findings
from bench.gate.findings import latency_findings
from bench.gate.log import Log, from_bytes
from bench.gate.records import (
    Block,
    Closed,
    CloseReason,
    Discarded,
    Lost,
    ModelFailed,
    Resumed,
)
from bench.gate.rule import Rule
from bench.gate.schedule import Next, candidate_first, check_coins, next_block
from bench.gate.verdict import ModelKey, Verdict


def measured(log: Log, ahead: Next, ratio: float, *, noise: float = 0.01) -> Log:
    """Returns the log with the block that is due: noise of its own, drawn from its place."""
    rng = np.random.default_rng([ahead.index, *str(ahead.model).encode()])
    baseline_us, slower = np.exp(rng.normal(0, noise, 2)) * 20_000
    return log.then(
        block(
            ahead.model,
            ahead.index,
            candidate_first=ahead.candidate_first,
            baseline_us=float(baseline_us),
            candidate_us=float(slower) * ratio,
        )
    )


def run(log: Log, ratio: float = 1.0, *, discarding: float = 0.0, noise: float = 0.01) -> Log:
    """Returns the log of a gate that went on until nothing was due any more."""
    rng = np.random.default_rng(5)
    while isinstance(ahead := next_block(log), Next):
        if rng.random() < discarding:
            log = log.then(
                Discarded(
                    model=ahead.model,
                    index=ahead.index,
                    candidate_first=ahead.candidate_first,
                    reasons=("busy: somebody else had the core",),
                )
            )
        else:
            log = measured(log, ahead, ratio, noise=noise)
    return log.then(Closed(reason=ahead))


def fresh(models: int, rule: Rule | None = None, *, seed: int = 1) -> Log:
    return Log(opened=opened(rule or Rule(), models=models, seed=seed))


def test_undecided_models_take_turns_and_decided_ones_are_left_out() -> None:
    log = run(fresh(3))
    names = [entry.model for entry in log.entries[:-1]]  # type: ignore[union-attr]  # all blocks
    keys = [pair.model for pair in log.opened.models]
    assert names[:18] == keys * 6
    blocks = {f.model: f.evidence.blocks for f in latency_findings(log) if f.evidence}
    assert Counter(names) == blocks  # not one more than the verdict rests on
    assert log.closed is CloseReason.DECIDED


def test_a_gate_that_is_cut_off_anywhere_goes_on_as_if_it_had_not_been() -> None:
    log = run(fresh(2), 1.10, discarding=0.1)
    lines = to_text(log).encode().splitlines(keepends=True)
    for kept in range(1, len(lines) - 1, 7):
        cut = from_bytes(b"".join(lines[:kept]) + lines[kept][:20], source="log")
        ahead = next_block(cut)
        due = log.entries[kept - 1]
        assert isinstance(ahead, Next)
        assert not isinstance(due, ModelFailed | Lost | Resumed | Closed)
        assert (ahead.model, ahead.index) == (due.model, due.index)
        assert ahead.candidate_first == due.candidate_first


def test_a_lost_device_does_not_change_the_next_block() -> None:
    log = measured(fresh(2), Next(model=student(0), index=0, candidate_first=True), 1.0)
    ahead = next_block(log)
    assert next_block(log.then(Lost(reason="cable")).then(Resumed(session_id="s"))) == ahead
    lost = log.then(Lost(reason="cable")).then(Closed(reason=CloseReason.DEVICE_LOST))
    assert next_block(lost) is CloseReason.DEVICE_LOST
    assert next_block(lost.then(Resumed(session_id="s"))) == ahead


def test_coins_are_fair_and_depend_on_the_seed_the_model_and_the_attempt() -> None:
    coins = [
        candidate_first(seed, ModelKey(name=f"m{m}", format=Format.INT8), n)
        for seed in (1, 2)
        for m in range(30)
        for n in range(60)
    ]
    assert abs(fmean(coins) - 0.5) < 4 * 0.5 / len(coins) ** 0.5
    agreeing = fmean(a == b for a, b in pairwise(coins))
    assert abs(agreeing - 0.5) < 4 * 0.5 / len(coins) ** 0.5


def test_the_coins_of_a_seed_are_the_same_forever() -> None:
    model = ModelKey(name="kws", format=Format.INT8)
    found = "".join("BC"[candidate_first(7, model, n)] for n in range(24))
    assert found == "BBCCBBBBCCCBCBCBBBCBCBBB"


def test_a_discarded_block_is_measured_again_with_a_new_coin() -> None:
    log = run(fresh(3), discarding=0.3)
    findings = latency_findings(log)
    assert all(each.verdict is Verdict.SAME for each in findings)
    assert any(each.evidence.discarded for each in findings if each.evidence)


@pytest.mark.parametrize(("models", "most"), [(1, 30), (10, 30), (30, 90)])
def test_an_unstable_environment_ends_a_gate(models: int, most: int) -> None:
    log = run(fresh(models), discarding=1.0)
    assert log.closed is CloseReason.ENVIRONMENT
    assert len(log.entries) == most + 2
    findings = latency_findings(log)
    assert {each.verdict for each in findings} == {Verdict.UNDECIDED}
    assert {each.reason for each in findings} == {"environment-unstable"}


def test_a_model_that_failed_gets_no_more_and_is_no_regression() -> None:
    one, two = (pair.model for pair in fresh(2).opened.models)
    log = run(fresh(2).then(ModelFailed(model=one, reason="candidate: crashed")), 1.0)
    assert log.closed is CloseReason.DECIDED
    failed, other = latency_findings(log)
    assert (failed.verdict, failed.reason, failed.why) == (
        Verdict.FAILED, None, ("candidate: crashed",),
    )  # fmt: skip
    assert (other.model, other.verdict) == (two, Verdict.SAME)


def test_a_model_at_the_cap_gets_no_more() -> None:
    rule = Rule(hopeless_after_blocks=60)
    (found,) = latency_findings(run(fresh(1, rule), noise=0.5))
    assert (found.verdict, found.reason) == (Verdict.UNDECIDED, "capped")
    assert found.evidence is not None
    assert found.evidence.blocks == 60


def test_hopeless_noise_is_given_up_early() -> None:
    (found,) = latency_findings(run(fresh(1), noise=0.5))
    assert (found.verdict, found.reason) == (Verdict.UNDECIDED, "hopeless-noise")
    assert found.evidence is not None
    assert found.evidence.blocks == 15


def test_a_block_in_another_order_than_its_coin_is_refused() -> None:
    log = run(fresh(2), discarding=0.3)
    check_coins(log, source="log")
    turned = [
        replace(each, candidate_first=not each.candidate_first)
        if isinstance(each, Discarded)
        else each
        for each in log.entries
    ]
    with pytest.raises(ConfigurationError, match="is not in the order of the seed's coin"):
        check_coins(replace(log, entries=tuple(turned)), source="log")


def test_after_a_block_only_its_own_model_is_decided_again() -> None:
    log = fresh(40)
    for _ in range(3 * 40):
        ahead = next_block(log)
        assert isinstance(ahead, Next)
        before = findings._outcome.cache_info().misses
        log = measured(log, ahead, 1.0)
        next_block(log)
        assert findings._outcome.cache_info().misses - before <= 2  # its own, and one not asked yet


def test_what_a_log_has_of_each_model_is_the_same_entry_by_entry_and_at_once() -> None:
    log = run(fresh(3), discarding=0.3)
    at_once = Log(opened=log.opened, entries=log.entries)
    for model, standing in log.standings.of.items():
        known = at_once.standings.of[model]
        assert (known.blocks, known.discarded) == (standing.blocks, standing.discarded)
        assert standing.attempts == sum(
            isinstance(each, Block | Discarded) and each.model == model for each in log.entries
        )
    assert at_once.standings.discarded == log.standings.discarded > 0
    early = replace(log, entries=log.entries[:2])
    assert early.standings.valid + early.standings.discarded == 2
