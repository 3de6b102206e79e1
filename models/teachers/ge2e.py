"""The GE2E speaker encoder (Wan et al. 2018, as Resemblyzer trained it) in NumPy, batched.

Source: Resemblyzer 0.1.4: a power mel spectrogram without a logarithm, librosa's defaults
(centred, periodic Hann 400, hop 160, 40 Slaney mels), three LSTMs, a dense layer, ReLU, L2 norm;
windows of 160 frames every 77 (1.3 per second), a last one that is filled by less than 75 % left
out, unless it is the only one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ
from models.frontend import FRAME_HOP_SAMPLES, FRAME_SAMPLES, hann
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

SIZE = 256
WINDOW_FRAMES = 160
HOP_FRAMES = 77
WINDOW_SAMPLES = WINDOW_FRAMES * FRAME_HOP_SAMPLES  # 1.6 s
MEL_BINS = 40
_COVERED = 0.75
_LAYERS = 3
_BATCH = 128  # windows at once: the recurrence is one matrix product per step
_TINY = np.float32(1e-12)
# Slaney's scale: linear up to 1 kHz, then 27 mels for a factor of 6.4.
_LINEAR_HZ = 200 / 3
_BREAK_HZ = 1_000.0
_LOG_STEP = math.log(6.4) / 27


@lru_cache(maxsize=1)
def mel_weights() -> Floats:
    """Returns the linear-to-mel matrix, float32 [201, 40], of triangles of one unit of area."""
    top = _BREAK_HZ / _LINEAR_HZ + math.log(SAMPLE_RATE_HZ / 2 / _BREAK_HZ) / _LOG_STEP
    mels = np.linspace(0.0, top, MEL_BINS + 2)
    knee = _BREAK_HZ / _LINEAR_HZ
    edges_hz = np.where(
        mels < knee,
        mels * _LINEAR_HZ,
        _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mels, knee) - knee)),
    )
    bins_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, FRAME_SAMPLES // 2 + 1)[:, np.newaxis]
    lower, centre, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - lower) / (centre - lower)
    falling = (upper - bins_hz) / (upper - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    weights: Floats = (triangles * 2.0 / (upper - lower)).astype(np.float32)
    return weights


def mel(audio: Floats) -> Floats:
    """Returns mel powers, float32 [batch, samples // 160 + 1, 40], of audio [batch, samples]."""
    half = FRAME_SAMPLES // 2
    padded = np.pad(audio, ((0, 0), (half, half)))
    cut = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES, axis=1)
    spectrum = np.fft.rfft(cut[:, ::FRAME_HOP_SAMPLES] * hann().astype(np.float32))
    power: Floats = (np.abs(spectrum) ** 2).astype(np.float32)
    return power @ mel_weights()


def starts(samples: int) -> range:
    """Returns the first mel frame of each window of audio of that many samples."""
    frames = math.ceil((samples + 1) / FRAME_HOP_SAMPLES)
    firsts = range(0, max(1, frames - WINDOW_FRAMES + HOP_FRAMES + 1), HOP_FRAMES)
    covered = (samples - firsts[-1] * FRAME_HOP_SAMPLES) / WINDOW_SAMPLES
    return firsts[:-1] if covered < _COVERED and len(firsts) > 1 else firsts


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One LSTM.

    Args:
        across: float32 [inputs, 1024], of the inputs; gates i, f, g, o side by side.
        back: float32 [256, 1024], of the layer's own last output.
        bias: float32 [1024].
    """

    across: Floats
    back: Floats
    bias: Floats

    def __call__(self, inputs: Floats) -> Floats:
        """Returns the layer's outputs, float32 [steps, batch, 256], of [steps, batch, inputs]."""
        gated = inputs @ self.across + self.bias
        outputs = np.empty((*inputs.shape[:2], SIZE), dtype=np.float32)
        output = cell = np.zeros(outputs.shape[1:], dtype=np.float32)
        for step, entering in enumerate(gated):
            gates = entering + output @ self.back
            entry, forget, leave = (_sigmoid(gates[:, n * SIZE :][:, :SIZE]) for n in (0, 1, 3))
            cell = forget * cell + entry * np.tanh(gates[:, 2 * SIZE : 3 * SIZE])
            outputs[step] = output = leave * np.tanh(cell)
        return outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """The network.

    Args:
        layers: three LSTMs.
        weights: float32 [256, 256] of the dense layer.
        bias: float32 [256].
    """

    layers: tuple[Layer, ...]
    weights: Floats
    bias: Floats

    def embed(self, mels: Floats) -> Floats:
        """Returns vectors of length one, float32 [windows, 256], of [windows, frames, 40]."""
        hidden = mels.transpose(1, 0, 2)
        for layer in self.layers:
            hidden = layer(hidden)
        raw = np.maximum(hidden[-1] @ self.weights + self.bias, np.float32(0))
        unit: Floats = raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), _TINY)
        return unit

    def __call__(self, audio: Floats) -> Floats:
        """Returns float32 [batch, windows, 256] of audio float32 [batch, samples >= 25600]."""
        begins = starts(audio.shape[1])
        short = max(0, begins[-1] * FRAME_HOP_SAMPLES + WINDOW_SAMPLES - audio.shape[1])
        # Two threads of a small product wait for each other longer than one takes.
        with _one_thread():
            frames = mel(np.pad(audio, ((0, 0), (0, short))))
            windows = np.stack([frames[:, n : n + WINDOW_FRAMES] for n in begins], axis=1)
            flat = windows.reshape(-1, WINDOW_FRAMES, MEL_BINS)
            parts = [self.embed(flat[n : n + _BATCH]) for n in range(0, len(flat), _BATCH)]
        return np.concatenate(parts).reshape(len(audio), len(begins), SIZE)


def encoder(tensors: Mapping[str, Floats]) -> Encoder:
    """Returns the network that has PyTorch's tensors ``lstm.*`` and ``linear.*``."""

    def transposed(name: str) -> Floats:
        return np.ascontiguousarray(tensors[name].T)

    layers = (
        Layer(
            across=transposed(f"lstm.weight_ih_l{n}"),
            back=transposed(f"lstm.weight_hh_l{n}"),
            bias=tensors[f"lstm.bias_ih_l{n}"] + tensors[f"lstm.bias_hh_l{n}"],
        )
        for n in range(_LAYERS)
    )
    return Encoder(
        layers=tuple(layers), weights=transposed("linear.weight"), bias=tensors["linear.bias"]
    )


def _one_thread() -> AbstractContextManager[object]:
    with from_extra("teachers"):
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has no types
    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def _sigmoid(values: Floats) -> Floats:
    half = np.float32(0.5)
    shares: Floats = half * np.tanh(half * values) + half
    return shares
