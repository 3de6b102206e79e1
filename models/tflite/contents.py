"""What a .tflite file holds, read in this process: tensors, operators, format, parameters, MACs.

``models/tflite/reader.py`` does this for any file in a process apart; here only files are read that
it has accepted, or that were made here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.core.artifact import SAMPLE_RATE_HZ, Format, Role, Tensor
from bench.core.errors import ModelFileError
from models.tflite import litert
from models.tflite.metadata import Content, input_content
from models.tflite.reader import Operator, Signature, TfliteFile
from models.tflite.soundness import unsound

_IDENTIFIER = b"TFL3"
_WAVEFORM_SAMPLES = 4_000  # a longer [n] or [1, n] input of numbers is audio
_OF_A_STREAM = "frontend_"  # begins the names of its input tensors (models/stream.py)
_CASTS = ("QUANTIZE", "DEQUANTIZE")
_QUANTISED = ("int8", "uint8", "int16")
_AUDIO_TYPES = ("float32", "float16", *_QUANTISED)


def describe(path: Path, *, closely: bool = False) -> TfliteFile:
    """Returns what the file holds, after LiteRT has loaded it and tried to allocate it.

    Args:
        closely: as of ``reader.read``.

    Raises:
        ModelFileError: the file is missing, not a model, truncated, or damaged; or it needs
            TensorFlow's operators (a flex model).
    """
    graph, names = sound_graph(path)
    try:
        file = _described(graph, names)
    except Exception as error:  # a broken flatbuffer can raise any exception
        raise _damaged(path, error) from error
    allocated = litert.allocate(path)
    readable = closely and allocated.partitions is not None
    dynamic = litert.Model(path, delegate="none", keep_all=True).dynamic() if readable else []
    return replace(
        file,
        partitions=allocated.partitions,
        missing_op=allocated.missing_op,
        left=_operators(graph, names, allocated.left),
        dynamic=_operators(graph, names, dynamic),
        graphs=len(graph.subgraphs),
    )


def _operators(graph: Any, names: list[str], numbers: Sequence[int]) -> tuple[Operator, ...]:
    """Returns operators of the first graph by their numbers."""
    main = graph.subgraphs[0]

    def types(indices: Any, *, constant: bool | None = None) -> tuple[str, ...]:
        tensors = [main.tensors[index] for index in indices if index >= 0]
        return tuple(
            dtype_of(each) for each in tensors if constant in (None, is_constant(graph, each))
        )

    chosen = [main.operators[number] for number in numbers if number < len(main.operators)]
    return tuple(
        Operator(
            op=names[op.opcodeIndex],
            output=text_of(main.tensors[op.outputs[0]].name) if len(op.outputs) else "",
            inputs=types(op.inputs, constant=False),
            constants=types(op.inputs, constant=True),
            outputs=types(op.outputs),
        )
        for op in chosen
    )


def _described(graph: Any, names: list[str]) -> TfliteFile:
    main = graph.subgraphs[0]
    inputs = tuple(tensor_of(main.tensors[index]) for index in main.inputs)
    outputs = tuple(tensor_of(main.tensors[index]) for index in main.outputs)
    content = input_content(graph)
    return TfliteFile(
        format=_format(graph),
        role=_role(inputs, outputs, content),
        inputs=inputs,
        outputs=outputs,
        parameters=_parameters(graph),
        macs=sum(macs_of(names[op.opcodeIndex], op, main.tensors) for op in main.operators),
        float_ops=_float_ops(graph, names),
        signatures=tuple(_signature(graph, each) for each in graph.signatureDefs or ()),
        sample_rate_hz=content.sample_rate_hz,
    )


def layers(path: Path) -> list[tuple[str, str, int]]:
    """Returns the main graph's operators in order: type, name of the first output, MACs at batch 1.

    Raises:
        ModelFileError: as ``describe``.
    """
    graph, names = sound_graph(path)
    main = graph.subgraphs[0]
    return [
        (
            names[op.opcodeIndex],
            text_of(main.tensors[op.outputs[0]].name) if len(op.outputs) else "",
            macs_of(names[op.opcodeIndex], op, main.tensors),
        )
        for op in main.operators
    ]


def stream_state(path: Path) -> tuple[str, ...]:
    """Returns the names of the tensors that hold a stream's new state; none of other files.

    Raises:
        ModelFileError: as ``describe``.
    """
    graph, _ = sound_graph(path)
    main = graph.subgraphs[0]
    inputs, outputs = (
        tuple(tensor_of(main.tensors[index]) for index in side)
        for side in (main.inputs, main.outputs)
    )
    return tuple(each.name for each in outputs[1:]) if _is_stream(inputs, outputs) else ()


def rounded_tensors(path: Path) -> list[tuple[str, ...]]:
    """Returns the names of the tensors that full int8 rounds, in the graph's order.

    First the patch (the input, or what a float front-end makes of audio), then each operator's
    result; a reshaped tensor shares its source's range and so stands beside it. A stream's state
    is not rounded.

    Raises:
        ModelFileError: as ``describe``.
    """
    state = stream_state(path)
    graph, names = sound_graph(path)
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


def names_of_operators(graph: Any) -> list[str]:
    """Returns the name of each of a model's operator codes, those of custom ones too."""
    return [_operator_name(code) for code in graph.operatorCodes]


def sound_graph(path: Path) -> tuple[Any, list[str]]:
    """Returns a file's ``ModelT``, whose parts fit each other, and the names of operator codes.

    Raises:
        ModelFileError: as ``describe``.
    """
    if path.exists() and not path.is_file():
        raise ModelFileError(f"{path}: is not a file", hint="give a .tflite file")
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
        problem = unsound(graph, len(content))
        names = [] if problem else names_of_operators(graph)
    except Exception as error:  # a broken flatbuffer can raise any exception
        raise _damaged(path, error) from error
    if problem:
        raise ModelFileError(
            f"{path}: is damaged: {problem}", hint="convert it again, or copy it again"
        )
    flex = sorted({name for name in names if name.startswith("Flex")})
    if flex:
        raise ModelFileError(
            f"{path}: needs TensorFlow operators ({', '.join(flex)})",
            hint="convert it with built-in operators only (TFLITE_BUILTINS)",
        )
    _verify(path)
    return graph, names


def _damaged(path: Path, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"{path}: is truncated or damaged ({type(error).__name__} while reading it)",
        hint="copy or download it again and compare its size",
    )


def _verify(path: Path) -> None:
    """Lets LiteRT verify the flatbuffer, which is stricter than reading it."""
    try:
        litert.load(path)
    except (ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ModelFileError(
            f"{path}: LiteRT refuses it: {text[:200]}", hint="compare its size with the source's"
        ) from error


def _signature(graph: Any, entry: Any) -> Signature:
    subgraph = graph.subgraphs[entry.subgraphIndex]
    names = {int(each.tensorIndex): text_of(each.name) for each in entry.inputs or ()}
    indices = [int(index) for index in subgraph.inputs]
    return Signature(
        key=text_of(entry.signatureKey),
        subgraph=int(entry.subgraphIndex),
        names=tuple(names.get(index, "") for index in indices),
        inputs=tuple(tensor_of(subgraph.tensors[index]) for index in indices),
    )


def _operator_name(code: Any) -> str:
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = _names("BuiltinOperator")[builtin]
    if name == "CUSTOM" and code.customCode:
        return text_of(code.customCode)
    return name


def tensor_of(tensor: Any) -> Tensor:
    """Returns the description of a tensor."""
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    quantisation = tensor.quantization
    scales: Any = None if quantisation is None else quantisation.scale
    single = scales is not None and len(scales) == 1
    return Tensor(
        name=text_of(tensor.name),
        shape=tuple(int(n) for n in (() if shape is None else shape)),
        dtype=dtype_of(tensor),
        scale=float(scales[0]) if single else None,
        zero_point=_zero_point(quantisation) if single else None,
    )


def _zero_point(quantisation: Any) -> int:
    points = quantisation.zeroPoint
    return 0 if points is None or len(points) == 0 else int(points[0])


def text_of(name: bytes | None) -> str:
    """Returns a name as text."""
    return "" if name is None else name.decode()  # which may be missing, for microcontrollers


@lru_cache
def _names(enumeration: str) -> dict[int, str]:
    return litert.names_of(enumeration)


def dtype_of(tensor: Any) -> str:
    """Returns the name of a tensor's type, such as ``int8``."""
    return _names("TensorType")[tensor.type].lower()


def is_scaled(tensor: Any) -> bool:
    """Returns whether a tensor is quantised: bytes without a scale are not."""
    quantisation = tensor.quantization
    scales = None if quantisation is None else quantisation.scale
    return scales is not None and len(scales) > 0


def is_constant(graph: Any, tensor: Any) -> bool:
    """Returns whether the file has the values of a tensor."""
    buffer = graph.buffers[tensor.buffer]
    # Large buffers may be after the flatbuffer, at an offset in the file.
    return bool(buffer.size) or (buffer.data is not None and len(buffer.data) > 0)


def _elements(tensor: Any) -> int:
    return math.prod(abs(int(n)) for n in (() if tensor.shape is None else tensor.shape))


def _format(graph: Any) -> Format:
    tensors = [tensor for sub in graph.subgraphs for tensor in sub.tensors]
    weights = [each for each in tensors if is_constant(graph, each)]
    scaled = {
        dtype_of(each) for each in tensors if is_scaled(each) and not is_constant(graph, each)
    }
    if scaled & {"int8", "uint8"}:
        return Format.INT8
    if {dtype_of(each) for each in weights if is_scaled(each)} & {"int8", "uint8", "int4"}:
        return Format.DYNAMIC
    halved = "float16" in {dtype_of(each) for each in weights}
    return Format.FLOAT16 if halved else Format.FLOAT32


def _is_stream(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> bool:
    """Returns whether a file is a stream of ours, by its names and shapes."""
    state, new_state = ([each.shape for each in side[1:]] for side in (inputs, outputs))
    named = all(_OF_A_STREAM in each.name for each in inputs)
    return named and len(state) > 0 and state == new_state


def _role(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], content: Content) -> Role:
    if _is_stream(inputs, outputs):
        return Role.EMBEDDING_STREAM
    if len(inputs) != 1 or not outputs or content.is_other:
        return Role.OTHER
    shape, wide = inputs[0].shape, outputs[0].shape
    patch = len(shape) == 4 and shape[3] == 1 and shape[1] > 1 and shape[2] > 1
    vector = [n for n in wide if abs(n) != 1]
    if patch and len(vector) == 1:
        return Role.EMBEDDING_PATCH
    if _takes_audio(inputs[0], content):
        return Role.EMBEDDING_WAVEFORM if len(vector) == 1 else Role.FRONTEND
    return Role.OTHER


def _takes_audio(tensor: Tensor, content: Content) -> bool:
    """Returns whether it is a waveform at our rate: [n] or [1, n], of a number of samples."""
    shape = tensor.shape
    if len(shape) not in (1, 2) or shape[-1] < 1 or tensor.dtype not in _AUDIO_TYPES:
        return False
    if content.sample_rate_hz is not None:
        return content.sample_rate_hz == SAMPLE_RATE_HZ
    return shape[-1] >= _WAVEFORM_SAMPLES


def _parameters(graph: Any) -> int:
    weights = {"float32", "float16", "int8", "uint8", "int4"}
    return sum(
        _elements(tensor)
        for sub in graph.subgraphs
        for tensor in sub.tensors
        if is_constant(graph, tensor) and (dtype_of(tensor) in weights or _is_bias(tensor))
    )


def _is_bias(tensor: Any) -> bool:
    # Quantised biases are int32 with a scale; int32 without one are shapes and axes.
    return dtype_of(tensor) == "int32" and is_scaled(tensor)


def macs_of(name: str, op: Any, tensors: Any) -> int:
    """Returns the multiply-accumulates of an operator at batch one."""
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
        if len(op.outputs) and dtype_of(sub.tensors[op.outputs[0]]) == "float32"
    )
    return {name: counts[name] for name in sorted(counts) if name not in _CASTS}
