"""Models of other people in Keras or a SavedModel: run here, and written as float32 TFLite."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from bench.core import atomic
from bench.core.artifact import Tensor
from bench.core.errors import ConversionError, ModelFileError
from models.tflite import litert

_SIGNATURE = "serving_default"
_FLEX = re.compile(r"Flex ops: ([\w, ]+)|Custom ops: ([\w, ]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A model in its framework.

    Args:
        inputs: with -1 for a free axis; the batch of the first axis is free, too, as a rule.
        function: of a tensor for each input, in their order.
        kept: what has the variables; without it the function loses them.
    """

    inputs: tuple[Tensor, ...]
    function: Callable[..., Any]
    kept: object

    def run(self, values: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Returns the outputs of one inference, in the order that a .tflite file has them.

        Raises:
            ConversionError: the model refuses these inputs.
        """
        try:
            outputs = self.function(*(tf.constant(each) for each in values))
        except (TypeError, ValueError, tf.errors.OpError) as error:
            raise ConversionError(
                f"the model cannot run on its inputs: {_line(error)}", hint="check their sizes"
            ) from error
        return [np.asarray(each) for each in tf.nest.flatten(outputs)]


def versions() -> dict[str, str]:
    """Returns the versions of the tools."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


def load(path: Path) -> Given:
    """Returns the model in a ``.keras`` file or in a SavedModel's folder.

    Raises:
        ModelFileError: it cannot be loaded, or has nothing that can be called with tensors.
    """
    # One summation order. Must precede any computing.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.set_visible_devices([], "GPU")
    with _quiet():
        return _saved_model(path) if path.is_dir() else _keras(path)


def write_float32(given: Given, shapes: Sequence[tuple[int, ...]], path: Path) -> None:
    """Writes a model as a float32 .tflite file.

    Args:
        shapes: of its inputs.

    Raises:
        ConversionError: TensorFlow's converter refused it; names the operators.
    """
    signature = [
        tf.TensorSpec([None if n < 0 else n for n in shape], each.dtype, name=f"input_{at}")
        for at, (each, shape) in enumerate(zip(given.inputs, shapes, strict=True))
    ]

    def called(*values: Any) -> list[Any]:
        return list(tf.nest.flatten(given.function(*values)))

    with _quiet():
        try:
            function = tf.function(called, input_signature=signature)
            module = tf.Module()
            module.frozen = convert_variables_to_constants_v2(function.get_concrete_function())
            converter = tf.lite.TFLiteConverter.from_concrete_functions([module.frozen], module)
            content = converter.convert()
            if len(signature) > 1 or len(module.frozen.outputs) > 1:
                names = [f"input_{at}" for at in range(len(signature))]
                content = litert.in_order(content, names)
        except Exception as error:  # the converter raises a dozen types of its own
            raise _refused(error) from error
    atomic.write_bytes(path, content)


def _keras(path: Path) -> Given:
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises what its layers raise
        raise ModelFileError(
            f"{path}: Keras cannot load it: {_line(error)}",
            hint="save it again with this version of Keras; layers of your own must be part of it",
        ) from error
    if not getattr(model, "inputs", None):
        raise ModelFileError(
            f"{path}: its inputs are not known, because it was never built",
            hint="call the model once before model.save, or save a functional model",
        )
    single = len(model.inputs) == 1
    return Given(
        inputs=tuple(_tensor(each.name, each.shape, each.dtype) for each in model.inputs),
        function=lambda *values: model(values[0] if single else list(values), training=False),
        kept=model,
    )


def _saved_model(folder: Path) -> Given:
    try:
        model = tf.saved_model.load(str(folder))
    except Exception as error:  # a damaged one raises what protobuf or TensorFlow raise
        raise ModelFileError(
            f"{folder}: TensorFlow cannot load it as a SavedModel: {_line(error)}",
            hint="give the folder that holds saved_model.pb and variables/",
        ) from error
    signatures = dict(model.signatures)
    signature = signatures.get(_SIGNATURE) or next(iter(signatures.values()), None)
    if signature is not None:
        specs = signature.structured_input_signature[1]
        names = list(specs)
        return Given(
            inputs=tuple(_tensor(name, specs[name].shape, specs[name].dtype) for name in names),
            function=lambda *values: signature(**dict(zip(names, values, strict=True))),
            kept=model,
        )
    return _called(folder, model)


def _called(folder: Path, model: Any) -> Given:
    """Returns a SavedModel without a signature, called as TF-Hub's are, with tensors only."""
    called = model.__call__ if callable(model) else None
    for concrete in getattr(called, "concrete_functions", ()):
        words, named = concrete.structured_input_signature
        specs = tf.nest.flatten((words, named))
        if specs and all(isinstance(each, tf.TensorSpec) for each in specs):
            return Given(
                inputs=tuple(
                    _tensor(each.name or str(at), each.shape, each.dtype)
                    for at, each in enumerate(specs)
                ),
                function=concrete,
                kept=model,
            )
    raise ModelFileError(
        f"{folder}: has no signature, and no call with tensors alone",
        hint="save it with a signature: tf.saved_model.save(model, folder, signatures=function)",
    )


def _tensor(name: str, shape: Any, dtype: Any) -> Tensor:
    if getattr(shape, "rank", 0) is None:
        raise ModelFileError(
            f"its input {name} has no known rank", hint="save the model with the shapes it takes"
        )
    sides = tuple(-1 if each is None else int(each) for each in shape)
    return Tensor(name=name, shape=sides, dtype=tf.as_dtype(dtype).name)


def _refused(error: Exception) -> ConversionError:
    text = str(error)
    found = sorted({name for match in _FLEX.finditer(text) for name in match.groups() if name})
    why = f"it needs operators that TFLite lacks: {', '.join(found)}" if found else _line(error)
    return ConversionError(
        f"TensorFlow's converter refused it: {why}",
        hint="build these parts of built-in operators; docs/conversion.md names some",
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


@contextlib.contextmanager
def _quiet() -> Any:
    # The converter lists every variable on stdout, where results belong.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
