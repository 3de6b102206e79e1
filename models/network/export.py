"""Exports a named network to a float32 TFLite file; runs in a process of its own."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path

# Read by TensorFlow at import: no chatter, and one fixed summation order for the same bytes again.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from bench.core import atomic
from bench.core.errors import ConversionError
from models.network import build
from models.student.buildable import Buildable, LogMelFrontend, TrillShaped
from models.student.spec import StudentSpec
from models.student.weights import Arrays
from models.tflite import litert
from models.tflite.arrays import Samples


def export_float32(
    spec: Buildable,
    path: Path,
    *,
    seed: int,
    inputs: Samples | None,
    weights: Arrays | None = None,
) -> dict[str, str]:
    """Writes a network's float32 TFLite file and returns the versions of the tools used.

    Args:
        spec: what to build.
        path: where the file goes.
        seed: of the random weights.
        inputs: real patches or audio that batch normalisation is settled on; ``None`` skips it.
        weights: of a trained student, whose batch normalisation is settled; random by default.

    Raises:
        ConfigurationError: the weights are another student's.
        ConversionError: TensorFlow's converter refused the network.
    """
    # One summation order, and two models can be made side by side. Must precede any computing.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.set_visible_devices([], "GPU")
    model = network(spec, seed=seed)
    if weights is not None:
        build.set_weights(model, weights, name=spec.name)
    elif inputs is not None:
        build.settle_batch_norm(model, inputs)
    write_float32(model, path, name=spec.name)
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


def write_float32(model: keras.Model, path: Path, *, name: str) -> None:
    """Writes a Keras model as a float32 TFLite file of batch one.

    Args:
        model: the network; built afresh, or auto-numbered names change the file's bytes.
        path: where the file goes.
        name: the network's, for error messages.

    Raises:
        ConversionError: TensorFlow's converter refused the network.
    """
    # The converter lists every variable on stdout, where results belong.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            content = _converter(model).convert()
            if len(model.inputs) > 1:
                content = litert.in_order(content, [each.name for each in model.inputs])
        except Exception as error:  # the converter raises a dozen types of its own
            raise ConversionError(
                f"{name}: TensorFlow's converter refused it: {str(error)[:300]}",
                hint="see the log beside the zoo",
            ) from error
    atomic.write_bytes(path, content)


def network(spec: Buildable, *, seed: int) -> keras.Model:
    """Returns the Keras model of what can be built."""
    match spec:
        case StudentSpec():
            return build.build_student(spec, seed=seed)
        case LogMelFrontend():
            return build.build_frontend(spec.graph.value, frames=spec.frames)
        case TrillShaped():
            return build.build_teacher(seed=seed)


def _converter(model: keras.Model) -> tf.lite.TFLiteConverter:
    # A concrete batch of one: FRILL's files have it, and delegates want static shapes. Frozen here,
    # by the converter's own function: with variables in it, it takes three times as long.
    signature = [
        tf.TensorSpec((1, *each.shape[1:]), tf.float32, name=each.name) for each in model.inputs
    ]
    if len(signature) == 1:
        function = tf.function(lambda x: model(x, training=False), input_signature=signature)
    else:
        function = tf.function(lambda *x: model(list(x), training=False), input_signature=signature)
    module = tf.Module()
    module.frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    return tf.lite.TFLiteConverter.from_concrete_functions([module.frozen], module)
