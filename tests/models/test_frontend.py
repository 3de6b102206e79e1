import numpy as np
import pytest
from numpy.typing import NDArray

from models import frontend

Floats = NDArray[np.float32]


def speechlike(seconds: float, seed: int = 1) -> Floats:
    """A gliding harmonic tone with pauses, float32 in [-1, 1]."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    pitch = 120 + 40 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    tone = sum(np.sin(k * phase) / k for k in range(1, 30))
    noise = np.random.default_rng(seed).normal(0, 0.01, time.shape)
    return (0.2 * tone * (np.sin(2 * np.pi * 2 * time) > -0.3) + noise).astype(np.float32)


def test_the_window_is_periodic_hann() -> None:
    window = frontend.hann()
    assert window.shape == (400,)
    assert window[0] == 0
    assert window[200] == pytest.approx(1)
    assert window[1] == pytest.approx(window[399])  # a symmetric one would pair 0 and 399


def test_mel_filters_are_triangles_between_125_and_7500_hz() -> None:
    weights = frontend.mel_weights()
    assert weights.shape == (257, 64)
    assert weights.min() >= 0
    assert weights.max() <= 1
    used = np.flatnonzero(weights.any(axis=1)) * 16_000 / 512
    assert 125 <= used[0] < 160
    assert 7_460 < used[-1] <= 7_500
    assert frontend.used_bins() == (5, 240)


def test_a_tone_peaks_in_the_mel_bin_that_holds_it() -> None:
    tone = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000).astype(np.float32)
    mel = frontend.log_mel(tone).mean(axis=0)
    edges = np.linspace(1127 * np.log1p(125 / 700), 1127 * np.log1p(7500 / 700), 66)
    centres_hz = 700 * np.expm1(edges[1:-1] / 1127)
    assert abs(centres_hz[int(mel.argmax())] - 1_000) < 60


def test_silence_is_the_logarithm_of_the_offset() -> None:
    mel = frontend.log_mel(np.zeros(16_000, np.float32))
    assert mel == pytest.approx(np.log(0.001), abs=1e-5)


@pytest.mark.parametrize(("seconds", "count"), [(0.2, 1), (1.0, 1), (2.0, 7), (10.0, 54)])
def test_two_seconds_make_seven_patches(seconds: float, count: int) -> None:
    patches = frontend.patches(speechlike(seconds))
    assert patches.shape == (count, 96, 64)
    assert patches.dtype == np.float32


def test_patches_are_the_frames_every_170_milliseconds() -> None:
    audio = speechlike(2.0)
    frames, patches = frontend.log_mel(audio), frontend.patches(audio)
    assert np.array_equal(patches[3], frames[51:147])


def test_windows_of_audio_give_the_same_patches() -> None:
    audio = speechlike(1.5)
    cut = frontend.windows(audio, window_samples=15_600, hop_samples=frontend.PATCH_HOP_SAMPLES)
    again = np.stack([frontend.log_mel(window)[:96] for window in cut])
    patches = frontend.patches(audio)
    assert again.shape[0] - patches.shape[0] in (0, 1)  # 15,600 samples are one frame more
    assert np.allclose(again[: len(patches)], patches, atol=1e-6)


@pytest.mark.zoo
def test_the_reference_has_tensorflows_mel_matrix() -> None:
    import tensorflow as tf

    theirs = tf.signal.linear_to_mel_weight_matrix(64, 257, 16_000, 125.0, 7_500.0, tf.float64)
    assert np.abs(theirs.numpy() - frontend.mel_weights()).max() < 1e-12
