from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.caveats import Caveat, CaveatKind, Effect
from bench.core.errors import ConfigurationError
from bench.measure.outcome import Failed, Measured, Outcome
from bench.measure.stopping import missing
from bench.plan.case import Case, Delegate, Mode, Protocol, Runner
from bench.plan.order import plan, plan_sha256, rounds

INVALID = Caveat(
    kind=next(each for each in CaveatKind if Caveat(kind=each).effect is Effect.INVALIDATE)
)


def measured(value_us: float, *, valid: bool = True) -> Measured:
    return Measured(
        init_us=1.0,
        first_us=1.0,
        inference_us=(value_us,),
        cpu_us=None,
        nodes_total=None,
        nodes_delegated=None,
        partitions=None,
        memory_mb_peak=None,
        caveats=() if valid else (INVALID,),
    )


INVALID_ONE = measured(1, valid=False)
SIX = [measured(value) for value in (100, 101, 102, 103, 104, 105)]


def case(number: int, protocol: Protocol) -> Case:
    return Case(
        artifact_sha256=f"{number:064x}",
        device="d",
        runner=Runner.LITERT_PYTHON,
        tool_sha256="t",
        delegate=Delegate.XNNPACK,
        threads=1,
        protocol=protocol,
    )


def run(
    cases: list[Case], give: Callable[[Case, int], Outcome], *, seed: int = 1
) -> list[tuple[int, int]]:
    """Returns (case, round) of every process that a session of the cases has, in order."""
    outcomes: dict[str, dict[int, Outcome]] = {each.key: {} for each in cases}
    order = []

    def wants(each: Case, ordinal: int) -> bool:
        before = [found for n, found in outcomes[each.key].items() if n < ordinal]
        return missing(each.protocol, before) > 0

    for planned in rounds(cases, seed=seed, wants=wants):
        outcomes[planned.case.key][planned.ordinal] = give(planned.case, planned.ordinal)
        order.append((int(planned.case.artifact_sha256, 16), planned.ordinal))
    return order


def test_invalid_processes_are_measured_again_within_the_budget() -> None:
    protocol = Protocol(processes=3, max_repeats=2)
    assert missing(protocol, []) == 3
    assert missing(protocol, [INVALID_ONE]) == 3
    assert missing(protocol, [INVALID_ONE, *SIX[:2]]) == 1
    assert missing(protocol, [INVALID_ONE] * 2 + SIX[:3]) == 0
    assert missing(protocol, [INVALID_ONE] * 4) == 1
    assert missing(protocol, [INVALID_ONE] * 5) == 0
    assert missing(Protocol(processes=3), [INVALID_ONE] * 6) == 0  # as many again


def test_a_failed_process_is_measured_and_the_same_failure_twice_ends_its_case() -> None:
    protocol = Protocol(processes=4)
    slow, wrong = Failed(failure="timed-out: a"), Failed(failure="wrong: b")
    assert missing(protocol, [slow]) == 3
    assert missing(protocol, [slow, wrong]) == 2
    assert missing(protocol, [slow, wrong, Failed(failure="timed-out: c")]) == 0


def test_processes_go_on_until_the_interval_is_narrow_or_the_cap_is_met() -> None:
    # Of six values the interval is their range: 5 / 102.5 = 4.9 %.
    assert missing(Protocol(processes=6, ci_width=0.04), SIX) == 1
    assert missing(Protocol(processes=6, ci_width=0.05), SIX) == 0
    assert missing(Protocol(processes=4, ci_width=0.05), SIX[:4]) == 1  # no interval yet
    assert missing(Protocol(processes=6, ci_width=0.04, max_processes=6), SIX) == 0
    # Nine: from the 2nd to the 8th, 100 to 105 still. By default no more than five times six.
    assert missing(Protocol(processes=6, ci_width=0.01), SIX * 4) == 1
    assert missing(Protocol(processes=6, ci_width=0.01), SIX * 5) == 0


def test_an_invalid_process_counts_for_no_interval() -> None:
    narrow = [measured(100)] * 6
    wild = measured(900, valid=False)
    assert missing(Protocol(processes=6, ci_width=0.01), [*narrow, wild]) == 0


def test_heat_invalidates_nothing_in_the_sustained_mode() -> None:
    assert missing(Protocol(mode=Mode.SUSTAINED, processes=3), [INVALID_ONE] * 2) == 1


@given(st.integers(0, 99), st.integers(1, 4), st.integers(0, 4))
def test_a_session_without_surprise_is_its_plan(seed: int, cases: int, more: int) -> None:
    asked = [case(n, Protocol(processes=2 + more)) for n in range(cases)]
    order = run(asked, lambda *_: measured(1), seed=seed)
    assert order == [
        (int(each.case.artifact_sha256, 16), each.ordinal) for each in plan(asked, seed=seed)
    ]


def test_only_undecided_cases_have_further_rounds_in_the_seeds_order() -> None:
    values = count(1)
    protocol = Protocol(processes=6, ci_width=0.01, max_processes=9)

    def give(each: Case, ordinal: int) -> Outcome:
        return measured(100 if int(each.artifact_sha256, 16) == 0 else next(values))

    asked = [case(n, protocol) for n in range(4)]
    order = run(asked, give)
    assert [n for n, _ in order].count(0) == 6
    assert all([n for n, _ in order].count(number) == 9 for number in (1, 2, 3))
    assert [ordinal for _, ordinal in order] == sorted(ordinal for _, ordinal in order)
    assert order == run(asked, give)
    assert order[24:] != run(asked, give, seed=2)[24:]


def test_a_repeat_comes_in_a_round_after_the_plan_and_its_round_is_its_number() -> None:
    protocol = Protocol(processes=2)
    order = run(
        [case(0, protocol), case(1, protocol)],
        lambda each, n: measured(1, valid=not (int(each.artifact_sha256, 16) == 1 and n == 0)),
    )
    assert sorted(order[:4]) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert order[4:] == [(1, 2)]


def test_sustained_cases_come_last_and_one_after_the_other() -> None:
    long = Protocol(mode=Mode.SUSTAINED, processes=3)
    asked = [
        case(0, Protocol(processes=2)),
        case(1, long),
        case(2, long),
        case(3, Protocol(processes=1)),
    ]
    numbers = [n for n, _ in run(asked, lambda *_: measured(1))]
    assert set(numbers[:3]) == {0, 3}
    assert numbers[3:] in ([1, 1, 1, 2, 2, 2], [2, 2, 2, 1, 1, 1])


def test_how_much_is_measured_is_the_plans_identity_and_not_the_cases() -> None:
    plain = case(1, Protocol())
    adaptive = case(1, Protocol(ci_width=0.01, max_processes=30, max_repeats=3))
    assert plain.key == adaptive.key
    assert plan_sha256(plan([plain], seed=1)) != plan_sha256(plan([adaptive], seed=1))
    # As they were before there were limits and modes: stored sessions are gone on with.
    assert plain.key.startswith("3760b0bc8b187cb8")
    assert plan_sha256(plan([plain], seed=1)).startswith("c0324d1e78f2e444")


@pytest.mark.parametrize(
    "wrong",
    [{"ci_width": 0.0}, {"ci_width": 1.0}, {"max_processes": 9}, {"max_repeats": -1},
     {"ci_width": 0.1, "max_processes": 0}],
)  # fmt: skip
def test_limits_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        replace(Protocol(), **wrong)  # type: ignore[arg-type]  # fields of Protocol
