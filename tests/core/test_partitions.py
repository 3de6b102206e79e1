from bench.core.artifact import Partitions
from bench.core.partitions import Node, partitions


def node(op: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Node:
    return Node(op=op, inputs=inputs, outputs=outputs)


def test_a_graph_without_delegate_is_all_left() -> None:
    found = partitions([node("CONV_2D", (0, 1), (2,)), node("ADD", (2, 3), (4,))])
    assert found == Partitions(
        nodes_total=2, nodes_delegated=0, partitions=0, left={"ADD": 1, "CONV_2D": 1}
    )


def test_a_wholly_delegated_graph_has_nothing_left() -> None:
    found = partitions(
        [
            node("CONV_2D", (0, 1), (2,)),
            node("ADD", (2, 3), (4,)),
            node("DELEGATE", (0, 1, 3), (4,)),
        ]
    )
    assert found == Partitions(nodes_total=2, nodes_delegated=2, partitions=1, left={})


def test_what_stands_between_two_partitions_is_left_by_name() -> None:
    found = partitions(
        [
            node("CONV_2D", (0,), (1,)),
            node("HARD_SWISH", (1,), (2,)),
            node("CONV_2D", (2,), (3,)),
            node("MUL", (3, 1), (4,)),
            node("DELEGATE", (0,), (1,)),
            node("DELEGATE", (2, 1), (4,)),
        ]
    )
    assert found == Partitions(
        nodes_total=4, nodes_delegated=3, partitions=2, left={"HARD_SWISH": 1}
    )


def test_a_delegate_that_passes_an_input_on_does_not_take_its_maker() -> None:
    found = partitions(
        [
            node("HARD_SWISH", (0,), (1,)),
            node("ADD", (1, 1), (2,)),
            node("DELEGATE", (1,), (1, 2)),
        ]
    )
    assert found.left == {"HARD_SWISH": 1}
