"""Every breach of a guard costs a whole block and is written down, whatever the latencies are."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from support.device_states import FINE, clock, state
from support.gate_machine import Machine, planned, scheduled
from support.patience import PATIENCE_S

from bench.core.device_state.state import Reading, State
from bench.flow.device.sweep import Sweep
from bench.flow.gate.gate import Gate, log_of
from bench.flow.gate.log_file import read
from bench.gate.log import Log
from bench.gate.records import Block, Discarded
from bench.gate.rule import Rule
from bench.measure.conditions import Limits
from bench.store.store import Store
from bench.tool.host import Execution, execute

BREACHES = {
    "throttled": state(thermal_status=Reading(value=1.0)),
    "thermal-override": state(thermal_overridden=Reading(value="true")),
    "battery-low": state(battery_level_percent=Reading(value=24.0)),
    "screen-changed": state(screen=Reading(value="Asleep")),
    "cap-lowered": state(clocks=(clock(1.5e6),)),
}
WAITED = "core-stolen"
RULE = Rule(discard_budget=2.0)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gate, Sweep, Execution]:
    """Returns a gate of one model under a phone's guards, and one real process on a quiet one."""
    gate, sweep = planned(tmp_path_factory.mktemp("plan"), "one", threads=2, rule=RULE)
    command = sweep.command(sweep.cases[0])
    real = execute(command, limit_s=PATIENCE_S, environment=sweep.tool.environment())
    quiet = scheduled(replace(real, telemetry=FINE), run_s=1.0, wait_s=0.01)
    return replace(gate, seed=7), replace(sweep, limits=Limits()), quiet


def breached(kind: str) -> Callable[[Execution], Execution]:
    def happen(execution: Execution) -> Execution:
        if kind == WAITED:
            return scheduled(execution, run_s=1.0, wait_s=0.25)
        after: State = BREACHES[kind]
        return replace(execution, telemetry=replace(execution.telemetry, after=after))

    return happen


def gated(plan: tuple[Gate, Sweep, Execution], breaches: dict[int, str], *, times: float) -> Log:
    """Returns the log of a gate in which the n-th processes of its blocks breach something."""
    gate, sweep, quiet = plan
    happens = {2 + number: breached(kind) for number, kind in breaches.items()}
    with Store.open("sqlite://") as store:
        session = gate.open_session(sweep, store)
        gate.measure(sweep, session, store, Machine(quiet, happens=happens, times=times))
        return read(log_of(store, session))


@pytest.mark.parametrize("kind", [*BREACHES, WAITED])
@pytest.mark.parametrize("second", [False, True])
def test_a_breach_on_either_side_discards_both_and_says_which(
    plan: tuple[Gate, Sweep, Execution], kind: str, second: bool
) -> None:
    log = gated(plan, {2 + second: kind}, times=1.0)
    first, spoilt, *_ = (each for each in log.entries if isinstance(each, Block | Discarded))
    assert isinstance(first, Block)
    assert isinstance(spoilt, Discarded)
    assert [reason.partition(":")[0] for reason in spoilt.reasons] == [kind]
    assert sum(isinstance(each, Discarded) for each in log.entries) == 1


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    breaches=some.dictionaries(
        some.integers(0, 11), some.sampled_from([*BREACHES, WAITED]), max_size=6
    ),
    times=some.floats(1e-3, 1e3),
)
def test_what_is_discarded_does_not_depend_on_latencies(
    plan: tuple[Gate, Sweep, Execution], breaches: dict[int, str], times: float
) -> None:
    fast, slow = (gated(plan, breaches, times=each) for each in (1.0, times))
    kept = [[each for each in log.entries if isinstance(each, Discarded)] for log in (fast, slow)]
    assert kept[0] == kept[1]
    assert bool(kept[0]) == bool(breaches)
