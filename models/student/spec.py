"""What a student is: the hyper-parameters of FRILL's grid, and its canonical name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bench.core.config import near
from bench.core.errors import ConfigurationError
from models.frontend import PATCH_FRAMES, PATCH_HOP_FRAMES


class Size(StrEnum):
    """MobileNetV3's block table; ``tiny`` is ``small`` without its blocks 7 and 10."""

    TINY = "tiny"
    SMALL = "small"
    LARGE = "large"


class Head(StrEnum):
    """Where the backbone ends: ``legacy`` keeps the last point-wise convolution of TF <= 2.5."""

    LEGACY = "legacy"
    KERAS3 = "keras3"


class Pooling(StrEnum):
    """How the last feature map becomes a vector."""

    GAP = "gap"
    FLATTEN = "flatten"


class Activation(StrEnum):
    """Hard-swish as one operator or as plain ones, or the minimalistic network (ReLU, no SE)."""

    FUSED = "fused"
    UNFUSED = "unfused"
    MINIMALISTIC = "minimalistic"


class InGraphFrontend(StrEnum):
    """The front-end in a student's graph: none (it takes a log-mel patch), or what it takes.

    ``dft`` takes a window of audio; ``stft`` (RFFT) is what apps have today, as a reference.
    ``stream`` takes a hop of audio and its own state (models/stream.py), by ``dft``.
    """

    NONE = "none"
    DFT = "dft"
    STFT = "stft"
    STREAM = "stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentSpec:
    """The hyper-parameters of a student.

    Args:
        width: multiplies every channel count, in (0, 4].
        bottleneck_rank: rank of the low-rank embedding layer; ``None`` for a full one.
        embedding_size: length of the embedding.
        hop_frames: new log-mel frames of a call of a stream, 1 to 96; 17 for all others.
        qat: trained with simulated int8 rounding.
    """

    size: Size = Size.SMALL
    width: float = 1.0
    head: Head = Head.KERAS3
    pooling: Pooling = Pooling.GAP
    bottleneck_rank: int | None = None
    embedding_size: int = 2048
    activation: Activation = Activation.FUSED
    frontend: InGraphFrontend = InGraphFrontend.NONE
    hop_frames: int = PATCH_HOP_FRAMES
    qat: bool = False

    def __post_init__(self) -> None:
        """Checks that it can be built.

        Raises:
            ConfigurationError: a width, rank or size out of range.
        """
        rank = self.bottleneck_rank
        if not 0 < self.width <= 4:
            raise ConfigurationError(f"width {self.width} is not in (0, 4]", hint="FRILL is 2.0")
        if self.embedding_size < 1 or (rank is not None and not 1 <= rank < self.embedding_size):
            raise ConfigurationError(
                f"rank {rank} and embedding size {self.embedding_size} do not fit",
                hint="the rank is at least 1 and below the embedding size",
            )
        if not 1 <= self.hop_frames <= PATCH_FRAMES:
            raise ConfigurationError(
                f"a stream with a hop of {self.hop_frames} frames cannot be built",
                hint=f"give 1 to {PATCH_FRAMES} frames, such as {InGraphFrontend.STREAM}48",
            )
        if not self.is_stream and self.hop_frames != PATCH_HOP_FRAMES:
            raise ConfigurationError(
                f"a hop of {self.hop_frames} frames needs the front-end stream",
                hint="only a stream has its hop in its graph",
            )

    @property
    def is_stream(self) -> bool:
        """Whether it takes a hop of audio and a state."""
        return self.frontend is InGraphFrontend.STREAM

    @property
    def without_frontend(self) -> StudentSpec:
        """The student with the same weights that takes log-mel patches."""
        return replace(self, frontend=InGraphFrontend.NONE, hop_frames=PATCH_HOP_FRAMES)

    @property
    def graph_begins(self) -> str:
        """What its graph begins with: ``patch``, ``dft``, ``stft``, ``stream`` or ``stream48``."""
        if self.frontend is InGraphFrontend.NONE:
            return "patch"
        hop = "" if self.hop_frames == PATCH_HOP_FRAMES else str(self.hop_frames)
        return f"{self.frontend.value}{hop}"

    @property
    def without_qat(self) -> StudentSpec:
        """The student that quantisation-aware training starts from."""
        return replace(self, qat=False)

    @property
    def name(self) -> str:
        """The canonical name, such as ``small_w2.0_legacy_gap_e2048_fused``."""
        parts = [self.size.value, f"w{self.width}", self.head.value, self.pooling.value]
        if self.bottleneck_rank is not None:
            parts.append(f"r{self.bottleneck_rank}")
        parts += [f"e{self.embedding_size}", self.activation.value]
        if self.frontend is not InGraphFrontend.NONE:
            parts.append(self.graph_begins)
        if self.qat:
            parts.append("qat")
        return "_".join(parts)


# FRILL as its authors released it (frill/1): 10,119,632 parameters.
FRILL = StudentSpec(width=2.0, head=Head.LEGACY)
ALIASES = {"frill": FRILL}

_NAME = re.compile(
    r"(?P<size>tiny|small|large)_w(?P<width>\d+(?:\.\d+)?)_(?P<head>legacy|keras3)"
    r"_(?P<pooling>gap|flatten)(?:_r(?P<rank>\d+))?_e(?P<embedding>\d+)"
    r"_(?P<activation>fused|unfused|minimalistic)"
    r"(?:_(?P<frontend>dft|stft|stream)(?P<hop>(?<=stream)[0-9]+)?)?(?P<qat>_qat)?"
)


def is_student(name: str) -> bool:
    """Returns whether ``name`` (canonical, or an alias) is the name of a student."""
    return name in ALIASES or _NAME.fullmatch(name) is not None


def parse_name(name: str) -> StudentSpec:
    """Returns the student that ``name`` (canonical, or an alias such as ``frill``) stands for.

    Raises:
        ConfigurationError: it is not the name of a student.
    """
    if name in ALIASES:
        return ALIASES[name]
    match = _NAME.fullmatch(name)
    if match is None:
        refuse_former(name)
        raise ConfigurationError(
            f"{name!r} is not the name of a student{near(name, list(ALIASES))}",
            hint="SIZE_wWIDTH_HEAD_POOLING[_rRANK]_eSIZE_ACTIVATION[_FRONTEND][_qat], "
            f"such as {FRILL.name}",
        )
    rank = match["rank"]
    return StudentSpec(
        size=Size(match["size"]),
        width=float(match["width"]),
        head=Head(match["head"]),
        pooling=Pooling(match["pooling"]),
        bottleneck_rank=int(rank) if rank else None,
        embedding_size=int(match["embedding"]),
        activation=Activation(match["activation"]),
        frontend=InGraphFrontend(match["frontend"] or "none"),
        hop_frames=int(match["hop"] or PATCH_HOP_FRAMES),
        qat=bool(match["qat"]),
    )


def refuse_former(name: str) -> None:
    """Raises the error of a name that has the former front-end ``conv``, and names the present one.

    Raises:
        ConfigurationError: it has.
    """
    present = re.sub(r"(?<=[_-])conv(?=_qat$|-\d+$|$)", InGraphFrontend.DFT.value, name)
    if present != name and (_NAME.fullmatch(present) or present.startswith("frontend-")):
        raise ConfigurationError(
            f"{name}: the front-end conv was replaced by dft; did you mean {present!r}?",
            hint="dft computes the same log-mel in a fraction of the time",
        )


def parse_grid(axes: list[str]) -> list[StudentSpec]:
    """Returns every combination of a grid written as ``AXIS=V1,V2`` words; none for no words.

    Of ``_AXES`` the last one changes fastest.

    Raises:
        ConfigurationError: an unknown axis (suggests the near one) or value.
    """
    if not axes:
        return []
    values: dict[str, list[Any]] = {}
    for word in axes:
        axis, _, listed = word.partition("=")
        if axis not in _AXES:
            raise ConfigurationError(
                f"unknown axis {axis!r}{near(axis, list(_AXES))}", hint=f"one of {', '.join(_AXES)}"
            )
        parse = _AXES[axis][1]
        try:
            values[axis] = [parse(value) for value in listed.split(",")]
        except ValueError as error:
            raise ConfigurationError(
                f"axis {axis}: {error}", hint=f"write {axis}=VALUE,VALUE"
            ) from error
    chosen = [axis for axis in _AXES if axis in values]
    return [
        StudentSpec(**{_AXES[axis][0]: value for axis, value in zip(chosen, row, strict=True)})
        for row in itertools.product(*(values[axis] for axis in chosen))
    ]


def _rank(text: str) -> int | None:
    return None if text == "none" else int(text)


def _frontend(text: str) -> InGraphFrontend:
    if text == "conv":
        raise ValueError("conv was replaced by dft")
    return InGraphFrontend(text)


# How a grid is written on a command line: the field of ``StudentSpec`` and how a value is parsed.
_AXES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "size": ("size", Size),
    "width": ("width", float),
    "head": ("head", Head),
    "pooling": ("pooling", Pooling),
    "rank": ("bottleneck_rank", _rank),
    "embedding": ("embedding_size", int),
    "activation": ("activation", Activation),
    "frontend": ("frontend", _frontend),
    "hop": ("hop_frames", int),
}
