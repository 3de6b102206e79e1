"""A copy of a .tflite file that scales its input and its output itself.

Some files take samples as 16-bit integers count them (-32,768 to 32,767) instead of -1 to 1, or
leave the scale of their features to the program around them. With the scale in the graph, every
phone, every check and every score runs the same file, and the time of the scale is in its latency.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from models.graph.packed import packed
from models.tflite import litert, reader
from models.tflite.arrays import filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What stands before and after a file: numbers in, times a factor; numbers out, times and plus.

    Args:
        input_scale: each number of the input is multiplied by it, 32768 for 16-bit samples.
        output_scale, output_offset: each number of the output is multiplied by the first, and the
            second is added.
    """

    input_scale: float = 1.0
    output_scale: float = 1.0
    output_offset: float = 0.0

    def provenance(self, source: Path) -> str | None:
        """Returns where a scaled copy of a file is from; ``None`` where nothing is scaled."""
        if self == Scale():
            return None
        sha256 = sha256_file(source)
        return (
            f"added from {source.name} (SHA-256 {sha256}), with its input times "
            f"{self.input_scale:g}, and its output times {self.output_scale:g} plus "
            f"{self.output_offset:g}, in its graph"
        )


@contextmanager
def scaled_copy(source: Path, scale: Scale, *, window: int | None = None) -> Iterator[Path]:
    """Yields a copy of a file with the scale in its graph; the copy is gone after the block.

    Without a scale that is the file itself.

    Args:
        window: the length of its input, in samples, where the file leaves that open. In the copy it
            is fixed, so that every program can run it.

    Raises:
        ModelFileError: the file is not a usable model.
        ConfigurationError: the file has not one float32 input and one float32 output.
    """
    if scale == Scale():
        yield source
        return
    content = reader.read(source)
    for name, tensors in (("inputs", content.inputs), ("outputs", content.outputs)):
        if [each.dtype for each in tensors] != ["float32"]:
            has = ", ".join(f"{each.dtype} {list(each.shape)}" for each in tensors)
            raise ConfigurationError(
                f"{source}: its {name} are {has}, and a scale goes before and after a file with "
                "one float32 input and one float32 output",
                hint="leave out --input-scale, --output-scale and --output-offset",
            )
    declared = content.inputs[0].shape
    is_open = min(declared[-1:], default=0) < 0
    shape = filled(source, declared, window) if window and is_open else None
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / source.name
        copy.write_bytes(_scaled(source.read_bytes(), scale, shape))
        yield copy


def _scaled(content: bytes, scale: Scale, shape: tuple[int, ...] | None) -> bytes:
    graph = litert.read_graph(content)
    main = graph.subgraphs[0]
    inputs, outputs = int(main.inputs[0]), int(main.outputs[0])
    before = {"inputs": inputs, "outputs": outputs}
    if shape is not None:
        main.tensors[inputs].shape, main.tensors[inputs].shapeSignature = list(shape), None
    edit = _Edit(graph)
    if scale.input_scale != 1:
        first = edit.like(inputs, b"scaled_input")
        edit.operator("MUL", (first, edit.constant(scale.input_scale)), inputs, at_begin=True)
        inputs = first
    if scale.output_scale != 1:
        outputs = edit.after(outputs, "MUL", scale.output_scale)
    if scale.output_offset:
        outputs = edit.after(outputs, "ADD", scale.output_offset)
    main.inputs, main.outputs = [inputs], [outputs]
    for entry in graph.signatureDefs or ():
        if entry.subgraphIndex == 0:
            for side, now in (("inputs", inputs), ("outputs", outputs)):
                for tensor in getattr(entry, side):
                    if tensor.tensorIndex == before[side]:
                        tensor.tensorIndex = now
    graph.metadataBuffer = None
    return packed(graph, content)


class _Edit:
    """Adds tensors and operators to the main graph of a file."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._main = graph.subgraphs[0]
        self._schema = litert.schema()

    def like(self, index: int, name: bytes) -> int:
        """Returns the index of a new tensor of the shape of another."""
        other = self._main.tensors[index]
        return self._tensor(name, other.shape, other.shapeSignature, buffer=0)

    def constant(self, value: float) -> int:
        """Returns the index of a new tensor that holds one number."""
        buffer = self._schema.BufferT()
        buffer.data = np.frombuffer(np.float32(value).tobytes(), np.uint8)
        self._graph.buffers.append(buffer)
        return self._tensor(b"scale", None, None, buffer=len(self._graph.buffers) - 1)

    def after(self, index: int, op: str, value: float) -> int:
        """Returns the index of what ``op`` makes of a tensor and a number, at the graph's end."""
        result = self.like(index, b"scaled_output")
        self.operator(op, (index, self.constant(value)), result)
        return result

    def operator(
        self, op: str, inputs: tuple[int, ...], result: int, *, at_begin: bool = False
    ) -> None:
        """Adds an operator at the graph's end, or at its begin."""
        schema = self._schema
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, op)
        code.version = 1
        self._graph.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self._graph.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), [result]
        options = f"{op.capitalize()}Options"
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
        operator.builtinOptions = getattr(schema, f"{options}T")()
        self._main.operators.insert(0 if at_begin else len(self._main.operators), operator)

    def _tensor(self, name: bytes, shape: Any, signature: Any, *, buffer: int) -> int:
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape, tensor.shapeSignature = name, shape, signature
        tensor.type, tensor.buffer = self._schema.TensorType.FLOAT32, buffer
        self._main.tensors.append(tensor)
        return len(self._main.tensors) - 1
