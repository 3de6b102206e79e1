"""What a teacher is: audio in, frames of an embedding out, and an identity for the caches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.errors import ConfigurationError, ConversionError
from bench.core.hashing import sha256_value
from models.tflite.arrays import Floats

USUAL = "embedding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """A trained network whose embedding a student is trained to match.

    Args:
        size: the width of a frame's output.
        sha256: the identity of its weights and of how they are called.
        licence: of its weights.
        runtime: what computes it, with the version.
        min_samples: how long audio is at least; shorter audio is zero-padded at its end.
        frames: the network itself; its audio has ``min_samples`` or more.
        parts: the teachers that stand side by side in it; empty for a single network.
    """

    name: str
    size: int
    sha256: str
    licence: str
    runtime: str
    min_samples: int
    frames: Callable[[Floats], Floats]
    parts: tuple[Teacher, ...] = ()

    def __call__(self, audio: Floats) -> Floats:
        """Returns float32 [batch, frames, size] of audio float32 [batch, samples] in [-1, 1].

        Audio is 16 kHz mono; there is at least one frame.

        Raises:
            ConfigurationError: the output has another width.
            ConversionError: the output of a clip is not finite, or all zero.
        """
        short = max(0, self.min_samples - audio.shape[1])
        padded = np.pad(audio, ((0, 0), (0, short))).astype(np.float32, copy=False)
        frames = self.frames(padded)
        check_frames(frames, self.name, self.size)
        return frames


def concatenated(parts: Sequence[Teacher]) -> Teacher:
    """Returns several teachers side by side, each with its own scale; each pads its own audio.

    Parts of several rates are averaged to one frame.
    """

    def side_by_side(audio: Floats) -> Floats:
        frames = [part(audio) for part in parts]
        if len({part.shape[1] for part in frames}) > 1:
            frames = [part.mean(axis=1, keepdims=True) for part in frames]
        return np.concatenate(frames, axis=2)

    return Teacher(
        name="+".join(part.name for part in parts),
        size=sum(part.size for part in parts),
        sha256=sha256_value([part.sha256 for part in parts]),
        licence=" and ".join(dict.fromkeys(part.licence for part in parts)),
        runtime=", ".join(dict.fromkeys(part.runtime for part in parts)),
        min_samples=min(part.min_samples for part in parts),
        frames=side_by_side,
        parts=tuple(parts),
    )


def choose(outputs: Mapping[str, Floats], output: str | None) -> Floats:
    """Returns the output that is named, else ``embedding``, else the only one.

    Raises:
        ConfigurationError: there is no such output, or several and none is named.
    """
    wanted = output or (USUAL if USUAL in outputs else None)
    if wanted is None and len(outputs) == 1:
        (wanted,) = outputs
    if wanted is None or wanted not in outputs:
        problem = f"none is named {wanted}" if wanted else "none is the usual one"
        raise ConfigurationError(
            f"of the outputs {', '.join(sorted(outputs))} {problem}",
            hint="name one of them as the output",
        )
    return outputs[wanted]


def check_frames(frames: Floats, name: str, size: int) -> None:
    """Checks that an output is an embedding.

    Raises:
        ConfigurationError: it is not [batch, frames, ``size`` ].
        ConversionError: the output of a clip is not finite, or all zero.
    """
    if frames.ndim != 3 or frames.shape[1] < 1 or frames.shape[2] != size:
        raise ConfigurationError(
            f"{name}: gives {list(frames.shape)}, not [batch, frames, {size}]",
            hint="name another output, or give the model that this handle stands for",
        )
    bad = ~np.isfinite(frames).all(axis=(1, 2))
    if bad.any() or not frames.any(axis=(1, 2)).all():
        kind = "not finite" if bad.any() else "all zero"
        row = int(np.argmax(bad if bad.any() else ~frames.any(axis=(1, 2))))
        raise ConversionError(
            f"{name}: the output of clip {row} of {len(frames)} is {kind}",
            hint="give audio in [-1, 1]; a model that gives this for speech cannot be a teacher",
        )
