"""Which nodes a delegate took, read from a LiteRT graph after delegation.

LiteRT lists the replaced nodes and the ``DELEGATE`` nodes, but not which belong together. The data
flow shows it: a walk from the outputs of a ``DELEGATE`` node back to its inputs meets exactly the
nodes that it replaced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.artifact import Partitions

DELEGATE = "DELEGATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of LiteRT's ``_get_ops_details``: its operator and its tensor indices."""

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def partitions(nodes: Sequence[Node]) -> Partitions:
    """Returns how a delegate split the graph that ``nodes`` lists."""
    original = [node for node in nodes if node.op != DELEGATE]
    left = left_to_the_cpu(nodes)
    counts = Counter(original[index].op for index in left)
    return Partitions(
        nodes_total=len(original),
        nodes_delegated=len(original) - len(left),
        partitions=len(nodes) - len(original),
        left=dict(sorted(counts.items())),
    )


def left_to_the_cpu(nodes: Sequence[Node]) -> list[int]:
    """Returns which of the graph's own nodes no delegate took, by their place among these."""
    original = [node for node in nodes if node.op != DELEGATE]
    node_of = {tensor: index for index, node in enumerate(original) for tensor in node.outputs}
    taken: set[int] = set()
    for delegate in (node for node in nodes if node.op == DELEGATE):
        delegate_inputs = set(delegate.inputs)
        waiting = [tensor for tensor in delegate.outputs if tensor not in delegate_inputs]
        while waiting:
            tensor = waiting.pop()
            index = node_of.get(tensor)
            if index is None or index in taken or tensor in delegate_inputs:
                continue
            taken.add(index)
            waiting += [each for each in original[index].inputs if each not in delegate_inputs]
    return [index for index in range(len(original)) if index not in taken]
