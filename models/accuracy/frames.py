"""Log-mel frames of a task set's clips on disk, computed once for all artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.hashing import sha256_value
from bench.core.progress import OnProgress
from models import frontend
from models.audio.decode import decode
from models.tflite.arrays import Floats

_VERSION = 1  # of the file layout and of the front-end


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Log-mel frames of clips, memory-mapped.

    Args:
        values: float32 [frames, 64], all clips, one after the other.
        bounds: int64 [clips + 1], where each clip starts.
        real: int64 [clips], frames that are not zero padding up to one second.
        rows: SHA-256 of a clip to its row.
    """

    values: Floats
    bounds: NDArray[np.int64]
    real: NDArray[np.int64]
    rows: Mapping[str, int]

    def of(self, sha256: str) -> Floats:
        """Returns a clip's frames as a model takes them, float32 [frames, 64]."""
        row = self.rows[sha256]
        return self.values[self.bounds[row] : self.bounds[row + 1]]

    def unpadded(self, sha256: str) -> Floats:
        """Returns a clip's frames without the padding, float32 [frames, 64], at least one."""
        return self.of(sha256)[: self.real[self.rows[sha256]]]


def frames_of(paths: Mapping[str, Path], *, cache: Path, on_progress: OnProgress) -> Frames:
    """Returns the log-mel frames of clips, from the cache or computed into it.

    Args:
        paths: SHA-256 of each clip to a file that holds it.
        on_progress: called with the clips done and all clips.

    Raises:
        ConfigurationError: a file cannot be decoded.
    """
    names = list(paths)
    stem = sha256_value([_VERSION, names])
    values_file, index_file = cache / "frames" / f"{stem}.f32", cache / "frames" / f"{stem}.npz"
    if not (values_file.is_file() and index_file.is_file()):
        _write(values_file, index_file, paths, on_progress)
    with np.load(index_file) as index:
        bounds, real = index["bounds"], index["real"]
    return Frames(
        values=np.memmap(
            values_file, dtype=np.float32, mode="r", shape=(int(bounds[-1]), frontend.MEL_BINS)
        ),
        bounds=bounds,
        real=real,
        rows=MappingProxyType({name: row for row, name in enumerate(names)}),
    )


def _write(
    values_file: Path, index_file: Path, paths: Mapping[str, Path], on_progress: OnProgress
) -> None:
    bounds, real = [0], []
    with atomic.replacing(values_file) as partial, partial.open("wb") as stream:
        for done, path in enumerate(paths.values()):
            on_progress(done, len(paths))
            audio = decode(path)
            frames = frontend.log_mel(audio)
            stream.write(frames.tobytes())
            bounds.append(bounds[-1] + len(frames))
            real.append(frontend.unpadded_frames(len(audio)))
    with atomic.replacing(index_file) as partial:
        np.savez(
            partial, bounds=np.array(bounds, dtype=np.int64), real=np.array(real, dtype=np.int64)
        )
