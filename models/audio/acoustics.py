"""Conditions that clips are heard in: noise, a telephone, a room, clipping; all of them seeded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.hashing import sha256_value
from bench.core.progress import OnProgress
from models.audio.decode import decode, resample, through_mu_law, to_8_khz, write_flac
from models.tflite.arrays import Floats

VERSION = 1  # of everything here that a perturbed clip depends on
NOISE_DB = 10.0
BAND_HZ = (300.0, 3_400.0)
RT60_S = 0.5
CLIPPED_AT = 0.25
_TELEPHONE_HZ = 8_000
_TAPS = 257  # of the telephone's filter: its edges are 100 Hz wide


class AcousticCondition(StrEnum):
    """What test clips are heard in; heads are fitted to clean clips."""

    CLEAN = "clean"
    NOISE = "noise"
    TELEPHONE = "telephone"
    REVERBERATION = "reverberation"
    CLIPPING = "clipping"

    @property
    def text(self) -> str:
        """The condition with its parameters, which is part of a score's identity."""
        return {
            AcousticCondition.CLEAN: "clean",
            AcousticCondition.NOISE: f"noise (pink, {NOISE_DB:g} dB SNR)",
            AcousticCondition.TELEPHONE: (
                f"telephone ({BAND_HZ[0]:g} to {BAND_HZ[1]:g} Hz, 8 kHz, G.711 mu-law)"
            ),
            AcousticCondition.REVERBERATION: f"reverberation (RT60 {RT60_S:g} s, 0 dB direct)",
            AcousticCondition.CLIPPING: f"clipping (at {100 * CLIPPED_AT:g} % of the peak)",
        }[self]


def perturbed(audio: Floats, condition: AcousticCondition, *, sha256: str) -> Floats:
    """Returns a clip in a condition, float32 [samples], 16 kHz mono, in [-1, 1].

    Noise and rooms are other ones for each clip, and the same for a clip each time. What would be
    beyond full scale is turned down as a whole.

    Args:
        audio: float32 [samples], 16 kHz mono, in [-1, 1].
        sha256: of the clip, which is the seed.
    """
    make: dict[AcousticCondition, Callable[[], NDArray[np.float64]]] = {
        AcousticCondition.CLEAN: lambda: audio.astype(np.float64),
        AcousticCondition.NOISE: lambda: with_noise(audio, _random(sha256, condition)),
        AcousticCondition.TELEPHONE: lambda: _through_telephone(audio),
        AcousticCondition.REVERBERATION: lambda: _in_a_room(audio, _random(sha256, condition)),
        AcousticCondition.CLIPPING: lambda: np.clip(audio, *_limits(audio)).astype(np.float64),
    }
    heard = make[condition]()
    return (heard / max(1.0, float(np.abs(heard).max()))).astype(np.float32)


def perturbed_paths(
    clips: Mapping[str, Path], condition: AcousticCondition, *, cache: Path, on_progress: OnProgress
) -> dict[str, Path]:
    """Returns files of clips in a condition, by an identity of clip and condition, in their order.

    They are FLAC files of 16 bits in the cache, made once.

    Args:
        clips: SHA-256 of each clip to a file that holds it.
        on_progress: called with the clips done and all clips.

    Raises:
        ConfigurationError: a clip cannot be decoded.
    """
    found: dict[str, Path] = {}
    for done, (sha256, path) in enumerate(clips.items()):
        identity = sha256_value([VERSION, sha256, condition.text])
        heard = cache / "perturbed" / identity[:2] / f"{identity}.flac"
        if not heard.is_file():
            on_progress(done, len(clips))
            write_flac(heard, perturbed(decode(path), condition, sha256=sha256))
        found[identity] = heard
    return found


def with_noise(audio: Floats, random: np.random.Generator) -> NDArray[np.float64]:
    """Returns audio with pink noise 10 dB below it, both over the whole clip.

    The noise is Gaussian with a power that falls by 3 dB an octave from 20 Hz on.
    """
    clean = audio.astype(np.float64)
    spectrum = np.fft.rfft(random.normal(size=len(clean)))
    hertz = np.fft.rfftfreq(len(clean), 1 / SAMPLE_RATE_HZ)
    spectrum *= np.where(hertz < 20, 0.0, 1 / np.sqrt(np.maximum(hertz, 20)))
    noise = np.fft.irfft(spectrum, n=len(clean))
    wanted = np.mean(clean**2) / 10 ** (NOISE_DB / 10)
    power = np.mean(noise**2)
    return clean + noise * np.sqrt(wanted / power) if power > 0 else clean


def room(random: np.random.Generator) -> NDArray[np.float64]:
    """Returns an impulse response, float64 [samples] at 16 kHz: a direct path and a tail.

    The tail is Gaussian noise that falls by 60 dB within RT60, with the energy of the direct path
    (Moorer 1979, "About this reverberation business").
    """
    at_s = np.arange(1, round(RT60_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = random.normal(size=len(at_s)) * 10 ** (-3 * at_s / RT60_S)
    return np.concatenate([[1.0], tail / np.sqrt(np.sum(tail**2))])


def _in_a_room(audio: Floats, random: np.random.Generator) -> NDArray[np.float64]:
    """Returns audio in a room, as loud as before and cut to its length."""
    response, clean = room(random), audio.astype(np.float64)
    size = len(clean) + len(response)
    heard = np.fft.irfft(np.fft.rfft(clean, size) * np.fft.rfft(response, size), size)[: len(clean)]
    before, after = np.mean(clean**2), np.mean(heard**2)
    found: NDArray[np.float64] = heard * np.sqrt(before / after) if after > 0 else heard
    return found


def _through_telephone(audio: Floats) -> NDArray[np.float64]:
    """Returns audio after a telephone's band, 8 kHz and mu-law, of as many samples."""
    band = np.convolve(to_8_khz(audio), _band_pass())[_TAPS // 2 : -(_TAPS // 2)]
    line = through_mu_law(np.clip(band, -1, 1).astype(np.float32))
    wide = resample(line, _TELEPHONE_HZ)[: len(audio)]
    return np.pad(wide.astype(np.float64), (0, len(audio) - len(wide)))


def _band_pass() -> NDArray[np.float64]:
    """Returns a filter of 300 to 3400 Hz at 8 kHz: a sinc of each edge, in a Hamming window."""
    at = np.arange(_TAPS) - _TAPS // 2
    edges = [2 * hertz / _TELEPHONE_HZ for hertz in BAND_HZ]
    low, high = (share * np.sinc(share * at) for share in edges)
    taps: NDArray[np.float64] = (high - low) * np.hamming(_TAPS)
    return taps


def _limits(audio: Floats) -> tuple[float, float]:
    limit = CLIPPED_AT * float(np.abs(audio).max())
    return -limit, limit


def _random(sha256: str, condition: AcousticCondition) -> np.random.Generator:
    return np.random.default_rng(int(sha256_value([sha256, condition.value])[:16], 16))
