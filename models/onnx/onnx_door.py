"""The one door to onnxruntime: runs an .onnx file on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Tensor
from bench.core.errors import ConfigurationError
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

Run = Callable[[Floats], Mapping[str, Floats]]
RunNamed = Callable[[Mapping[str, NDArray[Any]]], Mapping[str, Floats]]

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int16)": "int16",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}
_FATAL = 4  # log severity: all else that goes wrong is in its exceptions


def runtime() -> str:
    """Returns the runtime's name and version, such as ``onnxruntime 1.32.0``."""
    return f"onnxruntime {version('onnxruntime')}"


def load(path: Path) -> tuple[Run, tuple[int, ...]]:
    """Returns what runs an .onnx file of one input, on one thread, and its shape, free axes as -1.

    What runs it gives all outputs by name, float32, for a float32 input of that shape.

    Raises:
        ConfigurationError: the file is not such a model; or, when it is run, has another shape.
    """
    session = _session(path)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        takes = ", ".join(f"{each.name} {each.type}" for each in inputs)
        raise _unusable(path, f"it takes {takes}")

    named = _runner(path, session)

    def run(value: Floats) -> Mapping[str, Floats]:
        return named({inputs[0].name: value})

    return run, tuple(side if isinstance(side, int) else -1 for side in inputs[0].shape)


def load_named(path: Path) -> RunNamed:
    """Returns what runs an .onnx file of several inputs, on one thread.

    It takes arrays by the names of the inputs and gives all outputs by name, float32. Several
    threads may call it at a time.

    Raises:
        ConfigurationError: the file is not a model; or, when it is run, takes other arrays.
    """
    return _runner(path, _session(path))


def inputs_of(path: Path) -> tuple[Tensor, ...]:
    """Returns the inputs of an .onnx file, with -1 for a free axis.

    Raises:
        ConfigurationError: the file is not a model.
    """
    return tuple(
        Tensor(
            name=each.name,
            shape=tuple(side if isinstance(side, int) else -1 for side in each.shape),
            dtype=_DTYPES.get(each.type, each.type),
        )
        for each in _session(path).get_inputs()
    )


def _session(path: Path) -> Any:
    with from_extra("teachers"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = _FATAL
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no base but Exception
        raise _unusable(path, error) from error


def _runner(path: Path, session: Any) -> RunNamed:
    names = [each.name for each in session.get_outputs()]

    def run(values: Mapping[str, NDArray[Any]]) -> Mapping[str, Floats]:
        try:
            outputs = session.run(None, dict(values))
        except Exception as error:  # onnxruntime's own errors share no base but Exception
            raise _unusable(path, error) from error
        return dict(zip(names, (np.asarray(each, np.float32) for each in outputs), strict=True))

    return run


def _unusable(path: Path, reason: object) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: onnxruntime cannot run it: {' '.join(str(reason).split())[:300]}",
        hint="give an .onnx file with one float input, audio or log-mel patches",
    )
