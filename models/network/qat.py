"""Quantisation-aware training: the whole network, or the embedding layer as FRILL's authors did.

What is trained is turned back into the plain student. Its float32 file goes through the quantiser
like any other, which is handed the learned ranges instead of calibrating: int8, float16 and dynamic
files have one source, and rules such as the float front-end hold.
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from bench.core.errors import ConfigurationError
from models.network import build, fake_quant
from models.network.fake_quant import FakeQuantOps, RoundedDense, Value
from models.network.keras_ops import KerasOps
from models.student import mobilenetv3
from models.student.spec import StudentSpec


def quantisation_aware(
    spec: StudentSpec, float_model: keras.Model, patches: NDArray[np.float32]
) -> keras.Model:
    """Returns the student in fake quantisation, with the weights of a trained float one.

    Batch normalisation is folded into the convolutions by its moving statistics. Weights and ranges
    are both trained, the same in training and inference.

    Args:
        float_model: trained, of the same spec (``qat`` aside).
        patches: float32 [count, 96, 64, 1], or audio [count, 15600] with a front-end; a few hundred
            varied ones, from which the ranges start.

    Raises:
        ConfigurationError: no patches.
    """
    if not len(patches):
        raise ConfigurationError("no patches to start the ranges from", hint="give a few hundred")
    inputs = build.begin_student(spec, seed=0)
    ops = FakeQuantOps()
    embedding = ops.real(mobilenetv3.student(ops, Value(inputs, "log_mel"), spec))
    model = keras.Model(inputs, embedding, name="student")
    norms = _norms(float_model)
    for layer in model.layers:
        if layer.weights and not isinstance(layer, fake_quant.Rounded):
            source = float_model.get_layer(layer.name)
            layer.set_weights(_folded(source, norms.get(f"{layer.name}_bn")))
    fake_quant.calibrate(model, patches)
    return model


def bottleneck_aware(spec: StudentSpec, float_model: keras.Model) -> keras.Model:
    """Returns the student with its embedding layers' weights in fake quantisation: FRILL's way.

    The rest stays float, batch normalisation included, and so do the activations: dynamic range
    rounds them by their range at run time.
    """
    model = build.build_student(spec, seed=0, ops=KerasOps(dense=RoundedDense))
    model.set_weights(float_model.get_weights())
    return model


def ranges(model: keras.Model) -> list[tuple[float, float]]:
    """Returns the learned ranges: of the log-mel patch, then of each operator's result in order."""
    return [layer.range() for layer in fake_quant.rounders(model)]


def plain(model: keras.Model, spec: StudentSpec) -> keras.Model:
    """Returns the plain float student with the weights of either kind of quantisation-aware one.

    After whole-network training its batch normalisation adds only the bias; settling it on data
    again would change what it computes.
    """
    student = build.build_student(spec, seed=0)
    if not fake_quant.rounders(model):
        student.set_weights(model.get_weights())
        return student
    norms = _norms(student)
    for layer in model.layers:
        if not layer.weights or isinstance(layer, fake_quant.Rounded):
            continue
        norm = norms.get(f"{layer.name}_bn")
        weights = layer.get_weights()
        if norm is not None:
            nothing = np.zeros_like(weights[1])
            norm.set_weights([nothing + 1, weights[1], nothing, nothing + 1 - norm.epsilon])
            weights = weights[:1]
        student.get_layer(layer.name).set_weights(weights)
    return student


def _norms(model: keras.Model) -> dict[str, keras.layers.BatchNormalization]:
    norms = (each for each in model.layers if isinstance(each, keras.layers.BatchNormalization))
    return {norm.name: norm for norm in norms}


def _folded(
    layer: keras.layers.Layer, norm: keras.layers.BatchNormalization | None
) -> list[NDArray[np.float32]]:
    """Returns a layer's kernel and bias with the batch normalisation after it folded in."""
    weights: list[NDArray[np.float32]] = layer.get_weights()
    if norm is None:
        return weights
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    kernel = weights[0] * (scale[:, np.newaxis] if depthwise else scale)
    return [kernel, beta - mean * scale]
