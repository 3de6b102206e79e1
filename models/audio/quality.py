"""What is odd about audio that people bring: silence, scraps, clipping, low rates, cut files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from bench.core.progress import OnProgress, ignore
from models import frontend
from models.audio.decode import decode, is_cut, rate_hz

_SILENT = 1e-4  # -80 dB of full scale
_CLIPPED, _CLIPPED_RATIO = 0.999, 0.01
_LOW_RATE_HZ = 8_000
_FRAME_MS = round(1000 * frontend.FRAME_SAMPLES / SAMPLE_RATE_HZ)
_MOST_NAMED = 10


def oddities(paths: Mapping[str, Path], *, on_progress: OnProgress = ignore) -> Counter[str]:
    """Returns how many clips are odd in each way, in words, decoding each of them.

    A clip counts once for each way.

    Args:
        paths: of the clips, by whatever key.
        on_progress: called with the clips checked and all clips.

    Raises:
        ConfigurationError: files cannot be decoded; names them.
    """
    found: Counter[str] = Counter()
    unreadable: list[str] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done, (path, result) in enumerate(
            zip(paths.values(), pool.map(_ways_of, paths.values()), strict=True)
        ):
            on_progress(done + 1, len(paths))
            if isinstance(result, ConfigurationError):
                unreadable.append(f"{path}: {result.message.rpartition(': ')[2]}")
            else:
                found.update(result)
    if unreadable:
        raise ConfigurationError(
            f"{len(unreadable)} of {len(paths)} clips cannot be decoded: {listed(unreadable)}",
            hint="remove these files or convert them to 16-bit WAV",
        )
    return found


def listed(items: list[str]) -> str:
    """Returns the first of a list in words, and how many more there are."""
    more = len(items) - _MOST_NAMED
    return "; ".join(items[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def counts(found: Mapping[str, int]) -> str:
    """Returns counts in words, the most frequent first."""
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {what}" for what, number in ordered)


def _ways_of(path: Path) -> list[str] | ConfigurationError:
    try:
        audio, rate = decode(path), rate_hz(path)
    except ConfigurationError as error:
        return error
    magnitude = np.abs(audio)
    checks = {
        "silent": magnitude.max() < _SILENT,
        f"shorter than a frame of {_FRAME_MS} ms": len(audio) < frontend.FRAME_SAMPLES,
        "clipped": (magnitude >= _CLIPPED).mean() > _CLIPPED_RATIO,
        f"recorded at less than {_LOW_RATE_HZ // 1000} kHz": rate < _LOW_RATE_HZ,
        "cut off before their end": is_cut(path),
    }
    return [what for what, is_so in checks.items() if is_so]
