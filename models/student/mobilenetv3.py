"""MobileNetV3 for log-mel patches, with the head of FRILL's time and that of today.

Source: Howard et al. 2019 (arXiv 1905.02244) and Keras' block tables. ``legacy`` is the network of
TF 2.4 and 2.5, in which ``include_top=False`` still had the last point-wise convolution, *before*
pooling; only it gives FRILL's 10,119,632 parameters. Layers have Keras' names, so that op
profiles show the usual names.
"""

from __future__ import annotations

from dataclasses import dataclass

from models import frontend
from models.student.ops import CountOps, Ops, Shape, X, frame_macs
from models.student.spec import Activation, Head, InGraphFrontend, Pooling, Size, StudentSpec


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted residual: expansion ratio, output channels, kernel, stride, what it applies."""

    expansion: float
    channels: int
    kernel: int
    stride: int
    squeeze: bool
    swish: bool


_SMALL = (
    Block(1, 16, 3, 2, True, False),
    Block(72 / 16, 24, 3, 2, False, False),
    Block(88 / 24, 24, 3, 1, False, False),
    Block(4, 40, 5, 2, True, True),
    Block(6, 40, 5, 1, True, True),
    Block(6, 40, 5, 1, True, True),
    Block(3, 48, 5, 1, True, True),
    Block(3, 48, 5, 1, True, True),
    Block(6, 96, 5, 2, True, True),
    Block(6, 96, 5, 1, True, True),
    Block(6, 96, 5, 1, True, True),
)
_LARGE = (
    Block(1, 16, 3, 1, False, False),
    Block(4, 24, 3, 2, False, False),
    Block(3, 24, 3, 1, False, False),
    Block(3, 40, 5, 2, True, False),
    Block(3, 40, 5, 1, True, False),
    Block(3, 40, 5, 1, True, False),
    Block(6, 80, 3, 2, False, True),
    Block(2.5, 80, 3, 1, False, True),
    Block(2.3, 80, 3, 1, False, True),
    Block(2.3, 80, 3, 1, False, True),
    Block(6, 112, 3, 1, True, True),
    Block(6, 112, 3, 1, True, True),
    Block(6, 160, 5, 2, True, True),
    Block(6, 160, 5, 1, True, True),
    Block(6, 160, 5, 1, True, True),
)
_TINY = _SMALL[:7] + _SMALL[8:10]
# Block table and channels of the legacy head's last point-wise convolution.
_TABLES = {Size.TINY: (_TINY, 512), Size.SMALL: (_SMALL, 1024), Size.LARGE: (_LARGE, 1280)}
_SQUEEZE = 0.25


def student(ops: Ops[X], x: X, spec: StudentSpec) -> X:
    """Returns the embedding [batch, embedding_size] of a patch, or of audio with a front-end.

    Args:
        ops: what builds or counts the network.
        x: [batch, 96, 64, 1] log-mel, also of a stream, whose front-end has several inputs and is
            built apart; or [batch, 15600] audio in [-1, 1] with another front-end.
    """
    if spec.frontend in (InGraphFrontend.DFT, InGraphFrontend.STFT):
        x = ops.audio_to_patch(x, spec.frontend.value)
    x = backbone(ops, x, spec)
    if spec.pooling is Pooling.GAP:
        x = ops.mean(x, keep=False, name="pool")
    else:
        x = ops.flatten(x, name="flatten")
    if spec.bottleneck_rank is not None:
        x = ops.dense(x, spec.bottleneck_rank, bias=False, name="embedding_low_rank")
    return ops.dense(x, spec.embedding_size, name="embedding")


def backbone(ops: Ops[X], x: X, spec: StudentSpec) -> X:
    """Returns the last feature map of MobileNetV3 on [batch, height, width, 1]."""
    blocks, last_channels = _TABLES[spec.size]
    swish = _activation(spec, swish=True)
    x = ops.conv(x, 16, 3, stride=2, name="conv")
    x = ops.batch_norm(x, name="conv_bn")
    x = ops.activate(x, swish, name="conv_act")
    for index, block in enumerate(blocks):
        x = _inverted_residual(ops, x, block, spec, index)
    x = ops.conv(x, depth(ops.channels(x) * 6), 1, name="conv_1")
    x = ops.batch_norm(x, name="conv_1_bn")
    x = ops.activate(x, swish, name="conv_1_act")
    if spec.head is Head.LEGACY:
        wide = depth(last_channels * spec.width) if spec.width > 1 else last_channels
        x = ops.conv(x, wide, 1, bias=True, name="conv_2")
        x = ops.activate(x, swish, name="conv_2_act")
    return x


def count(spec: StudentSpec) -> tuple[int, int]:
    """Returns a student's parameters and multiply-accumulates per inference."""
    ops = CountOps()
    student(ops, Shape(frontend.PATCH_FRAMES, frontend.MEL_BINS, 1), spec)
    if spec.is_stream:
        ops.macs += spec.hop_frames * frame_macs(InGraphFrontend.DFT.value)
    return ops.parameters, ops.macs


def depth(channels: float) -> int:
    """Returns the nearest multiple of 8 that is at most 10 % below ``channels``."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _inverted_residual(ops: Ops[X], x: X, block: Block, spec: StudentSpec, index: int) -> X:
    minimal = spec.activation is Activation.MINIMALISTIC
    kind = _activation(spec, swish=block.swish)
    before, channels = x, ops.channels(x)
    filters = depth(block.channels * spec.width)
    expanded = depth(channels * block.expansion)
    name = f"expanded_conv_{index}" if index else "expanded_conv"
    if index:  # the first block expands by one, so it has no expansion
        x = ops.conv(x, expanded, 1, name=f"{name}_expand")
        x = ops.batch_norm(x, name=f"{name}_expand_bn")
        x = ops.activate(x, kind, name=f"{name}_expand_act")
    x = ops.depthwise(
        x, 3 if minimal else block.kernel, stride=block.stride, name=f"{name}_depthwise"
    )
    x = ops.batch_norm(x, name=f"{name}_depthwise_bn")
    x = ops.activate(x, kind, name=f"{name}_depthwise_act")
    if block.squeeze and not minimal:
        x = _squeeze_excite(ops, x, expanded, name)
    x = ops.conv(x, filters, 1, name=f"{name}_project")
    x = ops.batch_norm(x, name=f"{name}_project_bn")
    if block.stride == 1 and channels == filters:
        x = ops.add(before, x, name=f"{name}_add")
    return x


def _squeeze_excite(ops: Ops[X], x: X, channels: int, name: str) -> X:
    gate = ops.mean(x, keep=True, name=f"{name}_squeeze_excite_avg_pool")
    gate = ops.conv(
        gate, depth(channels * _SQUEEZE), 1, bias=True, name=f"{name}_squeeze_excite_conv"
    )
    gate = ops.activate(gate, "relu", name=f"{name}_squeeze_excite_relu")
    gate = ops.conv(gate, channels, 1, bias=True, name=f"{name}_squeeze_excite_conv_1")
    gate = ops.activate(gate, "hard_sigmoid", name=f"{name}_squeeze_excite_gate")
    return ops.multiply(x, gate, name=f"{name}_squeeze_excite_mul")


def _activation(spec: StudentSpec, *, swish: bool) -> str:
    if spec.activation is Activation.MINIMALISTIC or not swish:
        return "relu"
    return spec.activation.value
