from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bench.plan.case import Case, Delegate, Protocol, Runner
from bench.plan.order import plan, plan_sha256


def case(number: int, *, processes: int = 4, num_runs: int = 3) -> Case:
    return Case(
        artifact_sha256=f"{number:064x}",
        device="d",
        runner=Runner.LITERT_PYTHON,
        tool_sha256="t",
        delegate=Delegate.XNNPACK,
        threads=1,
        protocol=Protocol(processes=processes, num_runs=num_runs),
    )


@given(st.permutations(range(6)), st.integers())
def test_each_round_runs_each_case_once_in_the_seeds_order(order: list[int], seed: int) -> None:
    planned = plan([case(number) for number in order], seed=seed)
    assert planned == plan([case(number) for number in range(6)], seed=seed)
    assert len(planned) == 6 * 4
    for ordinal in range(4):
        batch = planned[6 * ordinal : 6 * (ordinal + 1)]
        assert {each.ordinal for each in batch} == {ordinal}
        assert len({each.case.key for each in batch}) == 6


def test_rounds_differ_in_their_order_and_seeds_too() -> None:
    cases = [case(number) for number in range(6)]
    planned = plan(cases, seed=1)
    first = [each.case.key for each in planned[:6]]
    assert first != [each.case.key for each in planned[6:12]]
    assert first != [each.case.key for each in plan(cases, seed=2)[:6]]


def test_a_case_given_twice_is_measured_once() -> None:
    planned = plan([case(1), case(1)], seed=1)
    assert Counter(each.ordinal for each in planned) == {0: 1, 1: 1, 2: 1, 3: 1}


def test_no_cases_are_no_processes() -> None:
    assert plan([], seed=1) == ()


def test_a_key_holds_what_is_measured_and_not_how_often() -> None:
    assert case(1, processes=4).key == case(1, processes=9).key
    assert case(1, num_runs=3).key != case(1, num_runs=2).key
    whole = replace(case(1), protocol=Protocol(warmup_min_secs=0, max_secs=5))
    point = replace(case(1), protocol=Protocol(warmup_min_secs=0.0, max_secs=5.0))
    assert whole.key == point.key
    assert case(1).key != case(2).key


def test_a_plans_identity_holds_cases_number_and_order() -> None:
    same = plan_sha256(plan([case(1), case(2)], seed=1))
    assert same == plan_sha256(plan([case(2), case(1)], seed=1))
    assert same != plan_sha256(plan([case(1), case(2, processes=5)], seed=1))
    assert same != plan_sha256(plan([case(1), case(3)], seed=1))
