"""What a teacher is: audio in, frames of an embedding out, and an identity for the caches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.core.errors import ConfigurationError, ConversionError
from bench.core.hashing import sha256_value
from models.tflite.arrays import Floats


class Teacher(Protocol):
    """A trained network whose embedding a student is trained to match."""

    @property
    def name(self) -> str:
        """Returns what it is called."""
        ...

    @property
    def size(self) -> int:
        """Returns the width of a frame's output."""
        ...

    @property
    def sha256(self) -> str:
        """Returns the identity of its weights and of how they are called."""
        ...

    @property
    def licence(self) -> str:
        """Returns the licence of its weights."""
        ...

    @property
    def runtime(self) -> str:
        """Returns what computes it, with the version."""
        ...

    @property
    def min_samples(self) -> int:
        """Returns how long audio is at least; shorter audio is zero-padded at its end."""
        ...

    def __call__(self, audio: Floats) -> Floats:
        """Returns float32 [batch, frames, size] of audio float32 [batch, samples] in [-1, 1].

        Audio is 16 kHz mono; there is at least one frame.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A teacher of one network.

    Args:
        frames: the network itself; its audio has ``min_samples`` or more.
    """

    name: str
    size: int
    sha256: str
    licence: str
    runtime: str
    min_samples: int
    frames: Callable[[Floats], Floats]

    def __call__(self, audio: Floats) -> Floats:
        """Returns float32 [batch, frames, size] of audio float32 [batch, samples] in [-1, 1].

        Raises:
            ConfigurationError: the output has another width.
            ConversionError: the output of a clip is not finite, or all zero.
        """
        short = max(0, self.min_samples - audio.shape[1])
        padded = np.pad(audio, ((0, 0), (0, short))).astype(np.float32, copy=False)
        frames = self.frames(padded)
        check_frames(frames, self.name, self.size)
        return frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenated:
    """Several teachers side by side, each with its own scale."""

    parts: tuple[Teacher, ...]

    @property
    def name(self) -> str:
        """Returns the parts' names, joined."""
        return "+".join(part.name for part in self.parts)

    @property
    def size(self) -> int:
        """Returns the sum of the parts' widths."""
        return sum(part.size for part in self.parts)

    @property
    def sha256(self) -> str:
        """Returns an identity made of the parts'."""
        return sha256_value([part.sha256 for part in self.parts])

    @property
    def licence(self) -> str:
        """Returns the parts' licences."""
        return " and ".join(dict.fromkeys(part.licence for part in self.parts))

    @property
    def runtime(self) -> str:
        """Returns what the parts are computed by."""
        return ", ".join(dict.fromkeys(part.runtime for part in self.parts))

    @property
    def min_samples(self) -> int:
        """Returns the smallest minimum of the parts; each part pads its own audio."""
        return min(part.min_samples for part in self.parts)

    def __call__(self, audio: Floats) -> Floats:
        """Returns float32 [batch, frames, size]; parts of several rates are averaged to one frame.

        Args:
            audio: float32 [batch, samples], 16 kHz mono, in [-1, 1].
        """
        frames = [part(audio) for part in self.parts]
        if len({part.shape[1] for part in frames}) > 1:
            frames = [part.mean(axis=1, keepdims=True) for part in frames]
        return np.concatenate(frames, axis=2)


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
