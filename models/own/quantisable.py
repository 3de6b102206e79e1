"""A copy of a .tflite file as the quantiser needs it: signature, names, sizes of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers

from models.tflite import litert

_IDENTIFIER = b"TFL3"
_KEY = b"serving_default"


def quantisable(content: bytes, shapes: Sequence[tuple[int, ...]] | None = None) -> bytes:
    """Returns a copy that computes the same, for the quantiser to read.

    It calibrates by a signature, which files for microcontrollers and of older converters lack; it
    finds tensors by their names, of which some files have several alike; it knows operators by a
    field that older files leave at zero, which is ADD; and it needs the sizes of all inputs.

    Args:
        shapes: of its inputs, where the file leaves some open.
    """
    graph = litert.read_graph(content)
    for at, sub in enumerate(graph.subgraphs):
        _name_apart(sub, "" if at == 0 else f"graph{at}_")
    for code in graph.operatorCodes:  # older files have only the deprecated field
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    if shapes is not None:
        main = graph.subgraphs[0]
        for index, shape in zip(main.inputs, shapes, strict=True):
            main.tensors[index].shape = list(shape)
            main.tensors[index].shapeSignature = None
    if not graph.signatureDefs:
        graph.signatureDefs = [_signature(graph.subgraphs[0])]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(graph.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _name_apart(sub: Any, before: str) -> None:
    taken: set[bytes] = set()
    for at, tensor in enumerate(sub.tensors):
        name = tensor.name or b""
        if not name or name in taken or before:
            name = f"{before}{at}_".encode() + name
            tensor.name = name
        taken.add(name)


def _signature(sub: Any) -> Any:
    schema = litert.schema()
    entry = schema.SignatureDefT()
    entry.signatureKey, entry.subgraphIndex = _KEY, 0
    entry.inputs = [_named(f"input_{at}", index) for at, index in enumerate(sub.inputs)]
    entry.outputs = [_named(f"output_{at}", index) for at, index in enumerate(sub.outputs)]
    return entry


def _named(name: str, index: int) -> Any:
    entry = litert.schema().TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), int(index)
    return entry
