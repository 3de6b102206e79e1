"""``Ops`` in the integers of full int8, so that a network learns to tolerate its rounding.

Between operators run whole numbers, not what they stand for: each tensor that the converted file
keeps in int8 is a count of steps from zero, weights are counts too, and what a convolution adds up
is an integer. A float32 holds it exactly, so it is the same in whatever order a processor adds.
(In steps of its range, 0.0237 times 14, a sum's last bit depends on that order, and one value in a
hundred thousand is then rounded to the neighbour of what int8 gives.) Results are rounded once, by
the very float32 arithmetic of XNNPACK's kernels, so the exported file computes what was trained to
the last bit wherever these run. ``docs/conversion.md`` lists where they do not.

Each result is rounded once: a convolution together with the ReLU that is fused into it, both halves
of a hard-swish, gates, sums and products. Weights are symmetric per output channel, ranges of
activations are learned; both are LiteRT's own grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from models.network.frontend_layer import LogMel
from models.tflite.quantise import PERCENTILE

_LEAST_RANGE = 1e-6
_LEAST, _STEPS, _WEIGHT_STEPS = -128, 255, 127
_EXPONENT = 0x7F800000  # the bits of a float32 that hold it
_SUM_BITS = 20  # XNNPACK adds by integers: two ratios of steps, the larger with 21 bits


class Rounded(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Rounds an activation, or a sum of two, to 256 steps of a range that is learned.

    Args:
        position: of this tensor in the network's order, from 0.
        count: of values that an input is the sum of, to be rounded to their mean.
        relu6: whether it is clipped to 0 to 6, whatever the range.

    Attributes:
        low, high: float32 scalars, the range; it always holds zero.
        calibrates: whether the next call sets the range from its values.
    """

    def __init__(self, position: int, *, name: str, count: int = 1, relu6: bool = False) -> None:
        super().__init__(name=name)
        self.position = position
        self._count = count
        self._relu6 = relu6
        self.calibrates = False

    def build(self, _: object) -> None:
        """Makes the range."""
        self.low = self.add_weight(name="low", shape=(), initializer="zeros")
        self.high = self.add_weight(name="high", shape=(), initializer="ones")

    def compute_output_shape(self, x_shape: Any) -> Any:
        """Returns the shapes of steps and step."""
        return x_shape, ()

    def call(self, x: Any, unit: Any = None, y: Any = None, y_unit: Any = None) -> tuple[Any, Any]:
        """Returns how many steps from zero ``x``, or ``x + y``, is, and what a step is worth.

        Gradients pass straight through the rounding, and reach the range from what is clipped.

        Args:
            unit, y_unit: what 1 is worth in each, in all or in each channel; ``None`` for ``x`` of
                real numbers.
        """
        if self.calibrates:
            real = x if unit is None else x * unit / self._count
            self._set_range((real if y is None else real + y * y_unit).numpy())
        low, high = self._bounds()
        step = tf.stop_gradient((high - low) / _STEPS)
        steps, whole = self._steps(x, unit, y, y_unit, step)
        if self._relu6:
            steps = tf.clip_by_value(steps, 0.0, 6.0 / step)
            whole = tf.clip_by_value(whole, 0.0, tf.round(6.0 / step))
        lowest = _LEAST - tf.stop_gradient(tf.round(_LEAST - low / step))
        highest = lowest + _STEPS + _nothing_but_gradients(high / step)
        lowest += _nothing_but_gradients(low / step)
        # Of whole numbers on a grid of such: it clips, and gives the ends their gradients.
        whole = _passing(whole, steps)
        return tf.quantization.fake_quant_with_min_max_vars(whole, lowest, highest), step

    def range(self) -> tuple[float, float]:
        """Returns the lowest and the highest value that the range can represent."""
        low, high = self._bounds()
        return float(low), float(high)

    def _bounds(self) -> tuple[Any, Any]:
        return tf.minimum(self.low, 0.0), tf.maximum(self.high, _LEAST_RANGE)

    def _steps(self, x: Any, unit: Any, y: Any, y_unit: Any, step: Any) -> tuple[Any, Any]:
        """Returns ``x``, or ``x + y``, in steps, and that rounded."""
        if y is not None:
            left, right = unit / step, y_unit / step
            return x * left + y * right, _whole_sum(x, y, left, right)
        steps = x / step if unit is None else x * (unit / (self._count * step))
        return steps, tf.round(steps)

    def _set_range(self, x: NDArray[np.float32]) -> None:
        x = x.clip(0, 6) if self._relu6 else x
        axes = tuple(range(1, x.ndim))
        self.low.assign(min(0.0, np.percentile(x.min(axes), 100 - PERCENTILE)))
        self.high.assign(max(0.0, np.percentile(x.max(axes), PERCENTILE)))


class _RoundedConv(layers.Conv2D):  # type: ignore[misc]  # Keras ships no types
    """A convolution by a rounded kernel and bias.

    Attributes:
        lift: is added to the bias; the converter folds in what is added to the result.
    """

    lift = 0.0

    def compute_output_shape(self, x_shape: Any) -> Any:
        return super().compute_output_shape(x_shape), (self.filters,)

    def call(self, x: Any, step: Any) -> tuple[Any, Any]:
        """Returns whole numbers, [batch, height, width, channels], and what 1 is worth in each.

        Args:
            x: whole numbers in float32.
            step: what 1 is worth in ``x``.
        """
        kernel, kernel_step = _whole_kernel(self.kernel)
        unit = step * kernel_step
        return self.convolution_op(x, kernel) + _whole(self.bias + self.lift, unit), unit


class _RoundedDepthwise(layers.DepthwiseConv2D):  # type: ignore[misc]  # Keras ships no types
    """A depth-wise convolution by a rounded kernel and bias."""

    def compute_output_shape(self, x_shape: Any) -> Any:
        return super().compute_output_shape(x_shape), (x_shape[-1],)

    def call(self, x: Any, step: Any) -> tuple[Any, Any]:
        kernel, kernel_step = _whole_kernel(self.kernel[..., 0])
        unit = step * kernel_step
        strides = [1, *self.strides, 1]
        out = tf.nn.depthwise_conv2d(x, kernel[..., tf.newaxis], strides, "SAME")
        return out + _whole(self.bias, unit), unit


class RoundedDense(layers.Dense):  # type: ignore[misc]  # Keras ships no types
    """A fully connected layer of real numbers by a rounded kernel."""

    def call(self, x: Any, training: bool = False) -> Any:
        """Returns float32 [batch, units]."""
        kernel, kernel_step = _whole_kernel(self.kernel)
        out = tf.matmul(x, kernel * kernel_step)
        return out if self.bias is None else out + self.bias


class _WholeDense(layers.Dense):  # type: ignore[misc]  # Keras ships no types
    """A fully connected layer by a rounded kernel and bias."""

    def compute_output_shape(self, x_shape: Any) -> Any:
        return super().compute_output_shape(x_shape), (self.units,)

    def call(self, x: Any, step: Any) -> tuple[Any, Any]:
        kernel, kernel_step = _whole_kernel(self.kernel)
        unit = step * kernel_step
        out = tf.matmul(x, kernel)
        return out if self.bias is None else out + _whole(self.bias, unit), unit


def _whole_kernel(kernel: Any) -> tuple[Any, Any]:
    """Returns a kernel [..., channels] in 255 symmetric steps a channel, and what each is worth."""
    kernel = tf.convert_to_tensor(kernel)
    edge = tf.reduce_max(tf.abs(kernel), axis=list(range(len(kernel.shape) - 1)))
    step = tf.stop_gradient(tf.maximum(edge, _LEAST_RANGE) / _WEIGHT_STEPS)
    return _whole(kernel, step), step


def _whole(x: Any, step: Any) -> Any:
    """Returns ``x`` in whole steps; gradients pass straight through.

    Those of TensorFlow's own fake quantisation stop at each channel's largest weight, which is on
    the edge of its range.
    """
    steps = tf.convert_to_tensor(x) / step
    return _passing(tf.round(steps), steps)


@tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
def _passing(value: Any, source: Any) -> Any:
    """Returns ``value``, whose gradients go to ``source``."""
    return tf.identity(value), lambda gradient: (None, gradient)


def _nothing_but_gradients(x: Any) -> Any:
    """Returns zero, whose gradients go to ``x``."""
    return x - tf.stop_gradient(x)


def _whole_sum(x: Any, y: Any, left: Any, right: Any) -> Any:
    """Returns ``x * left + y * right`` as XNNPACK adds: by two integers in place of the ratios."""
    bits = tf.bitcast(tf.maximum(left, right), tf.int32)
    power_of_two = tf.bitcast(tf.bitwise.bitwise_and(bits, _EXPONENT), tf.float32)
    finest = tf.cast(power_of_two, tf.float64) / 2**_SUM_BITS
    # Of 21 bits at most, and steps of 9: their products and the sum are exact.
    left, right = (tf.round(tf.cast(each, tf.float64) / finest) * finest for each in (left, right))
    exact = tf.cast(x, tf.float64) * left + tf.cast(y, tf.float64) * right
    return tf.cast(tf.floor(exact + 0.5), tf.float32)


@dataclass(slots=True, eq=False)
class Value:
    """What an operator gives: ``raw`` may still be fused into a ReLU, else it is rounded on use.

    Args:
        raw: whole numbers, each worth ``unit``, or real ones without it.
        count, relu6: see ``Rounded``.
        conv: whose result this is.
        grid: it rounded: steps, and what a step is worth.
    """

    raw: Any
    name: str
    unit: Any = None
    count: int = 1
    relu6: bool = False
    conv: _RoundedConv | None = None
    grid: tuple[Any, Any] | None = None


class FakeQuantOps:
    """Builds each operator with rounded weights and results, batch normalisation folded away."""

    def __init__(self) -> None:
        self._positions = 0

    def real(self, x: Value) -> Any:
        """Returns the numbers that ``x``, rounded, stands for."""
        steps, step = self._grid(x)
        return steps * step

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
        layer = _RoundedConv(filters, kernel, stride, "same", name=name)
        raw, unit = layer(*self._grid(x))
        return Value(raw, name, unit, conv=layer)

    def depthwise(self, x: Value, kernel: int, *, stride: int, name: str) -> Value:
        """Returns a depth-wise convolution, with a bias for the same reason."""
        raw, unit = _RoundedDepthwise(kernel, stride, "same", name=name)(*self._grid(x))
        return Value(raw, name, unit)

    def batch_norm(self, x: Value, *, name: str) -> Value:
        """Returns ``x``: the convolution before has it."""
        return x

    def activate(self, x: Value, kind: str, *, name: str) -> Value:
        """Returns the activation ``kind``, rounded where the converter does not fuse it."""
        if kind == "relu":
            return Value(layers.ReLU(name=name)(x.raw), name, x.unit)
        if kind == "hard_sigmoid":  # of a convolution, whose bias takes the 3
            if x.conv is not None:
                x.conv.lift = 3.0
            gate = Value(x.raw, f"{name}_6", x.unit, relu6=True)
            return self._times(gate, 1 / 6, name=name)
        if kind == "fused":
            return Value(layers.Activation("hard_swish", name=name)(self.real(x)), name)
        gate = self._sum(x, _constant(3.0), name=f"{name}_6", relu6=True)
        return self.multiply(self._times(x, 1 / 6, name=f"{name}_sixth"), gate, name=name)

    def max_pool(self, x: Value, size: int, *, stride: int, name: str) -> Value:
        """Returns the maximum over squares, on the grid of ``x``."""
        steps, step = self._grid(x)
        out = layers.MaxPooling2D(size, stride, "same", name=name)(steps)
        return Value(out, name, grid=(out, step))

    def mean(self, x: Value, *, keep: bool, name: str) -> Value:
        """Returns the mean over height and width."""
        steps, step = self._grid(x)
        _, height, width, _ = steps.shape
        total = keras.ops.sum(steps, axis=(1, 2), keepdims=keep)
        return Value(total, name, step, count=height * width)

    def flatten(self, x: Value, *, name: str) -> Value:
        """Returns ``x`` as [batch, features], on the grid of ``x``."""
        steps, step = self._grid(x)
        out = layers.Flatten(name=name)(steps)
        return Value(out, name, grid=(out, step))

    def dense(self, x: Value, units: int, *, bias: bool = True, name: str) -> Value:
        """Returns a fully connected layer."""
        raw, unit = _WholeDense(units, use_bias=bias, name=name)(*self._grid(x))
        return Value(raw, name, unit)

    def multiply(self, x: Value, y: Value, *, name: str) -> Value:
        """Returns the product, ``y`` broadcast over height and width."""
        (left, step), (right, other_step) = self._grid(x), self._grid(y)
        return Value(layers.Multiply(name=name)([left, right]), name, step * other_step)

    def add(self, x: Value, y: Value, *, name: str) -> Value:
        """Returns the sum."""
        return self._sum(x, y, name=name)

    def _grid(self, x: Value) -> tuple[Any, Any]:
        """Returns ``x`` in steps, and their worth, by one layer however often it is used."""
        if x.grid is None:
            layer = self._rounder(x.name, count=x.count, relu6=x.relu6)
            x.grid = layer(x.raw, unit=x.unit)
        return x.grid

    def _rounder(self, name: str, *, count: int = 1, relu6: bool = False) -> Rounded:
        layer = Rounded(self._positions, name=f"{name}_range", count=count, relu6=relu6)
        self._positions += 1
        return layer

    def _sum(self, x: Value, y: Value, *, name: str, relu6: bool = False) -> Value:
        (left, step), (right, other_step) = self._grid(x), self._grid(y)
        grid = self._rounder(name, relu6=relu6)(left, unit=step, y=right, y_unit=other_step)
        return Value(grid[0], name, grid=grid)

    def _times(self, x: Value, factor: float, *, name: str) -> Value:
        steps, step = self._grid(x)
        constant, unit = self._grid(_constant(factor))
        return Value(layers.Rescaling(constant, name=name)(steps), name, step * unit)


def _constant(x: float) -> Value:
    """Returns a positive number as the quantiser has it: the last step of a range from 0."""
    return Value(x, "constant", grid=(float(_STEPS), float(np.float32(x) / np.float32(_STEPS))))


def calibrate(model: keras.Model, inputs: NDArray[np.float32]) -> None:
    """Sets all ranges from inputs in one pass, in which all earlier tensors are rounded already.

    Args:
        model: built by ``FakeQuantOps``.
        inputs: float32 [count, ...] as the model takes them; all at once, so a few hundred.
    """
    rounding = rounders(model)
    for layer in rounding:
        layer.calibrates = True
    try:
        model(tf.constant(inputs))
    finally:
        for layer in rounding:
            layer.calibrates = False


def rounders(model: keras.Model) -> list[Rounded]:
    """Returns the layers that round activations, in the network's order."""
    rounding = [layer for layer in model.layers if isinstance(layer, Rounded)]
    return sorted(rounding, key=lambda layer: layer.position)
