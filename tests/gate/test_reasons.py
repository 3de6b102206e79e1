from dataclasses import replace

from lab.simulated import opened

from bench.gate.reasons import reasons
from bench.gate.records import Explained, Operator, Pair, SideFacts
from bench.gate.rule import Rule

PAIR: Pair = opened(Rule(), models=1).models[0]
CONV = Operator(node_type="CONV_2D", name="net/first/Conv2D", macs=2_000_000)
DENSE = Operator(node_type="FULLY_CONNECTED", name="net/last/MatMul", macs=500_000)
FUSED = Operator(
    node_type="FULLY_CONNECTED",
    name="net/more_1/Relu;net/more_1/MatMul;net/more_1/MatMul/bias/read",
    macs=500_000,
)


def why(before: SideFacts, after: SideFacts, pair: Pair = PAIR) -> tuple[str, ...]:
    return reasons(pair, Explained(model=pair.model, baseline=before, candidate=after))


def test_a_layer_that_was_added_is_named_with_its_work() -> None:
    assert why(SideFacts(layers=(CONV, DENSE)), SideFacts(layers=(CONV, FUSED, DENSE))) == (
        "only the candidate has FULLY_CONNECTED more_1/Relu (500 k multiply-accumulates)",
        "in all 3.00 M multiply-accumulates instead of 2.50 M",
    )


def test_a_layer_that_grew_is_found_though_a_conversion_named_all_anew() -> None:
    old = tuple(replace(each, name=f"old/{each.name}") for each in (CONV, DENSE))
    grown = (replace(CONV, macs=4_000_000), DENSE)
    assert why(SideFacts(layers=old), SideFacts(layers=grown)) == (
        "CONV_2D first/Conv2D does 4.00 M multiply-accumulates instead of 2.00 M",
        "in all 4.50 M multiply-accumulates instead of 2.50 M",
    )


def test_the_profile_names_the_operators_that_take_longer_the_worst_first() -> None:
    before = tuple(replace(each, avg_us=us) for each, us in ((CONV, 900.0), (DENSE, 100.0)))
    after = tuple(
        replace(each, avg_us=us) for each, us in ((CONV, 1000.0), (DENSE, 100.0), (FUSED, 300.0))
    )
    assert why(SideFacts(operators=before), SideFacts(operators=after)) == (
        "profiled, FULLY_CONNECTED more_1/Relu takes 300 µs (new), 75.0 % of the added time",
        "profiled, CONV_2D first/Conv2D takes 1.00 ms (was 900 µs), 25.0 % of the added time",
    )


def test_partitions_programs_initialisation_and_memory_are_named_where_they_changed() -> None:
    before = SideFacts(
        partitions=1, nodes=90, delegated_nodes=90, runtime="1.0", init_us=1e4, peak_mb=10
    )
    after = SideFacts(
        partitions=3, nodes=90, delegated_nodes=80, runtime="1.1", init_us=2e4, peak_mb=30
    )
    observed = replace(PAIR.observed, tool_sha256="b" * 64, baseline_tool_sha256="a" * 64)
    pair = replace(PAIR, observed=observed)
    assert why(before, after, pair) == (
        "3 of the delegate's partitions and 10 operators outside them, instead of "
        "1 of the delegate's partitions and 0 operators outside them",
        "another tool: bbbbbbbbbbbb instead of aaaaaaaaaaaa",
        "another runtime: 1.1 instead of 1.0",
        "initialisation takes 20.0 ms instead of 10.0 ms",
        "memory peaks at 31.5 MB instead of 10.5 MB",
    )


def test_sides_that_do_not_differ_are_said_to_be_the_same() -> None:
    inside = SideFacts(layers=(CONV,), operators=(CONV,), init_us=1e4, partitions=1)
    assert why(inside, inside) == (
        "operators, partitions, tool, initialisation and memory are the same",
    )
