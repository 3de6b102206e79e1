"""The operators our networks are written in, and the implementation that only counts.

A network is written once, against ``Ops``. ``models.network.keras_ops`` builds it in Keras;
``CountOps`` here walks it with shapes alone, so that parameters and multiply-accumulates are known
anywhere, in a millisecond and without TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from models import dft, frontend

X = TypeVar("X")


class Ops(Protocol[X]):
    """Operators on feature maps [batch, height, width, channels]; ``SAME`` padding throughout."""

    def channels(self, x: X) -> int:
        """Returns the size of the last axis."""

    def audio_to_patch(self, x: X, kind: str) -> X:
        """Returns the log-mel patch of audio [batch, 15600], by ``kind`` ``dft`` or ``stft``."""

    def conv(
        self, x: X, filters: int, kernel: int, *, stride: int = 1, bias: bool = False, name: str
    ) -> X:
        """Returns a square convolution."""

    def depthwise(self, x: X, kernel: int, *, stride: int, name: str) -> X:
        """Returns a depth-wise convolution without bias."""

    def batch_norm(self, x: X, *, name: str) -> X:
        """Returns ``x`` normalised per channel."""

    def activate(self, x: X, kind: str, *, name: str) -> X:
        """Returns ``relu``, ``hard_sigmoid``, ``fused`` or ``unfused`` hard-swish of ``x``."""

    def max_pool(self, x: X, size: int, *, stride: int, name: str) -> X:
        """Returns the maximum over squares."""

    def mean(self, x: X, *, keep: bool, name: str) -> X:
        """Returns the mean over height and width, as [b, 1, 1, c] if ``keep``, else [b, c]."""

    def flatten(self, x: X, *, name: str) -> X:
        """Returns ``x`` as [batch, features]."""

    def dense(self, x: X, units: int, *, bias: bool = True, name: str) -> X:
        """Returns a fully connected layer of [batch, features]."""

    def multiply(self, x: X, y: X, *, name: str) -> X:
        """Returns the product, ``y`` broadcast over height and width."""

    def add(self, x: X, y: X, *, name: str) -> X:
        """Returns the sum of two maps of one shape."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A feature map without its batch axis: height, width, channels."""

    height: int
    width: int
    channels: int


def frame_macs(kind: str) -> int:
    """Returns the multiply-accumulates of one frame by a log-mel graph, ``dft`` or ``stft``.

    Those of matrix products, as everywhere: an FFT has none.
    """
    if kind == "stft":
        low, high = frontend.used_bins()
        return (high - low) * frontend.MEL_BINS
    stages = dft.COLUMNS * dft.stage_one().size + dft.stage_two().size
    return stages + dft.bins().size * frontend.MEL_BINS


class CountOps:
    """Counts what ``Ops`` would build.

    Attributes:
        parameters: weights as Keras counts them (four numbers per channel for batch normalisation).
        macs: multiply-accumulates of convolutions and dense layers for one inference.
    """

    def __init__(self) -> None:
        self.parameters = 0
        self.macs = 0

    def channels(self, x: Shape) -> int:
        """Returns the size of the last axis."""
        return x.channels

    def audio_to_patch(self, x: Shape, kind: str) -> Shape:
        """Counts the matrix products of the DFT (``stft`` has none) and of the mel bins."""
        self.macs += frontend.PATCH_FRAMES * frame_macs(kind)
        return Shape(frontend.PATCH_FRAMES, frontend.MEL_BINS, 1)

    def conv(
        self, x: Shape, filters: int, kernel: int, *, stride: int = 1, bias: bool = False, name: str
    ) -> Shape:
        """Counts a square convolution."""
        out = _strided(x, stride, filters)
        weights = kernel * kernel * x.channels * filters
        self.parameters += weights + (filters if bias else 0)
        self.macs += out.height * out.width * weights
        return out

    def depthwise(self, x: Shape, kernel: int, *, stride: int, name: str) -> Shape:
        """Counts a depth-wise convolution."""
        out = _strided(x, stride, x.channels)
        weights = kernel * kernel * x.channels
        self.parameters += weights
        self.macs += out.height * out.width * weights
        return out

    def batch_norm(self, x: Shape, *, name: str) -> Shape:
        """Counts four numbers per channel; folded into the convolution, so no work."""
        self.parameters += 4 * x.channels
        return x

    def activate(self, x: Shape, kind: str, *, name: str) -> Shape:
        """Counts nothing."""
        return x

    def max_pool(self, x: Shape, size: int, *, stride: int, name: str) -> Shape:
        """Counts nothing."""
        return _strided(x, stride, x.channels)

    def mean(self, x: Shape, *, keep: bool, name: str) -> Shape:
        """Counts nothing."""
        return Shape(1, 1, x.channels)

    def flatten(self, x: Shape, *, name: str) -> Shape:
        """Counts nothing."""
        return Shape(1, 1, x.height * x.width * x.channels)

    def dense(self, x: Shape, units: int, *, bias: bool = True, name: str) -> Shape:
        """Counts a fully connected layer."""
        self.parameters += x.channels * units + (units if bias else 0)
        self.macs += x.channels * units
        return Shape(1, 1, units)

    def multiply(self, x: Shape, y: Shape, *, name: str) -> Shape:
        """Counts nothing."""
        return x

    add = multiply


def _strided(x: Shape, stride: int, channels: int) -> Shape:
    return Shape(-(-x.height // stride), -(-x.width // stride), channels)
