"""Reads a .tflite file: tensors, operators, format, parameters and multiply-accumulates."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.artifact import Format, Role, Tensor
from bench.core.errors import ModelFileError
from models.tflite import litert

_IDENTIFIER = b"TFL3"
_WAVEFORM_SAMPLES = 4_000  # a longer [1, n] input is audio
_OF_A_STREAM = "frontend_"  # begins the names of its input tensors (models/stream.py)
_CASTS = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteFile:
    """What a .tflite file holds.

    Args:
        parameters: elements of all constant tensors that an operator computes with.
        macs: multiply-accumulates of convolutions and dense layers for one inference at batch one.
        float_ops: operators that compute in float32, with their count; casts are not counted.
    """

    format: Format
    role: Role
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: int
    macs: int
    float_ops: dict[str, int]


def read(path: Path) -> TfliteFile:
    """Returns what the file holds, after LiteRT has accepted it.

    Raises:
        ModelFileError: the file is missing, not a model, truncated, or needs operators that LiteRT
            lacks (a flex model).
    """
    graph, names = _graph(path)
    main = graph.subgraphs[0]
    inputs = tuple(_tensor(main.tensors[index]) for index in main.inputs)
    outputs = tuple(_tensor(main.tensors[index]) for index in main.outputs)
    return TfliteFile(
        format=_format(graph),
        role=_role(inputs, outputs),
        inputs=inputs,
        outputs=outputs,
        parameters=_parameters(graph),
        macs=sum(_macs(names[op.opcodeIndex], op, main.tensors) for op in main.operators),
        float_ops=_float_ops(graph, names),
    )


def layers(path: Path) -> list[tuple[str, str, int]]:
    """Returns the main graph's operators in order: type, name of the first output, MACs at batch 1.

    Raises:
        ModelFileError: as ``read``.
    """
    graph, names = _graph(path)
    main = graph.subgraphs[0]
    return [
        (
            names[op.opcodeIndex],
            main.tensors[op.outputs[0]].name.decode(errors="replace") if len(op.outputs) else "",
            _macs(names[op.opcodeIndex], op, main.tensors),
        )
        for op in main.operators
    ]


def stream_state(path: Path) -> tuple[str, ...]:
    """Returns the names of the tensors that hold a stream's new state; none of other files.

    Raises:
        ModelFileError: as ``read``.
    """
    file = read(path)
    is_stream = file.role is Role.EMBEDDING_STREAM
    return tuple(each.name for each in file.outputs[1:]) if is_stream else ()


def rounded_tensors(path: Path) -> list[tuple[str, ...]]:
    """Returns the names of the tensors that full int8 rounds, in the graph's order.

    First the patch (the input, or what a float front-end makes of audio), then each operator's
    result; a reshaped tensor shares its source's range and so stands beside it. A stream's state
    is not rounded.

    Raises:
        ModelFileError: as ``read``.
    """
    state = stream_state(path)
    graph, names = _graph(path)
    main = graph.subgraphs[0]
    groups = [[index] for index in main.inputs]
    for op in main.operators:
        if main.tensors[op.outputs[0]].name.decode() in state:
            continue
        if names[op.opcodeIndex] == "RESHAPE":
            next(group for group in groups if op.inputs[0] in group).append(op.outputs[0])
        else:
            groups.append([op.outputs[0]])
    named = [tuple(main.tensors[index].name.decode() for index in group) for group in groups]
    frontend = [at for at, group in enumerate(named) if any("frontend" in each for each in group)]
    return named[frontend[-1] :] if frontend else named


def _graph(path: Path) -> tuple[Any, list[str]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"{path}: cannot be read: {error.strerror}", hint="check the path"
        ) from error
    if content[4:8] != _IDENTIFIER:
        raise ModelFileError(
            f"{path}: is not a TFLite model (it lacks the mark TFL3)",
            hint="give a .tflite file; convert a Keras model or SavedModel first",
        )
    try:
        graph = litert.read_graph(content)
        names = [_operator_name(code) for code in graph.operatorCodes]
    except Exception as error:  # a broken flatbuffer can raise any exception
        raise ModelFileError(
            f"{path}: is truncated or damaged ({type(error).__name__} while reading it)",
            hint="copy or download it again and compare its size",
        ) from error
    flex = sorted({name for name in names if name.startswith("Flex")})
    if flex:
        raise ModelFileError(
            f"{path}: needs TensorFlow operators ({', '.join(flex)})",
            hint="convert it with built-in operators only (TFLITE_BUILTINS)",
        )
    _verify(path)
    return graph, names


def _verify(path: Path) -> None:
    """Lets LiteRT verify the flatbuffer, which is stricter than reading it."""
    try:
        litert.load(path)
    except (ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ModelFileError(
            f"{path}: LiteRT refuses it: {text[:200]}",
            hint="compare its size with the source's; custom operators cannot run here",
        ) from error


def _operator_name(code: Any) -> str:
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = litert.names_of("BuiltinOperator")[builtin]
    if name == "CUSTOM" and code.customCode:
        return str(code.customCode.decode(errors="replace"))
    return name


def _tensor(tensor: Any) -> Tensor:
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    quantisation = tensor.quantization
    scales: Any = None if quantisation is None else quantisation.scale
    single = scales is not None and len(scales) == 1
    return Tensor(
        name=tensor.name.decode(errors="replace"),
        shape=tuple(int(n) for n in (() if shape is None else shape)),
        dtype=_dtype(tensor),
        scale=float(scales[0]) if single else None,
        zero_point=int(quantisation.zeroPoint[0]) if single else None,
    )


def _dtype(tensor: Any) -> str:
    return litert.names_of("TensorType")[tensor.type].lower()


def _constant(graph: Any, tensor: Any) -> bool:
    buffer = graph.buffers[tensor.buffer]
    # Large buffers may be after the flatbuffer, at an offset in the file.
    return bool(buffer.size) or (buffer.data is not None and len(buffer.data) > 0)


def _elements(tensor: Any) -> int:
    return math.prod(abs(int(n)) for n in (() if tensor.shape is None else tensor.shape))


def _format(graph: Any) -> Format:
    tensors = [tensor for sub in graph.subgraphs for tensor in sub.tensors]
    constants = {_dtype(tensor) for tensor in tensors if _constant(graph, tensor)}
    activations = {_dtype(tensor) for tensor in tensors if not _constant(graph, tensor)}
    if activations & {"int8", "uint8"}:
        return Format.INT8
    if constants & {"int8", "uint8"}:
        return Format.DYNAMIC
    return Format.FLOAT16 if "float16" in constants else Format.FLOAT32


def _is_stream(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> bool:
    """Returns whether a file is a stream of ours, by its names and shapes."""
    state, new_state = ([each.shape for each in side[1:]] for side in (inputs, outputs))
    named = all(_OF_A_STREAM in each.name for each in inputs)
    return named and len(state) > 0 and state == new_state


def _role(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Role:
    if _is_stream(inputs, outputs):
        return Role.EMBEDDING_STREAM
    if len(inputs) != 1 or not outputs:
        return Role.OTHER
    shape, wide = inputs[0].shape, outputs[0].shape
    audio = len(shape) == 2 and shape[1] >= _WAVEFORM_SAMPLES
    patch = len(shape) == 4 and shape[3] == 1 and shape[1] > 1 and shape[2] > 1
    vector = [n for n in wide if abs(n) != 1]
    if patch and len(vector) == 1:
        return Role.EMBEDDING_PATCH
    if audio:
        return Role.EMBEDDING_WAVEFORM if len(vector) == 1 else Role.FRONTEND
    return Role.OTHER


def _parameters(graph: Any) -> int:
    weights = {"float32", "float16", "int8", "uint8", "int4"}
    return sum(
        _elements(tensor)
        for sub in graph.subgraphs
        for tensor in sub.tensors
        if _constant(graph, tensor) and (_dtype(tensor) in weights or _is_bias(tensor))
    )


def _is_bias(tensor: Any) -> bool:
    # Quantised biases are int32 with a scale; int32 without one are shapes and axes.
    quantisation = tensor.quantization
    return _dtype(tensor) == "int32" and quantisation is not None and quantisation.scale is not None


def _macs(name: str, op: Any, tensors: Any) -> int:
    if name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return 0
    out = _elements(tensors[op.outputs[0]])
    kernel = [int(n) for n in tensors[op.inputs[1]].shape]
    if name == "DEPTHWISE_CONV_2D":
        return out * kernel[1] * kernel[2]
    return out * math.prod(kernel[1:])


def _float_ops(graph: Any, names: list[str]) -> dict[str, int]:
    counts = Counter(
        names[op.opcodeIndex]
        for sub in graph.subgraphs
        for op in sub.operators
        if len(op.outputs) and _dtype(sub.tensors[op.outputs[0]]) == "float32"
    )
    return {name: counts[name] for name in sorted(counts) if name not in _CASTS}
