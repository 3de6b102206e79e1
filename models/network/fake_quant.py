"""``Ops`` in layers that round as full int8 does, so that a network learns to tolerate it.

Each tensor that the converted file keeps in int8 is rounded once: a convolution together with the
ReLU that is fused into it, both halves of a hard-swish, gates, sums and products. Weights are
symmetric per output channel, ranges of activations are learned; both are LiteRT's own grids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from models.network.frontend_layer import LogMel

Step = Callable[[], Any]
_LEAST_RANGE = 1e-6


class Rounded(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Rounds an activation to 256 steps of a range that is learned.

    Args:
        position: of this tensor in the network's order, from 0.

    Attributes:
        low, high: float32 scalars, the range; it always holds zero.
    """

    def __init__(self, position: int, *, name: str) -> None:
        super().__init__(name=name)
        self.position = position
        self._percentile: float | None = None

    def build(self, _: object) -> None:
        """Makes the range."""
        self.low = self.add_weight(name="low", shape=(), initializer="zeros")
        self.high = self.add_weight(name="high", shape=(), initializer="ones")

    def call(self, x: Any) -> Any:
        """Returns ``x`` rounded and clipped; gradients reach the range from what is clipped."""
        if self._percentile is not None:
            self._set_range(x.numpy(), self._percentile)
        low, high = self._bounds()
        return tf.quantization.fake_quant_with_min_max_vars(x, low, high)

    def range(self) -> tuple[float, float]:
        """Returns the lowest and the highest value that the range can represent."""
        low, high = self._bounds()
        return float(low), float(high)

    def step(self) -> Any:
        """Returns the distance between two neighbours of the grid, a float32 scalar tensor."""
        low, high = self._bounds()
        return (high - low) / 255

    def _bounds(self) -> tuple[Any, Any]:
        return tf.minimum(self.low, 0.0), tf.maximum(self.high, _LEAST_RANGE)

    def _set_range(self, x: NDArray[np.float32], percentile: float) -> None:
        axes = tuple(range(1, x.ndim))
        self.low.assign(min(0.0, np.percentile(x.min(axes), 100 - percentile)))
        self.high.assign(max(0.0, np.percentile(x.max(axes), percentile)))


class RoundedConv(layers.Conv2D):  # type: ignore[misc]  # Keras ships no types
    """A convolution by a rounded kernel and bias.

    Args:
        step: returns the step of the input's grid; without one the bias is not rounded.
    """

    def __init__(self, *args: Any, step: Step | None, **named: Any) -> None:
        super().__init__(*args, **named)
        self._step = step

    def call(self, x: Any) -> Any:
        """Returns float32 [batch, height, width, channels]."""
        kernel, bias = _rounded(self.kernel, self.bias, self._step)
        return self.convolution_op(x, kernel) + bias


class RoundedDepthwise(layers.DepthwiseConv2D):  # type: ignore[misc]  # Keras ships no types
    """A depth-wise convolution by a rounded kernel and bias; ``step`` as above."""

    def __init__(self, *args: Any, step: Step | None, **named: Any) -> None:
        super().__init__(*args, **named)
        self._step = step

    def call(self, x: Any) -> Any:
        """Returns float32 [batch, height, width, channels]."""
        kernel, bias = _rounded(self.kernel[..., 0], self.bias, self._step)
        strides = [1, *self.strides, 1]
        return tf.nn.depthwise_conv2d(x, kernel[..., tf.newaxis], strides, "SAME") + bias


class RoundedDense(layers.Dense):  # type: ignore[misc]  # Keras ships no types
    """A fully connected layer by a rounded kernel, and bias if the input has a grid."""

    def __init__(self, *args: Any, step: Step | None = None, **named: Any) -> None:
        super().__init__(*args, **named)
        self._step = step

    def call(self, x: Any, training: bool = False) -> Any:
        """Returns float32 [batch, units]."""
        kernel, bias = _rounded(self.kernel, self.bias, self._step)
        out = tf.matmul(x, kernel)
        return out if bias is None else out + bias


def _rounded(kernel: Any, bias: Any, step: Step | None) -> tuple[Any, Any]:
    """Returns a kernel [..., channels] rounded to 255 symmetric steps per channel, and its bias.

    A bias is an integer in the accumulator: a multiple of the input's step times the weights'. Left
    unrounded, one result in a thousand is off by one, and that grows from layer to layer.

    Gradients pass straight through: the operator's own would stop at each channel's largest weight,
    which is at the edge of its range.
    """
    kernel = tf.convert_to_tensor(kernel)
    edge = tf.reduce_max(tf.abs(kernel), axis=list(range(len(kernel.shape) - 1)))
    edge = tf.stop_gradient(tf.maximum(edge, _LEAST_RANGE))
    rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
        kernel, -edge, edge, narrow_range=True
    )
    if bias is not None and step is not None:
        unit = tf.stop_gradient(step() * edge / 127)
        bias = tf.convert_to_tensor(bias)
        bias = bias + tf.stop_gradient(tf.round(bias / unit) * unit - bias)
    return kernel + tf.stop_gradient(rounded - kernel), bias


@dataclass(slots=True, eq=False)
class Value:
    """What an operator gives: ``raw`` may still be fused into a ReLU, else it is rounded on use."""

    raw: Any
    name: str
    rounded: Any = None
    step: Step | None = None


class FakeQuantOps:
    """Builds each operator with rounded weights and results, batch normalisation folded away."""

    def __init__(self) -> None:
        self._positions = 0

    def rounded(self, x: Value) -> Any:
        """Returns ``x`` rounded, by one layer however often it is used."""
        if x.rounded is None:
            layer = Rounded(self._positions, name=f"{x.name}_range")
            x.rounded, x.step = layer(x.raw), layer.step
            self._positions += 1
        return x.rounded

    def channels(self, x: Value) -> int:
        """Returns the size of the last axis."""
        return int(x.raw.shape[-1])

    def audio_to_patch(self, x: Value, kind: str) -> Value:
        """Returns the log-mel patch of audio [batch, 15600], computed in float."""
        return Value(LogMel(kind)(x.raw), "patch")

    def conv(
        self, x: Value, filters: int, kernel: int, *, stride: int = 1, bias: bool = False, name: str
    ) -> Value:
        """Returns a square convolution, always with a bias: batch normalisation is folded in."""
        whole = self.rounded(x)
        layer = RoundedConv(filters, kernel, stride, "same", name=name, step=x.step)
        return Value(layer(whole), name)

    def depthwise(self, x: Value, kernel: int, *, stride: int, name: str) -> Value:
        """Returns a depth-wise convolution, with a bias for the same reason."""
        whole = self.rounded(x)
        layer = RoundedDepthwise(kernel, stride, "same", name=name, step=x.step)
        return Value(layer(whole), name)

    def batch_norm(self, x: Value, *, name: str) -> Value:
        """Returns ``x``: the convolution before has it."""
        return x

    def activate(self, x: Value, kind: str, *, name: str) -> Value:
        """Returns the activation ``kind``, rounded where the converter does not fuse it."""
        if kind == "relu":
            return Value(layers.ReLU(name=name)(x.raw), name)
        if kind == "hard_sigmoid":  # the converter folds the 3 into the convolution's bias
            gate = self.rounded(Value(layers.ReLU(6.0, name=f"{name}_6")(x.raw + 3.0), f"{name}_6"))
            return Value(layers.Rescaling(1 / 6, name=name)(gate), name)
        whole = self.rounded(x)
        if kind == "fused":
            return Value(layers.Activation("hard_swish", name=name)(whole), name)
        gate = self.rounded(Value(layers.ReLU(6.0, name=f"{name}_6")(whole + 3.0), f"{name}_6"))
        sixth = self.rounded(
            Value(layers.Rescaling(1 / 6, name=f"{name}_sixth")(whole), f"{name}_sixth")
        )
        return Value(layers.Multiply(name=name)([sixth, gate]), name)

    def max_pool(self, x: Value, size: int, *, stride: int, name: str) -> Value:
        """Returns the maximum over squares, on the grid of ``x``."""
        out = layers.MaxPooling2D(size, stride, "same", name=name)(self.rounded(x))
        return Value(out, name, out, x.step)

    def mean(self, x: Value, *, keep: bool, name: str) -> Value:
        """Returns the mean over height and width."""
        return Value(layers.GlobalAveragePooling2D(keepdims=keep, name=name)(self.rounded(x)), name)

    def flatten(self, x: Value, *, name: str) -> Value:
        """Returns ``x`` as [batch, features], on the grid of ``x``."""
        out = layers.Flatten(name=name)(self.rounded(x))
        return Value(out, name, out, x.step)

    def dense(self, x: Value, units: int, *, bias: bool = True, name: str) -> Value:
        """Returns a fully connected layer."""
        whole = self.rounded(x)
        layer = RoundedDense(units, use_bias=bias, name=name, step=x.step)
        return Value(layer(whole), name)

    def multiply(self, x: Value, y: Value, *, name: str) -> Value:
        """Returns the product, ``y`` broadcast over height and width."""
        return Value(layers.Multiply(name=name)([self.rounded(x), self.rounded(y)]), name)

    def add(self, x: Value, y: Value, *, name: str) -> Value:
        """Returns the sum."""
        return Value(layers.Add(name=name)([self.rounded(x), self.rounded(y)]), name)


def calibrate(model: keras.Model, inputs: NDArray[np.float32], *, percentile: float) -> None:
    """Sets all ranges from inputs in one pass, in which all earlier tensors are rounded already.

    Args:
        model: built by ``FakeQuantOps``.
        inputs: float32 [count, ...] as the model takes them; all at once, so a few hundred.
        percentile: over inputs, of a tensor's extremes in one of them.
    """
    rounding = rounders(model)
    for layer in rounding:
        layer._percentile = percentile
    try:
        model(tf.constant(inputs))
    finally:
        for layer in rounding:
            layer._percentile = None


def rounders(model: keras.Model) -> list[Rounded]:
    """Returns the layers that round activations, in the network's order."""
    rounding = [layer for layer in model.layers if isinstance(layer, Rounded)]
    return sorted(rounding, key=lambda layer: layer.position)
