"""Builds a named network in Keras with seeded weights and settled batch normalisation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models import frontend, mobilenetv3, resnet
from models.network.frontend_layer import LogMel
from models.network.keras_ops import KerasOps
from models.spec import Frontend, StudentSpec

_SETTLING_PASSES = 25
_SETTLING_MOMENTUM = 0.8


def build_student(spec: StudentSpec, *, seed: int) -> keras.Model:
    """Returns the student with random weights drawn from ``seed``, batch fixed to one."""
    _fresh(seed)
    audio = spec.frontend is not Frontend.NONE
    inputs = _audio_input() if audio else _patch_input()
    return keras.Model(inputs, mobilenetv3.student(KerasOps(), inputs, spec), name="student")


def build_teacher(*, seed: int) -> keras.Model:
    """Returns the TRILL-shaped teacher with random weights and its two outputs."""
    _fresh(seed)
    inputs = _patch_input()
    return keras.Model(inputs, resnet.teacher(KerasOps(), inputs), name="teacher")


def build_frontend(kind: str) -> keras.Model:
    """Returns the log-mel front-end alone, ``conv`` or ``stft``."""
    _fresh(0)
    inputs = _audio_input()
    return keras.Model(inputs, LogMel(kind)(inputs), name="log_mel")


def settle_batch_norm(model: keras.Model, inputs: NDArray[np.float32]) -> None:
    """Sets the moving statistics of batch normalisation from real inputs, in place.

    A few hundred training steps (or none) leave them far from what the network sees, and every
    converted format then inherits the damage.

    Args:
        model: the network.
        inputs: float32 [count, ...] as the model takes them.
    """
    norms = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    if not norms:
        return
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = _SETTLING_MOMENTUM
    forward = tf.function(lambda batch: model(batch, training=True), jit_compile=False)
    batch = tf.constant(inputs)
    for _ in range(_SETTLING_PASSES):
        forward(batch)
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum


def _fresh(seed: int) -> None:
    # Without this, auto-numbered layer names get into the file and change its bytes.
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)


def _patch_input() -> Any:
    return keras.Input((frontend.PATCH_FRAMES, frontend.MEL_BINS, 1), name="log_mel")


def _audio_input() -> Any:
    # The name puts it under the quantiser's rule for the front-end: audio in 8 bits is noise.
    return keras.Input((frontend.WINDOW_SAMPLES,), name="frontend_audio")
