"""Facts of files and of op profiles: which operators a delegate ran, and how long each took."""

from dataclasses import replace

import pytest
from support.model_files import TINY

from bench.flow.gate.explain import facts_of, operators_of
from bench.tool.op_profile import OpProfile, OpRow

SPLIT = TINY.with_name("tiny_split.tflite")


def row(kind: str, index: int, us: float) -> OpRow:
    return OpRow(
        node_type=kind, name=f"[out_{index}]:{index}", nodes=1, avg_us=us, percent=10.0,
        times_called=1, mem_kb=0.0, graph="", within_delegate=False,
    )  # fmt: skip


def profile(*rows: OpRow, whole: bool = True) -> OpProfile:
    return OpProfile(ops=rows, types=(), whole=whole)


def test_operators_that_a_profile_does_not_list_are_the_delegates() -> None:
    partly = profile(row("Delegate/StandIn:0", 4, 500), row("FLOOR_MOD", 1, 20))
    layers = facts_of(SPLIT, [partly]).layers
    assert [each.delegated for each in layers] == [True, False, True, True]


@pytest.mark.parametrize(
    "shown",
    [
        profile(*(row("CONV_2D", index, 20) for index in range(4))),  # no delegate ran
        profile(row("Delegate/StandIn:0", 4, 500), whole=False),
    ],
)
def test_without_a_delegate_or_with_half_a_profile_nothing_is_known(shown: OpProfile) -> None:
    assert {each.delegated for each in facts_of(SPLIT, [shown]).layers} == {None}


def test_times_are_medians_over_profiles_of_the_same_operators() -> None:
    profiles = [profile(row("CONV_2D", 0, us)) for us in (5, 1, 3, 2, 6, 4)]
    other = profile(row("CONV_2D", 1, 99))
    (found,), processes = operators_of([*profiles, other])
    assert (found.name, found.index, processes) == ("out_0", 0, 6)
    assert (found.avg_us, found.low_us, found.high_us) == (3.5, 1, 6)
    (few,), _ = operators_of(profiles[:5])
    assert (few.avg_us, few.low_us, few.high_us) == (3, None, None)


def test_a_kernel_within_a_delegate_is_no_operator_of_the_file() -> None:
    kernel = replace(row("Convolution (NHWC, F32) IGEMM", 0, 9), within_delegate=True)
    (found,), _ = operators_of([profile(kernel)])
    assert found.index is None
