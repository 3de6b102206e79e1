"""A copy of a .tflite file with other shapes of its inputs, or with another graph as its first.

Our runner has no flags for these. Only the few numbers of them change in the copy, in place:
writing the whole tree again would lose the alignment of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.core.errors import ConfigurationError
from models.tflite import litert

_SUBGRAPHS = 8  # offset of Model.subgraphs in its vtable
_OFFSET_BYTES = 4
# Operators that run another graph by its index.
_CALLS = {"CALL", "CALL_ONCE", "IF", "WHILE"}
_MAY_CALL = "STABLEHLO_"
_BINARY = "measure it with the official tool, which has a flag for this: --benchmark-binary PATH"


def with_first_graph(content: bytes, subgraph: int) -> bytes:
    """Returns a file whose first graph, which a runtime runs, is another of its graphs.

    Raises:
        ConfigurationError: its operators run graphs by their index.
    """
    graph = litert.read_graph(content)
    names = litert.names_of("BuiltinOperator")
    codes = {
        names[max(each.builtinCode, each.deprecatedBuiltinCode)] for each in graph.operatorCodes
    }
    if calls := sorted(name for name in codes if name in _CALLS or name.startswith(_MAY_CALL)):
        raise ConfigurationError(
            f"its operators run graphs by their number ({', '.join(calls)}), so the signature "
            "cannot be made the first in a copy",
            hint=_BINARY,
        )
    changed = bytearray(content)
    table = litert.schema().Model.GetRootAs(changed, 0)._tab
    start = table.Vector(table.Offset(_SUBGRAPHS))
    places = [start, start + _OFFSET_BYTES * subgraph]
    targets = [place + _number(changed, place) for place in places]
    for place, target in zip(places, reversed(targets), strict=True):
        changed[place : place + _OFFSET_BYTES] = (target - place).to_bytes(_OFFSET_BYTES, "little")
    return bytes(changed)


def with_shapes(content: bytes, shapes: Sequence[tuple[int, ...]]) -> bytes:
    """Returns a file whose first graph's inputs have these shapes; LiteRT finds all others anew.

    Raises:
        ConfigurationError: other tensors share the numbers.
    """
    before = _shapes(content)
    changed = bytearray(content)
    model = litert.schema().Model.GetRootAs(changed, 0)
    main = model.Subgraphs(0)
    inputs = [int(index) for index in main.InputsAsNumpy()]
    for index, shape in zip(inputs, shapes, strict=True):
        if main.Tensors(index).ShapeLength():
            main.Tensors(index).ShapeAsNumpy()[:] = shape  # a view of ``changed``
    wanted = [list(each) for each in before]
    for index, shape in zip(inputs, shapes, strict=True):
        wanted[0][index] = shape
    if [list(each) for each in _shapes(bytes(changed))] != wanted:
        raise ConfigurationError(
            "its tensors share the shape of an input, so no other shape can be set in a copy",
            hint=_BINARY,
        )
    return bytes(changed)


def _shapes(content: bytes) -> list[list[tuple[int, ...]]]:
    graph = litert.read_graph(content)
    return [[_sizes(tensor.shape) for tensor in sub.tensors] for sub in graph.subgraphs]


def _sizes(shape: Any) -> tuple[int, ...]:
    return () if shape is None else tuple(int(n) for n in shape)


def _number(content: bytearray, place: int) -> int:
    return int.from_bytes(content[place : place + _OFFSET_BYTES], "little")
