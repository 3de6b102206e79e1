"""The bytes of a changed graph, as a .tflite file."""

from __future__ import annotations

from typing import Any

import flatbuffers

from models.graph.operators import bytes_of
from models.tflite import litert

_IDENTIFIER = b"TFL3"
_ALIGNMENT_BYTES = 16


def packed(graph: Any, content: bytes) -> bytes:
    """Returns the file of a graph.

    Constants are aligned to 16 bytes, as runtimes expect; what no operator uses is left out.

    Args:
        graph: LiteRT's ``ModelT`` of ``content``, changed; it is changed further.
        content: the file that it was read from, which has the constants that are beside the tree.
    """
    for operator in (each for sub in graph.subgraphs for each in sub.operators):
        _take_in_options(operator, content)
    _take_in_buffers(graph, content)
    _drop_unused_codes(graph)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(graph.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _take_in_options(operator: Any, content: bytes) -> None:
    start, size = operator.largeCustomOptionsOffset, operator.largeCustomOptionsSize
    if start > 1:
        operator.customOptions = list(content[start : start + size])
        operator.largeCustomOptionsOffset = operator.largeCustomOptionsSize = 0


def _take_in_buffers(graph: Any, content: bytes) -> None:
    """Keeps the buffers that are used, each aligned; the first is empty, as it has to be."""
    buffers: list[Any] = [litert.schema().BufferT()]
    place = {0: 0}
    tensors = [each for sub in graph.subgraphs for each in sub.tensors]
    for user in (*tensors, *(graph.metadata or ())):
        if user.buffer not in place:
            place[user.buffer] = len(buffers)
            constant = bytes_of(graph.buffers[user.buffer], content)
            buffers.append(_Aligned(constant) if constant else litert.schema().BufferT())
        user.buffer = place[user.buffer]
    graph.buffers = buffers


def _drop_unused_codes(graph: Any) -> None:
    operators = [each for sub in graph.subgraphs for each in sub.operators]
    used = sorted({each.opcodeIndex for each in operators})
    graph.operatorCodes = [graph.operatorCodes[at] for at in used]
    for each in operators:
        each.opcodeIndex = used.index(each.opcodeIndex)


class _Aligned:
    """A buffer of a model that packs itself aligned, which ``BufferT`` does not."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def Pack(self, builder: Any) -> int:  # noqa: N802  # the schema calls it so
        """Returns the place of the packed buffer, as the schema's own classes do."""
        schema = litert.schema()
        # Padding before the bytes: vectors are written from their end, aligned to their begin.
        builder.Prep(_ALIGNMENT_BYTES, len(self._content))
        vector = builder.CreateByteVector(self._content)
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        buffer: int = schema.BufferEnd(builder)
        return buffer
