"""The one door to onnxruntime: runs an .onnx file on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

from bench.core.errors import ConfigurationError
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

Run = Callable[[Floats], Mapping[str, Floats]]

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
    with from_extra("teachers"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = _FATAL
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own errors share no base but Exception
        raise _unusable(path, error) from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        takes = ", ".join(f"{each.name} {each.type}" for each in inputs)
        raise _unusable(path, f"it takes {takes}")

    def run(value: Floats) -> dict[str, Floats]:
        try:
            values = session.run(None, {inputs[0].name: value})
        except Exception as error:  # onnxruntime's own errors share no base but Exception
            raise _unusable(path, error) from error
        names = [each.name for each in session.get_outputs()]
        return dict(zip(names, (np.asarray(each, np.float32) for each in values), strict=True))

    return run, tuple(side if isinstance(side, int) else -1 for side in inputs[0].shape)


def _unusable(path: Path, reason: object) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: onnxruntime cannot run it: {' '.join(str(reason).split())[:300]}",
        hint="give an .onnx file with one float input, audio or log-mel patches",
    )
