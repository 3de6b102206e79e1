"""The one door to soundfile and soxr: any audio file becomes 16 kHz mono float32."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import BenchError, ConfigurationError
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

SUFFIXES = frozenset({".gsm", ".wav", ".ogg", ".oga", ".opus", ".flac", ".mp3", ".aif", ".aiff"})
_TELEPHONE_HZ = 8_000
# A .gsm file is bare GSM 06.10 frames of 33 bytes and 20 ms each, with no header to read.
_RAW_GSM: dict[str, Any] = {
    "format": "RAW",
    "subtype": "GSM610",
    "samplerate": _TELEPHONE_HZ,
    "channels": 1,
}
# Bare GSM cannot be sought, and libsndfile 1.2 misses the place in the last page of an Ogg file.
_EXACT_SEEK = frozenset({"WAV", "FLAC", "AIFF"})
# What is decoded around a part of a file, because resampling and codecs reach that far.
_MARGIN_S = 0.2


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
    with _opened(path) as stream:
        frames = stream.read(stream.frames, dtype="float32", always_2d=True)
        return to_16_khz(str(path), frames, stream.samplerate)


def decode_part(path: Path, *, first: int, samples: int) -> Floats:
    """Returns a part of what ``decode`` returns, without decoding what follows it in a long file.

    The part is the same to the bit at 16 kHz; from other rates the resampler differs a little.

    Args:
        first: the sample at 16 kHz where the part starts.
        samples: its length; fewer are returned where the file ends sooner.

    Raises:
        ConfigurationError: as ``decode``.
    """
    margin = round(_MARGIN_S * SAMPLE_RATE_HZ)
    with _opened(path) as stream:
        rate = stream.samplerate / SAMPLE_RATE_HZ
        start = max(0, first - margin)
        skipped = min(stream.frames, round(start * rate))
        if stream.format in _EXACT_SEEK:
            stream.seek(skipped)
        else:
            stream.read(skipped, dtype="float32")
        wanted = round((first - start + samples + margin) * rate)
        frames = stream.read(wanted, dtype="float32", always_2d=True)
        return to_16_khz(str(path), frames, stream.samplerate)[first - start :][:samples]


def decode_blocks(path: Path, *, block_s: float = 10.0) -> Iterator[Floats]:
    """Yields a file's audio in blocks, float32 [samples], as ``decode`` returns it whole.

    Memory is bounded however long the file is. At 16 kHz the blocks are the same to the bit as the
    whole; from other rates the resampler is soxr's stream, which agrees to rounding.

    Raises:
        ConfigurationError: as ``decode``.
    """
    with _opened(path) as stream:
        rate, heard = stream.samplerate, 0
        resampler = None
        if rate != SAMPLE_RATE_HZ:
            resampler = _modules()[1].ResampleStream(
                rate, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ"
            )
        size = max(1, round(block_s * rate))
        while True:
            frames = stream.read(size, dtype="float32", always_2d=True)
            mono: Floats = np.ascontiguousarray(frames.T).mean(axis=0, dtype=np.float32)
            if resampler is not None:
                mono = resampler.resample_chunk(mono, last=len(frames) < size)
            if not np.isfinite(mono).all():
                raise _undecodable(str(path), "not finite")
            heard += len(mono)
            if len(mono):
                yield np.clip(mono, -1.0, 1.0)
            if len(frames) < size:
                break
        if not heard:
            raise _undecodable(str(path), "it holds no audio")


def to_16_khz(source: str, frames: NDArray[np.float32], rate_hz: int) -> Floats:
    """Returns audio as the models take it, float32 [samples], 16 kHz mono, in [-1, 1].

    Args:
        source: what it is, in words.
        frames: float32 [samples, channels]; channels are averaged.

    Raises:
        ConfigurationError: it is empty or not finite.
    """
    # Channels apart, which is ten times as fast as a mean of each frame.
    mono: Floats = np.ascontiguousarray(frames.T).mean(axis=0, dtype=np.float32)
    mono = resample(mono, rate_hz)
    if mono.size == 0 or not np.isfinite(mono).all():
        raise _undecodable(source, "it holds no audio" if mono.size == 0 else "not finite")
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


def through_mu_law(audio: Floats) -> Floats:
    """Returns audio as 8 bits of mu-law (ITU-T G.711) give it back.

    Args:
        audio: float32 [samples], 8 kHz mono, in [-1, 1].

    Returns:
        float32 [samples], 8 kHz mono, in [-1, 1].
    """
    soundfile, _ = _modules()
    line = io.BytesIO()
    form = {"format": "RAW", "subtype": "ULAW"}
    soundfile.write(line, audio, _TELEPHONE_HZ, **form)
    line.seek(0)
    coded, _ = soundfile.read(line, dtype="float32", samplerate=_TELEPHONE_HZ, channels=1, **form)
    found: Floats = coded
    return found


def to_8_khz(audio: Floats) -> Floats:
    """Returns 16 kHz audio, float32 [samples], at 8 kHz."""
    _, soxr = _modules()
    narrow: Floats = soxr.resample(audio, SAMPLE_RATE_HZ, _TELEPHONE_HZ, quality="HQ")
    return narrow


def write_flac(path: Path, audio: Floats) -> None:
    """Writes audio, float32 [samples], 16 kHz mono, in [-1, 1], as FLAC of 16 bits."""
    soundfile, _ = _modules()
    with atomic.replacing(path) as partial:
        soundfile.write(partial, audio, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")


def rate_hz(path: Path) -> int:
    """Returns the rate that a file was recorded at, in Hz, from its header.

    Raises:
        ConfigurationError: the file is missing or not audio; names it.
    """
    with _opened(path) as stream:
        return int(stream.samplerate)


def is_cut(path: Path) -> bool:
    """Returns whether a WAV or AIFF file is shorter than what its header states.

    Other formats that are cut fail to decode, or cannot be distinguished from whole ones.
    """
    with path.open("rb") as stream:
        head = stream.read(8)
    if head[:4] not in (b"RIFF", b"FORM") or len(head) < 8:
        return False
    size = int.from_bytes(head[4:], "little" if head[:4] == b"RIFF" else "big")
    # Programs that write to a pipe leave the size open.
    return size not in (0, 0xFFFFFFFF) and path.stat().st_size < size + 8


def duration_s(path: Path) -> float:
    """Returns how long a file plays, in seconds, from its header.

    Raises:
        ConfigurationError: the file is missing or not audio; names it.
    """
    with _opened(path) as stream:
        return float(stream.frames / stream.samplerate)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yields a file of soundfile's, whose errors are the user's."""
    soundfile, _ = _modules()
    raw = _RAW_GSM if path.suffix.lower() == ".gsm" else {}
    try:
        with soundfile.SoundFile(path, **raw) as stream:
            yield stream
    except (soundfile.SoundFileError, OSError, RuntimeError, TypeError) as error:
        raise _undecodable(str(path), error) from error


def _undecodable(source: str, reason: object) -> BenchError:
    text = " ".join(str(reason).split())
    return ConfigurationError(
        f"{source}: cannot be decoded: {text}", hint="remove the file or convert it to 16-bit WAV"
    )


def _modules() -> tuple[Any, Any]:
    with from_extra("score"):
        import soundfile
        import soxr
    return soundfile, soxr
