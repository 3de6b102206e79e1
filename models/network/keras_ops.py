"""``models.student.ops.Ops`` in Keras: what builds the networks for real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import layers, ops

from models.network.frontend_layer import LogMel


class KerasOps:
    """Builds each operator as Keras layers with fixed names: a rebuilt model is the same bytes.

    Args:
        dense: makes the fully connected layers, called as ``keras.layers.Dense`` is.
    """

    def __init__(self, dense: Callable[..., layers.Layer] = layers.Dense) -> None:
        self._dense = dense

    def channels(self, x: Any) -> int:
        """Returns the size of the last axis."""
        return int(x.shape[-1])

    def audio_to_patch(self, x: Any, kind: str) -> Any:
        """Returns the log-mel patch of audio [batch, 15600]."""
        return LogMel(kind)(x)

    def conv(
        self, x: Any, filters: int, kernel: int, *, stride: int = 1, bias: bool = False, name: str
    ) -> Any:
        """Returns a square convolution."""
        layer = layers.Conv2D(filters, kernel, stride, "same", use_bias=bias, name=name)
        return layer(x)

    def depthwise(self, x: Any, kernel: int, *, stride: int, name: str) -> Any:
        """Returns a depth-wise convolution."""
        return layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=name)(x)

    def batch_norm(self, x: Any, *, name: str) -> Any:
        """Returns batch normalisation with MobileNetV3's epsilon."""
        return layers.BatchNormalization(epsilon=1e-3, name=name)(x)

    def activate(self, x: Any, kind: str, *, name: str) -> Any:
        """Returns the activation ``kind``.

        ``fused`` becomes TFLite's HARD_SWISH, which XNNPACK has in float only. ``unfused`` is the
        same function in a form that the converter does not fuse, so that int8 stays delegated.
        """
        if kind == "relu":
            return layers.ReLU(name=name)(x)
        if kind == "hard_sigmoid":
            return layers.Rescaling(1 / 6, name=name)(layers.ReLU(6.0, name=f"{name}_6")(x + 3.0))
        if kind == "fused":
            return layers.Activation("hard_swish", name=name)(x)
        gate = layers.ReLU(6.0, name=f"{name}_6")(x + 3.0)
        return layers.Multiply(name=name)([x * (1 / 6), gate])

    def max_pool(self, x: Any, size: int, *, stride: int, name: str) -> Any:
        """Returns the maximum over squares."""
        return layers.MaxPooling2D(size, stride, "same", name=name)(x)

    def mean(self, x: Any, *, keep: bool, name: str) -> Any:
        """Returns the mean over height and width."""
        return layers.GlobalAveragePooling2D(keepdims=keep, name=name)(x)

    def flatten(self, x: Any, *, name: str) -> Any:
        """Returns ``x`` as [batch, features]."""
        return layers.Flatten(name=name)(x)

    def dense(self, x: Any, units: int, *, bias: bool = True, name: str) -> Any:
        """Returns a fully connected layer."""
        return self._dense(units, use_bias=bias, name=name)(x)

    def multiply(self, x: Any, y: Any, *, name: str) -> Any:
        """Returns the product, ``y`` broadcast over height and width."""
        return layers.Multiply(name=name)([x, y])

    def add(self, x: Any, y: Any, *, name: str) -> Any:
        """Returns the sum."""
        return ops.add(x, y) if x is y else layers.Add(name=name)([x, y])
