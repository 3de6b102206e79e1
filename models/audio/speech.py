"""Inputs for a check of outputs: held-out speech as a model takes it, or noise instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ, Role, Tensor
from bench.core.errors import BenchError
from bench.core.hashing import sha256_bytes
from models import frontend, stream
from models.audio.calibration import patches_for
from models.tflite.arrays import Floats
from models.tflite.raw_tensors import elements, sides

# Turns one window of audio, float32 [samples], into the input that a model takes.
Front = Callable[[Floats], Floats]
# The same for a model with several input tensors.
_ToInputs = Callable[[Floats], tuple[Floats, ...]]

_SEED = 20_231
_SYLLABLES_HZ = 4.0
_PEAK = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of several inferences.

    Args:
        values: for each inference, each input tensor's values, float32 in its shape.
        sha256: of their bytes.
        what: in words.
    """

    values: tuple[tuple[Floats, ...], ...]
    sha256: str
    what: str


def inputs_for(
    tensors: tuple[Tensor, ...],
    role: Role,
    *,
    count: int,
    audio_root: Path,
    front: tuple[int, Front] | None = None,
) -> Inputs:
    """Returns the same inputs on every call: held-out speech where a model takes that.

    Args:
        tensors, role: of the model.
        count: how many inferences.
        audio_root: the audio cache; seeded noise of speech's rhythm and slope where it is empty.
        front: where a model on log-mel has a front-end of its own, how many samples that takes,
            and the function that applies it.
    """
    samples, to_inputs = _own_front(tensors, role) if front is None else _single(*front)
    if to_inputs is None:
        rng = np.random.default_rng(_SEED)
        values = tuple(
            tuple(rng.uniform(-0.5, 0.5, sides(each)).astype(np.float32) for each in tensors)
            for _ in range(count)
        )
        what = f"{count} seeded random inputs, because it takes no audio"
    else:
        pieces = -(-samples // frontend.WINDOW_SAMPLES)
        audio, what = _audio(audio_root, count * pieces)
        cut = audio[: len(audio) // pieces * pieces].reshape(-1, pieces * audio.shape[1])
        values = tuple(
            tuple(
                value.astype(np.float32).reshape(sides(tensor))
                for value, tensor in zip(to_inputs(window[:samples]), tensors, strict=True)
            )
            for window in cut
        )
        what = f"{len(values)} {what}"
    content = b"".join(each.tobytes() for one in values for each in one)
    return Inputs(values=values, sha256=sha256_bytes(content), what=what)


def _own_front(tensors: tuple[Tensor, ...], role: Role) -> tuple[int, _ToInputs | None]:
    """Returns how many samples a model needs, and what turns them into its inputs, if it can."""
    hop = stream.hop_of(tuple(sides(each) for each in tensors))
    if role is Role.EMBEDDING_STREAM and hop is not None:
        return frontend.WINDOW_SAMPLES, lambda window: stream.filled(window[np.newaxis], hop)
    size = elements(tensors[0]) if len(tensors) == 1 else 0
    if role in (Role.EMBEDDING_WAVEFORM, Role.FRONTEND):
        return _single(size, lambda window: window)
    if size == frontend.PATCH_FRAMES * frontend.MEL_BINS:
        return _single(frontend.WINDOW_SAMPLES, frontend.patch)
    return 0, None


def _single(samples: int, front: Front) -> tuple[int, _ToInputs]:
    return samples, lambda window: (front(window),)


@lru_cache(maxsize=4)
def _audio(root: Path, count: int) -> tuple[Floats, str]:
    """Returns windows of audio, float32 [count, 15600], 16 kHz mono, in [-1, 1], and what it is."""
    try:
        windows, _ = patches_for("heldout", count=count, waveform=True, audio_root=root)
    except BenchError as error:
        return _noise(count), f"patches of seeded noise instead of speech ({error.message})"
    return windows, "held-out patches of speech"


def _noise(count: int) -> Floats:
    """Returns noise that falls off as speech does and swells with its syllables."""
    rng = np.random.default_rng(_SEED)
    samples = frontend.WINDOW_SAMPLES
    spectrum = np.fft.rfft(rng.normal(size=(count, samples)))
    coloured = np.fft.irfft(spectrum / np.sqrt(1 + np.arange(spectrum.shape[1])), samples)
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    phase = rng.uniform(0, 2 * math.pi, (count, 1))
    swell = 0.55 + 0.45 * np.sin(2 * math.pi * _SYLLABLES_HZ * time_s + phase)
    loudness = rng.uniform(0.1, 1.0, (count, 1))
    speech = coloured * swell
    scaled = _PEAK * loudness * speech / np.abs(speech).max(axis=1, keepdims=True)
    return np.asarray(scaled, dtype=np.float32)
