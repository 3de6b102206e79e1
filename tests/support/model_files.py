"""Small .tflite files made for tests, by editing the flatbuffers of real ones."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import flatbuffers

from models.tflite import litert

DATA = Path(__file__).parents[1] / "data"
CASES = DATA / "model_files"  # from the tests of other people's files
TINY = DATA / "tiny.tflite"
WAVEFORM = DATA / "audio_models" / "waveform.tflite"
CUSTOM, STRING = 32, 5  # as the schema numbers them


def edited(source: Path, change: Callable[[Any], object], to: Path) -> Path:
    """Returns a copy of a file whose ``ModelT`` was changed."""
    graph = litert.read_graph(source.read_bytes())
    change(graph)
    builder = flatbuffers.Builder()
    builder.Finish(graph.Pack(builder), b"TFL3")
    to.write_bytes(builder.Output())
    return to


def with_input_shape(
    shape: Sequence[int], *, free: Sequence[int] | None = None
) -> Callable[[Any], None]:
    """Returns a change of the first input's shape; ``free`` has -1 for the sizes that are open."""

    def change(graph: Any) -> None:
        tensor = graph.subgraphs[0].tensors[graph.subgraphs[0].inputs[0]]
        tensor.shape = list(shape)
        tensor.shapeSignature = None if free is None else list(free)

    return change


def with_custom_op(name: bytes) -> Callable[[Any], None]:
    """Returns a change that makes the first operator a custom one."""

    def change(graph: Any) -> None:
        code = graph.operatorCodes[graph.subgraphs[0].operators[0].opcodeIndex]
        code.builtinCode, code.deprecatedBuiltinCode, code.customCode = CUSTOM, CUSTOM, name

    return change


def with_metadata(kind: int, *numbers: int) -> Callable[[Any], None]:
    """Returns a change that adds metadata of the first input.

    Args:
        kind: of the union ContentProperties: 2 an image, 4 audio.
        numbers: the fields of its properties, uint32: of audio the sample rate and the channels.
    """

    def change(graph: Any) -> None:
        from ai_edge_litert import schema_py_generated as schema

        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data = list(_metadata(kind, numbers))
        graph.buffers.append(buffer)
        entry.name, entry.buffer = b"TFLITE_METADATA", len(graph.buffers) - 1
        graph.metadata = [*(graph.metadata or []), entry]

    return change


def _metadata(kind: int, numbers: Sequence[int]) -> bytes:
    builder = flatbuffers.Builder()
    builder.StartObject(len(numbers))
    for at, number in enumerate(numbers):
        builder.PrependUint32Slot(at, number, 0)
    table = builder.EndObject()
    builder.StartObject(3)
    builder.PrependUint8Slot(0, kind, 0)
    builder.PrependUOffsetTRelativeSlot(1, table, 0)
    table = builder.EndObject()
    # TensorMetadata.content, then lists of one: SubGraphMetadata's inputs, ModelMetadata's graphs.
    for fields, at in ((7, 3), (7, 2), (8, 3)):
        builder.StartObject(fields)
        builder.PrependUOffsetTRelativeSlot(at, table, 0)
        table = builder.EndObject()
        if fields == 7:
            builder.StartVector(4, 1, 4)
            builder.PrependUOffsetTRelative(table)
            table = builder.EndVector()
    builder.Finish(table, b"M001")
    return bytes(builder.Output())


def crashing(graph: Any) -> None:
    """Gives an operator of ``dilated_conv.tflite`` no output, which LiteRT does not check."""
    graph.subgraphs[0].operators[16].outputs = [-1]
