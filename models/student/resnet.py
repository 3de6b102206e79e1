"""A teacher of TRILL's shape: ResNet-50 with a stride-1 first convolution and TRILL's two outputs.

TRILL's weights are not ours to ship; this network has its size (24.6 M parameters, 98.1 MB) and its
cost, so that FRILL's speed and size ratios can be measured anywhere.
"""

from __future__ import annotations

from models import frontend
from models.student.ops import CountOps, Ops, Shape, X

EMBEDDING_SIZE = 512
LAYER19_SIZE = 12_288

# Stages of bottleneck blocks: inner channels and how many blocks.
_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))


def teacher(ops: Ops[X], x: X) -> tuple[X, X]:
    """Returns TRILL's ``layer19`` [batch, 12288] and ``embedding`` [batch, 512] of a patch.

    Args:
        ops: what builds or counts the network.
        x: [batch, 96, 64, 1] log-mel.
    """
    x = _conv(ops, x, 64, 7, 1, "stem")
    x = ops.max_pool(x, 3, stride=2, name="stem_pool")
    layer19: X | None = None
    for stage, (channels, blocks) in enumerate(_STAGES):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            name = f"stage{stage}_block{block}"
            inner = _conv(ops, x, channels, 1, stride, f"{name}_reduce")
            if channels == _STAGES[-1][0] and layer19 is None:
                layer19 = ops.flatten(inner, name="layer19")
            x = _bottleneck(ops, x, inner, channels, stride, name)
    assert layer19 is not None  # noqa: S101 - the last stage always has a block
    return layer19, ops.dense(
        ops.mean(x, keep=False, name="pool"), EMBEDDING_SIZE, name="embedding"
    )


def count() -> tuple[int, int]:
    """Returns the teacher's parameters and multiply-accumulates per inference."""
    ops = CountOps()
    teacher(ops, Shape(frontend.PATCH_FRAMES, frontend.MEL_BINS, 1))
    return ops.parameters, ops.macs


def _bottleneck(ops: Ops[X], x: X, inner: X, channels: int, stride: int, name: str) -> X:
    wide = 4 * channels
    shortcut = x
    if ops.channels(x) != wide or stride != 1:
        shortcut = ops.batch_norm(
            ops.conv(x, wide, 1, stride=stride, name=f"{name}_shortcut"),
            name=f"{name}_shortcut_norm",
        )
    y = _conv(ops, inner, channels, 3, 1, f"{name}_spatial")
    y = ops.batch_norm(ops.conv(y, wide, 1, name=f"{name}_expand"), name=f"{name}_expand_norm")
    return ops.activate(ops.add(shortcut, y, name=f"{name}_add"), "relu", name=f"{name}_out")


def _conv(ops: Ops[X], x: X, filters: int, kernel: int, stride: int, name: str) -> X:
    x = ops.conv(x, filters, kernel, stride=stride, name=name)
    return ops.activate(ops.batch_norm(x, name=f"{name}_norm"), "relu", name=f"{name}_act")
