"""The low-rank embedding as FRILL trained it: a full matrix becomes its own truncation.

The kernel is ``a A + (1 - a) B C``. The share ``a`` falls from 1 to 0. While it is above 0, ``A``
is trained and ``B C`` is kept at its truncated SVD; from then on ``B`` and ``C`` are trained
themselves (google-research, ``distillation/compression_lib``). Two upstream bugs are not repeated:
the fall was written as an integer, so that ``a`` stayed 1, and the layer was called without its
training flag, so that the mix was never used.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bench.core.errors import ConfigurationError
from models.network import build
from models.network.keras_ops import KerasOps
from models.student.spec import StudentSpec

_EMBEDDING = "embedding"
_LOW_RANK = "embedding_low_rank"
_TINY = 1e-12
_FALL, _FALL_EVERY_STEPS = 0.01, 10  # FRILL's, of the full matrix' share


def full_share(step: int) -> float:
    """Returns the full matrix' share after ``step`` optimiser steps, in [0, 1]."""
    share = 1 - _FALL * (step // _FALL_EVERY_STEPS)
    return share if share > _TINY else 0.0  # 1 - 3 * (1 / 3) need not be 0


class MixedDense(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Maps [batch, features] to [batch, units] by the mix in training, by ``B C`` in inference.

    All weights belong to the optimiser from the first step, so that none has to be rebuilt; what
    must not move has no gradient: ``B`` and ``C`` while ``share`` is above 0, ``A`` once it is 0.

    Attributes:
        full: ``A``, float32 [features, units].
        left, right: ``B`` and ``C``, float32 [features, rank] and [rank, units].
        share: ``a``, a float32 scalar in [0, 1], not trained.
    """

    def __init__(self, units: int, *, rank: int, use_bias: bool = True, name: str) -> None:
        super().__init__(name=name)
        self.units, self.rank, self.use_bias = units, rank, use_bias

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes the weights, ``B C`` at its truncated SVD."""
        features = int(shape[-1] or 0)
        self.full = self.add_weight(name="full", shape=(features, self.units))
        self.left = self.add_weight(name="left", shape=(features, self.rank))
        self.right = self.add_weight(name="right", shape=(self.rank, self.units))
        self.share = self.add_weight(name="share", shape=(), initializer="ones", trainable=False)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.truncate()

    def call(self, x: Any, training: bool = False) -> Any:
        """Returns float32 [batch, units]."""
        share = tf.convert_to_tensor(self.share)
        own = tf.cast(share <= 0, tf.float32)  # whether B and C are trained themselves
        left, right = (
            own * weight + (1 - own) * tf.stop_gradient(weight)
            for weight in (tf.convert_to_tensor(self.left), tf.convert_to_tensor(self.right))
        )
        out = tf.matmul(tf.matmul(x, left), right)
        if training:
            out = share * tf.matmul(x, self.full) + (1 - share) * out
        return out if self.bias is None else out + self.bias

    def truncate(self) -> None:
        """Sets ``B C`` to the best approximation of ``A`` of its rank."""
        left, right = truncated(self.full.numpy(), self.rank)
        self.left.assign(left)
        self.right.assign(right)


class Mixing(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Moves a model's mix after each batch, by the optimiser's count, which a resume keeps."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the mix."""
        advance(self.model, int(self.model.optimizer.iterations.numpy()))


def advance(model: keras.Model, step: int) -> None:
    """Moves a model's mix to where it is after ``step`` optimiser steps."""
    share = np.float32(full_share(step))
    for layer in model.layers:
        if isinstance(layer, MixedDense) and share < float(layer.share.numpy()):
            layer.truncate()
            layer.share.assign(share)


def mixed(spec: StudentSpec, *, seed: int) -> keras.Model:
    """Returns the student for training, its embedding a ``MixedDense`` of the spec's rank.

    Raises:
        ConfigurationError: the spec has no bottleneck.
    """
    rank = spec.bottleneck_rank
    if rank is None:
        raise ConfigurationError(f"{spec.name} has no bottleneck", hint="set its rank")
    ops = KerasOps(dense=partial(MixedDense, rank=rank))
    return build.build_student(replace(spec, bottleneck_rank=None), seed=seed, ops=ops)


def unmixed(model: keras.Model, spec: StudentSpec) -> keras.Model:
    """Returns the plain student of two dense layers that computes what ``mixed`` infers."""
    student = build.build_student(spec, seed=0)
    for layer in student.layers:
        if layer.name not in (_EMBEDDING, _LOW_RANK) and layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    mix = model.get_layer(_EMBEDDING)
    student.get_layer(_LOW_RANK).set_weights([mix.left.numpy()])
    student.get_layer(_EMBEDDING).set_weights([mix.right.numpy(), mix.bias.numpy()])
    return student


def truncated(
    matrix: NDArray[np.float32], rank: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns ``B`` and ``C``, float32, whose product is ``matrix`` cut to ``rank``.

    Half of each singular value (its square root) goes to either side. The singular vectors come
    from the smaller Gram matrix in float64: half the time of an SVD at 2048 x 2048, and the product
    is a projection, exact however small a singular value is.

    Args:
        matrix: float32 [rows, columns].
        rank: of the product; at most the smaller side counts.
    """
    if matrix.shape[0] > matrix.shape[1]:
        right, left = truncated(matrix.T, rank)
        return left.T, right.T
    wide = matrix.astype(np.float64)
    squares, vectors = np.linalg.eigh(wide @ wide.T)  # ascending
    size = min(rank, len(squares))
    roots = np.maximum(squares[-size:], _TINY) ** 0.25
    basis = vectors[:, -size:]
    left, right = basis * roots, (basis.T @ wide) / roots[:, np.newaxis]
    padding = rank - size  # a bottleneck wider than the matrix
    return (
        np.pad(left, ((0, 0), (0, padding))).astype(np.float32),
        np.pad(right, ((0, padding), (0, 0))).astype(np.float32),
    )
