"""Whether a .tflite file's parts fit each other, before any runtime follows its indices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

# A tensor of more elements than this is not in any model, but memory would be asked for it.
_MOST_ELEMENTS = 1 << 40
_OPTIONAL = -1  # as an operator's input: it is left out


def unsound(graph: Any, size_bytes: int) -> str:
    """Returns the first part that points at nothing or cannot be, in words; an empty text if none.

    Args:
        graph: LiteRT's ``ModelT``.
        size_bytes: of the file.
    """
    return next(_problems(graph, size_bytes), "")


def _problems(graph: Any, size_bytes: int) -> Iterator[str]:
    if not graph.subgraphs or not graph.buffers:
        yield "it has no graph"
        return
    for index, buffer in enumerate(graph.buffers):
        if buffer.offset > 1 and buffer.offset + buffer.size > size_bytes:
            yield f"buffer {index} ends after the file"
    for code in graph.operatorCodes or ():
        yield from _text_problems(code.customCode, "the name of an operator")
    for index, subgraph in enumerate(graph.subgraphs):
        where = f" of graph {index}" if index else ""
        yield from _tensor_problems(graph, subgraph, where)
        yield from _operator_problems(graph, subgraph, where)
    for side, indices in (
        ("inputs", graph.subgraphs[0].inputs),
        ("outputs", graph.subgraphs[0].outputs),
    ):
        if not _list(indices):
            yield f"its graph has no {side}"
    yield from _signature_problems(graph)


def _tensor_problems(graph: Any, subgraph: Any, where: str) -> Iterator[str]:
    for index, tensor in enumerate(_list(subgraph.tensors)):
        what = f"tensor {index}{where}"
        if not 0 <= tensor.buffer < len(graph.buffers):
            yield f"{what} is in buffer {tensor.buffer}, which is not there"
        sizes = [int(n) for n in _list(tensor.shape)]
        if any(n < -1 for n in sizes) or abs(math.prod(sizes)) > _MOST_ELEMENTS:
            yield f"{what} has the impossible shape {sizes}"
        signature = tensor.shapeSignature
        if signature is not None and len(signature) not in (0, len(sizes)):
            yield f"{what} has two shapes of different rank"
        yield from _text_problems(tensor.name, f"the name of {what}")
        yield from _scale_problems(tensor.quantization, what)


def _scale_problems(quantisation: Any, what: str) -> Iterator[str]:
    scales = _list(None if quantisation is None else quantisation.scale)
    zero_points = _list(None if quantisation is None else quantisation.zeroPoint)
    if scales and len(zero_points) not in (0, len(scales)):
        yield f"{what} has {len(scales)} scales and {len(zero_points)} zero points"
    if not np.isfinite(np.asarray(scales, dtype=np.float64)).all():
        yield f"{what} has a scale that is not finite"


def _operator_problems(graph: Any, subgraph: Any, where: str) -> Iterator[str]:
    tensors = len(_list(subgraph.tensors))
    for side, indices in (("inputs", subgraph.inputs), ("outputs", subgraph.outputs)):
        for each in _outside(indices, tensors, lowest=0):
            yield f"the {side}{where} name tensor {each} of {tensors}"
    for index, operator in enumerate(_list(subgraph.operators)):
        what = f"operator {index}{where}"
        if not 0 <= operator.opcodeIndex < len(_list(graph.operatorCodes)):
            yield f"{what} is of kind {operator.opcodeIndex}, which is not there"
        if _list(operator.outputs) and tensors == 0:
            yield f"{what} has outputs in a graph without tensors"
        outside = [
            *_outside(operator.inputs, tensors, lowest=_OPTIONAL),
            *_outside(operator.outputs, tensors, lowest=0),
        ]
        for each in outside:
            yield f"{what} names tensor {each} of {tensors}"


def _signature_problems(graph: Any) -> Iterator[str]:
    for entry in graph.signatureDefs or ():
        yield from _text_problems(entry.signatureKey, "the key of a signature")
        if not 0 <= entry.subgraphIndex < len(graph.subgraphs):
            yield f"a signature is of graph {entry.subgraphIndex}, which is not there"
            return
        tensors = len(_list(graph.subgraphs[entry.subgraphIndex].tensors))
        for each in (*_list(entry.inputs), *_list(entry.outputs)):
            yield from _text_problems(each.name, "the name of a signature's tensor")
            if not 0 <= each.tensorIndex < tensors:
                yield f"a signature names tensor {each.tensorIndex} of {tensors}"


def _text_problems(text: bytes | None, what: str) -> Iterator[str]:
    try:
        (text or b"").decode()
    except UnicodeDecodeError:
        yield f"{what} is not UTF-8"


def _outside(indices: Any, count: int, *, lowest: int) -> list[int]:
    return [int(each) for each in _list(indices) if not lowest <= each < count]


def _list(values: Any) -> list[Any]:
    return [] if values is None else list(values)
