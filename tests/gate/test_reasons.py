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


def typed(kind: str, weights: str, *, delegated: bool | None = None) -> Operator:
    return replace(
        CONV,
        takes=(f"{kind}[1,8,8,1]", f"{weights}[4,3,3,1]"),
        gives=(f"{kind}[1,4,4,4]",),
        delegated=delegated,
    )


def test_another_number_format_is_named_with_the_operators_that_have_it() -> None:
    dense = replace(DENSE, takes=("float32[1,64]", "float32[3,64]"), gives=("float32[1,3]",))
    before = SideFacts(layers=(typed("float32", "float32"), dense))
    after = SideFacts(layers=(typed("int8", "int8"), dense))
    assert why(before, after) == (
        "CONV_2D first/Conv2D computes in int8 with int8 weights instead of float32 with float32 "
        "weights",
    )


def test_an_operator_whose_shape_changed_is_named_with_both_shapes() -> None:
    old = typed("int8", "int8")
    new = replace(old, takes=("int8[1,8,8,1]", "int8[8,3,3,1]"), gives=("int8[1,4,4,8]",))
    assert why(SideFacts(layers=(old,)), SideFacts(layers=(new,))) == (
        "CONV_2D first/Conv2D has int8[1,8,8,1], int8[8,3,3,1] to int8[1,4,4,8] instead of "
        "int8[1,8,8,1], int8[4,3,3,1] to int8[1,4,4,4]",
    )


def test_equal_graphs_with_other_weights_are_said_to_differ_in_weights_only() -> None:
    before = SideFacts(structure_sha256="a", weights_sha256="b", scales_sha256="c")
    weights = replace(before, weights_sha256="d")
    assert why(before, weights) == ("the graphs are equal; only weights differ",)
    assert why(before, replace(weights, scales_sha256="e")) == (
        "the graphs are equal; only weights and scales differ",
    )
    assert why(before, replace(weights, structure_sha256="e"))[0].startswith("operators, ")


def test_operators_that_left_the_delegate_and_the_cache_are_named() -> None:
    before = SideFacts(layers=(typed("int8", "int8", delegated=True),), cache="warm, read by 6")
    after = SideFacts(layers=(typed("int8", "int8", delegated=False),), cache="warm, written by 6")
    assert why(before, after) == (
        "no longer run by the delegate: CONV_2D first/Conv2D",
        "the delegate's cache: warm, written by 6, instead of warm, read by 6",
    )
    assert why(after, before)[0] == "now run by the delegate: CONV_2D first/Conv2D"


def test_times_of_several_profiled_processes_have_intervals_and_one_process_has_none() -> None:
    def timed(low_us: float, us: float, high_us: float) -> tuple[Operator, ...]:
        return (replace(CONV, avg_us=us, low_us=low_us, high_us=high_us, index=0),)

    layers = (typed("float32", "float32"),)
    before = SideFacts(layers=layers, operators=timed(890, 900, 910), profiles=6)
    after = SideFacts(layers=layers, operators=timed(980, 1000, 1030), profiles=6)
    assert why(before, after) == (
        "profiled, CONV_2D first/Conv2D (float32[1,8,8,1], float32[4,3,3,1] to float32[1,4,4,4]) "
        "takes 1.00 ms, 980 µs to 1.03 ms (was 900 µs, 890 µs to 910 µs), 100.0 % of the added "
        "time",
        "times of operators are medians of 6 profiled processes a side, with their 95 % intervals",
    )
    near = replace(after, operators=timed(905, 1000, 1030))
    assert "(was 900 µs, 890 µs to 910 µs, the intervals overlap)" in why(before, near)[0]
    few = replace(after, profiles=1)
    assert why(before, few)[-1] == (
        "times of operators are of 1 profiled process a side: too few for an interval, which needs "
        "6"
    )


def test_the_file_of_the_slowest_operator_is_named_where_there_is_one() -> None:
    facts = SideFacts(layers=(CONV,))
    made = Explained(
        model=PAIR.model, baseline=facts, candidate=facts, operator_file="log-operators/x.tflite"
    )
    assert reasons(PAIR, made)[-1] == (
        "the slowed operator as a file, with a text for an issue: log-operators/x.tflite"
    )


def test_many_operators_without_work_of_one_type_are_one_sentence() -> None:
    casts = tuple(
        Operator(
            node_type="DEQUANTIZE", name=f"weights_{at}", macs=0, takes=("float16[4]",),
            gives=("float32[4]",),
        )
        for at in range(5)
    )  # fmt: skip
    assert why(SideFacts(layers=(CONV,)), SideFacts(layers=(*casts, CONV))) == (
        "only the candidate has 5 DEQUANTIZE, such as DEQUANTIZE weights_0 (float16[4] to "
        "float32[4])",
    )


def test_many_operators_in_another_format_are_counted() -> None:
    before, after = (
        tuple(replace(typed(kind, kind), name=f"layer_{at}") for at in range(5))
        for kind in ("float32", "int8")
    )
    assert why(SideFacts(layers=before), SideFacts(layers=after)) == (
        "5 operators, such as CONV_2D layer_0, CONV_2D layer_1, CONV_2D layer_2, compute in int8 "
        "with int8 weights instead of float32 with float32 weights",
    )
