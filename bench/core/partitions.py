"""Which nodes a delegate took, read from a LiteRT graph after delegation.

LiteRT lists the replaced nodes and the ``DELEGATE`` nodes side by side and does not say which
belong together. They do by data flow: walking back from what a ``DELEGATE`` node gives to what it
takes meets exactly the nodes that it replaced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.artifact import Partitions

DELEGATE = "DELEGATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node as LiteRT's ``_get_ops_details`` has it: operator, and tensor indices in and out."""

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def partitions(nodes: Sequence[Node]) -> Partitions:
    """Returns how a delegate split the graph that ``nodes`` lists."""
    original = [node for node in nodes if node.op != DELEGATE]
    delegates = [node for node in nodes if node.op == DELEGATE]
    maker = {tensor: index for index, node in enumerate(original) for tensor in node.outputs}
    taken: set[int] = set()
    for delegate in delegates:
        given = set(delegate.inputs)
        waiting = [tensor for tensor in delegate.outputs if tensor not in given]
        while waiting:
            tensor = waiting.pop()
            index = maker.get(tensor)
            if index is None or index in taken or tensor in given:
                continue
            taken.add(index)
            waiting += [each for each in original[index].inputs if each not in given]
    left = Counter(node.op for index, node in enumerate(original) if index not in taken)
    return Partitions(
        nodes_total=len(original),
        nodes_delegated=len(taken),
        partitions=len(delegates),
        left=dict(sorted(left.items())),
    )
