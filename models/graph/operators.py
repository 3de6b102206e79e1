"""What the graph of a .tflite file consists of, and what of it two files have in common.

Only for files that ``models/tflite/reader.py`` has accepted, or that were measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.hashing import sha256_value
from models.tflite.contents import dtype_of, is_constant, is_scaled, macs_of, sound_graph, text_of

_STRUCTURE = ("int32", "int64")  # without a scale: shapes, axes, paddings


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An operator of a graph.

    Args:
        op: its type.
        name: of its first output.
        macs: multiply-accumulates at batch one.
        takes, gives: type and shape of each tensor, such as ``int8[1,49,40,8]``, constants among
            them; an input that is left out is an empty text.
    """

    op: str
    name: str
    macs: int
    takes: tuple[str, ...]
    gives: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The operators of a file's main graph, and three hashes over all its graphs.

    Args:
        structure_sha256: of operators, options, shapes, types, and constants such as axes; names do
            not count.
        scales_sha256: of the scales and zero points.
        weights_sha256: of all other constants.
    """

    layers: tuple[Layer, ...]
    structure_sha256: str
    scales_sha256: str
    weights_sha256: str


def graph_of(path: Path) -> Graph:
    """Returns what a file's graph consists of.

    Raises:
        ModelFileError: it is missing, not a model, or damaged.
    """
    model, names = sound_graph(path)
    content = path.read_bytes()
    main = model.subgraphs[0]
    constants = list(_constants(model, content))
    structure = [_structure(names, sub) for sub in model.subgraphs]
    fixed = [data.hex() for tensor, data in constants if not _is_weight(tensor)]
    weights = hashlib.sha256()
    for tensor, data in constants:
        if _is_weight(tensor):
            weights.update(len(data).to_bytes(8, "little") + data)
    tensors = [tensor for sub in model.subgraphs for tensor in sub.tensors]
    return Graph(
        layers=tuple(_layer(names[op.opcodeIndex], op, main.tensors) for op in main.operators),
        structure_sha256=sha256_value([structure, fixed]),
        scales_sha256=sha256_value([_scales(tensor) for tensor in tensors]),
        weights_sha256=weights.hexdigest(),
    )


def shape_text(tensor: Any) -> str:
    """Returns a tensor's type and shape, such as ``int8[1,49,40,8]``."""
    return f"{dtype_of(tensor)}[{','.join(map(str, plain(tensor.shape) or []))}]"


def _layer(name: str, op: Any, tensors: Any) -> Layer:
    outputs = plain(op.outputs) or []
    return Layer(
        op=name,
        name=text_of(tensors[outputs[0]].name) if outputs else "",
        macs=macs_of(name, op, tensors),
        takes=tuple(shape_text(tensors[at]) if at >= 0 else "" for at in plain(op.inputs) or []),
        gives=tuple(shape_text(tensors[at]) for at in outputs),
    )


def _structure(names: list[str], sub: Any) -> list[Any]:
    operators = [
        [names[op.opcodeIndex], *map(plain, (op.inputs, op.outputs)), _options(op)]
        for op in sub.operators
    ]
    ends = [plain(sub.inputs), plain(sub.outputs)]
    return [operators, [shape_text(each) for each in sub.tensors], ends]


def _options(op: Any) -> list[Any]:
    return [plain(each) for each in (op.builtinOptions, op.builtinOptions2, op.customOptions)]


def _scales(tensor: Any) -> Any:
    quantisation = tensor.quantization
    if quantisation is None:
        return None
    return [plain(quantisation.scale), plain(quantisation.zeroPoint)]


def plain(value: Any) -> Any:
    """Returns a value of the flatbuffer's object tree in JSON's types; ``None`` stays."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "__dict__"):
        return {name: plain(each) for name, each in vars(value).items()}
    return value


def _constants(model: Any, content: bytes) -> Iterator[tuple[Any, bytes]]:
    """Yields each constant tensor with its bytes."""
    for sub in model.subgraphs:
        for tensor in sub.tensors:
            if is_constant(model, tensor):
                yield tensor, bytes_of(model.buffers[tensor.buffer], content)


def bytes_of(buffer: Any, content: bytes) -> bytes:
    """Returns the bytes of a buffer, which may be after the flatbuffer in the file."""
    if buffer.offset > 1:
        return content[buffer.offset : buffer.offset + buffer.size]
    return b"" if buffer.data is None else bytes(buffer.data)


def _is_weight(tensor: Any) -> bool:
    return is_scaled(tensor) or dtype_of(tensor) not in _STRUCTURE
