"""FRILL's log-mel front-end in NumPy: the reference for every other implementation.

Source: google-research ``non_semantic_speech_benchmark/export_model/tf_frontend.py``: 16 kHz mono,
25/10 ms periodic Hann, FFT 512, magnitude, 64 HTK mel bins over 125-7500 Hz,
log(max(x, 1e-12) + 0.001), patches of 96 frames every 17 frames.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import SAMPLE_RATE_HZ
from models.tflite.arrays import Floats

FRAME_SAMPLES = 400
FRAME_HOP_SAMPLES = 160
FFT_SAMPLES = 512
MEL_BINS = 64
MEL_LOW_HZ = 125.0
MEL_HIGH_HZ = 7_500.0
LOG_FLOOR = 1e-12
LOG_OFFSET = 0.001
PATCH_FRAMES = 96
PATCH_HOP_FRAMES = 17
PATCH_HOP_SAMPLES = PATCH_HOP_FRAMES * FRAME_HOP_SAMPLES
_ROWS_PER_PRODUCT = 8
_AT_ONCE = 512 * _ROWS_PER_PRODUCT  # frames: 41 s; the products are those of all at once
MIN_SAMPLES = SAMPLE_RATE_HZ  # shorter audio is zero-padded at its end to one second


def samples_of(frames: int) -> int:
    """Returns how many samples of audio ``frames`` frames in a row cover."""
    return (frames - 1) * FRAME_HOP_SAMPLES + FRAME_SAMPLES


def unpadded_frames(samples: int) -> int:
    """Returns how many whole frames audio has without padding, at least one."""
    return max(1, (samples - FRAME_SAMPLES) // FRAME_HOP_SAMPLES + 1)


WINDOW_SAMPLES = samples_of(PATCH_FRAMES)  # 15,600


def new_frames(hop_samples: int) -> int:
    """Returns how many of a patch's frames a hop of audio makes anew, 1 to 96."""
    return min(PATCH_FRAMES, max(1, round(hop_samples / FRAME_HOP_SAMPLES)))


@lru_cache(maxsize=1)
def hann() -> NDArray[np.float64]:
    """Returns the periodic Hann window, float64 [400]."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES)


@lru_cache(maxsize=1)
def mel_weights() -> NDArray[np.float64]:
    """Returns the linear-to-mel matrix, float64 [257, 64]: TensorFlow's, HTK mels, DC bin zero."""
    bins_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, FFT_SAMPLES // 2 + 1)
    mel = _mel(bins_hz)[1:, np.newaxis]
    edges = np.linspace(_mel(MEL_LOW_HZ), _mel(MEL_HIGH_HZ), MEL_BINS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (mel - lower) / (centre - lower)
    falling = (upper - mel) / (upper - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return np.vstack([np.zeros((1, MEL_BINS)), weights])


@lru_cache(maxsize=1)
def used_bins() -> tuple[int, int]:
    """Returns the half-open range of FFT bins that any mel bin weighs; others need no computing."""
    used = np.flatnonzero(mel_weights().any(axis=1))
    return int(used[0]), int(used[-1]) + 1


def log_mel(waveform: Floats) -> Floats:
    """Returns the log-mel frames of a waveform.

    Args:
        waveform: float32 [samples], 16 kHz mono, in [-1, 1]; padded to one second if shorter.

    Returns:
        float32 [frames, 64], natural log of mel magnitudes.
    """
    padded = np.pad(waveform, (0, max(0, MIN_SAMPLES - waveform.shape[0])))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES)[::FRAME_HOP_SAMPLES]
    # Hours of audio in parts: their spectra are thirty times as large as their log-mel.
    parts = [_of_frames(frames[at : at + _AT_ONCE]) for at in range(0, len(frames), _AT_ONCE)]
    return np.concatenate(parts)


def _of_frames(frames: Floats) -> Floats:
    magnitude = np.abs(np.fft.rfft(frames * hann(), FFT_SAMPLES))
    # OpenBLAS shares a larger product among threads, which takes 20 times as long on busy cores.
    mel = np.concatenate(
        [
            magnitude[row : row + _ROWS_PER_PRODUCT] @ mel_weights()
            for row in range(0, len(magnitude), _ROWS_PER_PRODUCT)
        ]
    )
    frames_of_mel: Floats = np.log(np.maximum(mel, LOG_FLOOR) + LOG_OFFSET).astype(np.float32)
    return frames_of_mel


def patches(waveform: Floats) -> Floats:
    """Returns the patches of a waveform, float32 [patches, 96, 64]; two seconds make seven.

    Args:
        waveform: float32 [samples], 16 kHz mono, in [-1, 1].
    """
    frames = log_mel(waveform)
    windows = np.lib.stride_tricks.sliding_window_view(frames, PATCH_FRAMES, axis=0)
    return np.ascontiguousarray(windows[::PATCH_HOP_FRAMES].transpose(0, 2, 1))


def patch(window: Floats) -> Floats:
    """Returns the one patch, float32 [96, 64], of audio float32 [15600] in [-1, 1]."""
    return log_mel(window)[:PATCH_FRAMES]


def windows(waveform: Floats, *, window_samples: int, hop_samples: int) -> Floats:
    """Returns the windows of a waveform for a model that takes audio, float32 [windows, samples].

    Audio shorter than a window (or one second) is zero-padded at its end; a rest shorter than a
    window at the end of longer audio is left out, as the patches do.
    """
    short = max(0, max(window_samples, MIN_SAMPLES) - waveform.shape[0])
    padded = np.pad(waveform, (0, short))
    cut = np.lib.stride_tricks.sliding_window_view(padded, window_samples)[::hop_samples]
    return np.ascontiguousarray(cut, dtype=np.float32)


def _mel(frequency_hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(frequency_hz, dtype=np.float64) / 700.0)
