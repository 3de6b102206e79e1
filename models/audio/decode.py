"""The one door to soundfile and soxr: any audio file becomes 16 kHz mono float32."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import BenchError, ConfigurationError
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

SUFFIXES = frozenset({".gsm", ".wav", ".ogg", ".oga", ".opus", ".flac", ".mp3", ".aif", ".aiff"})
# A .gsm file is bare GSM 06.10 frames of 33 bytes and 20 ms each, with no header to read.
_RAW_GSM: dict[str, Any] = {
    "format": "RAW",
    "subtype": "GSM610",
    "samplerate": 8_000,
    "channels": 1,
}


def audio_files(root: Path) -> list[str]:
    """Returns the audio files under ``root`` that are not empty, relative to it, sorted.

    Symbolic links are skipped, to files and to folders: some packages hold a link to their own
    parent.
    """
    files = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if path.suffix.lower() not in SUFFIXES or path.is_symlink():
                continue
            if path.stat().st_size > 0:
                files.append(path.relative_to(root).as_posix())
    return sorted(files)


def decode(path: Path) -> Floats:
    """Returns a file's audio, float32 [samples], 16 kHz mono, in [-1, 1].

    Channels are averaged. Resampling is soxr's HQ band-limited interpolation.

    Raises:
        ConfigurationError: the file is missing, empty or not audio; names it.
    """
    soundfile, _ = _modules()
    try:
        frames, rate_hz = soundfile.read(
            path, dtype="float32", always_2d=True, **_raw_arguments(path)
        )
    except (soundfile.SoundFileError, OSError, RuntimeError, TypeError) as error:
        raise _undecodable(path, error) from error
    # Channels apart, which is ten times as fast as a mean of each frame.
    mono: Floats = np.ascontiguousarray(frames.T).mean(axis=0, dtype=np.float32)
    mono = resample(mono, rate_hz)
    if mono.size == 0 or not np.isfinite(mono).all():
        raise _undecodable(path, "it holds no audio" if mono.size == 0 else "not finite")
    clipped: Floats = np.clip(mono, -1.0, 1.0).astype(np.float32, copy=False)
    return clipped


def resample(audio: Floats, rate_hz: int) -> Floats:
    """Returns mono audio of another rate, float32 [samples], at 16 kHz."""
    if rate_hz == SAMPLE_RATE_HZ:
        return audio
    _, soxr = _modules()
    converted: Floats = soxr.resample(audio, rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    return converted


def through_telephone(audio: Floats) -> Floats:
    """Returns audio as an 8 kHz GSM 06.10 telephone line gives it back.

    Args:
        audio: float32 [samples], 16 kHz mono, in [-1, 1].

    Returns:
        float32 of about as many samples, 16 kHz mono, in [-1, 1].
    """
    soundfile, soxr = _modules()
    line, rate_hz = io.BytesIO(), _RAW_GSM["samplerate"]
    narrow = soxr.resample(audio, SAMPLE_RATE_HZ, rate_hz, quality="HQ")
    soundfile.write(line, narrow, rate_hz, format="RAW", subtype="GSM610")
    line.seek(0)
    coded, _ = soundfile.read(line, dtype="float32", **_RAW_GSM)
    wide = resample(coded, _RAW_GSM["samplerate"])
    clipped: Floats = np.clip(wide, -1.0, 1.0).astype(np.float32, copy=False)
    return clipped


def duration_s(path: Path) -> float:
    """Returns how long a file plays, in seconds, from its header.

    Raises:
        ConfigurationError: the file is missing or not audio; names it.
    """
    soundfile, _ = _modules()
    try:
        with soundfile.SoundFile(path, **_raw_arguments(path)) as stream:
            return float(stream.frames / stream.samplerate)
    except (soundfile.SoundFileError, OSError, RuntimeError, TypeError) as error:
        raise _undecodable(path, error) from error


def _raw_arguments(path: Path) -> dict[str, Any]:
    return _RAW_GSM if path.suffix.lower() == ".gsm" else {}


def _undecodable(path: Path, reason: object) -> BenchError:
    text = " ".join(str(reason).split())
    return ConfigurationError(
        f"{path}: cannot be decoded: {text}", hint="remove the file or convert it to 16-bit WAV"
    )


def _modules() -> tuple[Any, Any]:
    with from_extra("score"):
        import soundfile
        import soxr
    return soundfile, soxr
