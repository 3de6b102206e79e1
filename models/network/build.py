"""Builds a named network in Keras with seeded weights and settled batch normalisation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bench.core.errors import ConfigurationError
from models import frontend, stream
from models.network.frontend_layer import LogMel, StreamLogMel
from models.network.keras_ops import KerasOps
from models.student import mobilenetv3, resnet
from models.student.spec import InGraphFrontend, StudentSpec
from models.student.weights import Arrays
from models.tflite.arrays import Samples, tensors_of

_SETTLING_PASSES = 25
_SETTLING_MOMENTUM = 0.8


def build_student(spec: StudentSpec, *, seed: int, ops: KerasOps | None = None) -> keras.Model:
    """Returns the student with random weights drawn from ``seed``, in Keras' layers or ``ops``'.

    A stream has those of the same student on log-mel.
    """
    ops = ops or KerasOps()
    if spec.is_stream:
        return _build_stream(spec, seed=seed, ops=ops)
    inputs = begin_student(spec, seed=seed)
    return keras.Model(inputs, mobilenetv3.student(ops, inputs, spec), name="student")


def _build_stream(spec: StudentSpec, *, seed: int, ops: KerasOps) -> keras.Model:
    _fresh(seed)
    shapes = stream.Hop(spec.hop_frames).input_shapes
    inputs = [
        keras.Input(shape[1:], name=name)
        for name, shape in zip(stream.INPUTS, shapes, strict=False)  # not all have past frames
    ]
    patch, *state = StreamLogMel(spec.hop_frames)(inputs)
    embedding = mobilenetv3.student(ops, patch, spec)
    return keras.Model(inputs, [embedding, *state], name="student")


def begin_student(spec: StudentSpec, *, seed: int) -> Any:
    """Returns a student's input, with Keras' names and random numbers begun afresh.

    Args:
        spec: of a student that is not a stream, which has several inputs.
    """
    _fresh(seed)
    return _patch_input() if spec.frontend is InGraphFrontend.NONE else _audio_input()


def build_teacher(*, seed: int) -> keras.Model:
    """Returns the TRILL-shaped teacher with random weights and its two outputs."""
    _fresh(seed)
    inputs = _patch_input()
    return keras.Model(inputs, resnet.teacher(KerasOps(), inputs), name="teacher")


def build_frontend(kind: str, *, frames: int = frontend.PATCH_FRAMES) -> keras.Model:
    """Returns the log-mel front-end alone, ``dft`` or ``stft``, of as many frames."""
    _fresh(0)
    inputs = _audio_input(frontend.samples_of(frames))
    return keras.Model(inputs, LogMel(kind, frames=frames)(inputs), name="log_mel")


def set_weights(model: keras.Model, arrays: Arrays, *, name: str) -> None:
    """Gives a student its trained weights, in place.

    Args:
        arrays: ``LAYER/INDEX`` to values, float32; see models/student/weights.py.
        name: the student's, for error messages.

    Raises:
        ConfigurationError: they are another student's.
    """
    for layer in model.layers:
        values = []
        for index, own in enumerate(layer.get_weights()):
            theirs = arrays.get(f"{layer.name}/{index}")
            if theirs is None or theirs.shape != own.shape:
                raise ConfigurationError(
                    f"{name}: the weights hold no {layer.name}/{index} of shape {own.shape}",
                    hint="they are another student's",
                )
            values.append(theirs)
        if values:
            layer.set_weights(values)


def settle_batch_norm(model: keras.Model, inputs: Samples) -> None:
    """Sets the moving statistics of batch normalisation from real inputs, in place.

    A few hundred training steps (or none) leave them far from what the network sees, and every
    converted format then inherits the damage.

    Args:
        inputs: as the model takes them.
    """
    norms = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    moving = [each for norm in norms for each in (norm.moving_mean, norm.moving_variance)]
    starts = [each.numpy() for each in moving]
    for norm in norms:
        norm.momentum = 0.0  # the moving statistics become those of the batch
    tensors = [tf.constant(values) for values in tensors_of(inputs)]
    batch = tensors if len(tensors) > 1 else tensors[0]
    tf.function(lambda batch: model(batch, training=True), jit_compile=False)(batch)
    for each, start in zip(moving, starts, strict=True):
        each.assign(_averaged(start, each.numpy()))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _averaged(start: NDArray[np.float32], batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns moving statistics after some passes over one batch, whose own are always the same."""
    keep, take = np.float32(_SETTLING_MOMENTUM), np.float32(1 - _SETTLING_MOMENTUM)
    for _ in range(_SETTLING_PASSES):
        start = start * keep + batch * take
    return start


def _fresh(seed: int) -> None:
    # Without this, auto-numbered layer names get into the file and change its bytes. A strategy
    # would lose its scope by it, and belongs to a training, which has a process of its own.
    if not tf.distribute.has_strategy():
        keras.backend.clear_session()
    keras.utils.set_random_seed(seed)


def _patch_input() -> Any:
    return keras.Input((frontend.PATCH_FRAMES, frontend.MEL_BINS, 1), name="log_mel")


def _audio_input(samples: int = frontend.WINDOW_SAMPLES) -> Any:
    # The name puts it under the quantiser's rule for the front-end: audio in 8 bits is noise.
    return keras.Input((samples,), name="frontend_audio")
