"""The one door to onnxruntime: runs an .onnx file on arrays."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import ConfigurationError
from models.tflite.arrays import Floats

_FATAL = 4  # log severity: all else that goes wrong is in its exceptions


def runtime() -> str:
    """Returns the runtime's name and version, such as ``onnxruntime 1.32.0``."""
    return f"onnxruntime {version('onnxruntime')}"


class Model:
    """An .onnx file of one input that maps float arrays to float arrays.

    Args:
        path: the file.
        threads: CPU threads.

    Raises:
        ConfigurationError: the file is not such a model.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        module = _module()
        options = module.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _FATAL
        try:
            self._session = module.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own errors share no base but Exception
            raise _unusable(path, error) from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            takes = ", ".join(f"{each.name} {each.type}" for each in inputs)
            raise _unusable(path, f"it takes {takes}")
        self.path = path

    def __call__(self, value: Floats) -> dict[str, Floats]:
        """Returns all outputs by name, float32, for a float32 input of the shape the model has.

        Raises:
            ConfigurationError: the model does not take this shape.
        """
        try:
            values = self._session.run(None, {self._session.get_inputs()[0].name: value})
        except Exception as error:  # onnxruntime's own errors share no base but Exception
            raise _unusable(self.path, error) from error
        names = (each.name for each in self._session.get_outputs())
        return {
            name: np.asarray(each, dtype=np.float32)
            for name, each in zip(names, values, strict=True)
        }

    def input_shape(self) -> tuple[int, ...]:
        """Returns the input's shape, free axes as -1."""
        shape = self._session.get_inputs()[0].shape
        return tuple(side if isinstance(side, int) else -1 for side in shape)


def _unusable(path: Path, reason: object) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: onnxruntime cannot run it: {' '.join(str(reason).split())[:300]}",
        hint="give an .onnx file with one float input, audio or log-mel patches",
    )


def _module() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigurationError(
            "onnxruntime is not installed",
            hint="pip install -e '.[teachers]' -c constraints.txt",
        ) from error
    return onnxruntime
