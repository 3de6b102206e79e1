"""Log-mel frames of clips on disk, computed once for all artifacts and task sets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from bench.core.progress import OnProgress
from models import frontend
from models.audio.decode import decode
from models.embeddings.kept import Kept
from models.tflite.arrays import Floats

_VERSION = 2  # of the file layout and of the front-end
_A_FILE = 64  # clips


class Frames:
    """Log-mel frames of clips on disk.

    Args:
        kept: has all of them.
    """

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def of(self, sha256: str) -> Floats:
        """Returns a clip's frames as a model takes them, float32 [frames, 64]."""
        return self._kept[sha256].values

    def samples(self, sha256: str) -> int:
        """Returns the length of a clip's audio, in samples at 16 kHz."""
        return self._kept.samples(sha256)

    def count(self, sha256: str) -> int:
        """Returns how many of a clip's frames are not zero padding up to one second."""
        return frontend.unpadded_frames(self.samples(sha256))

    def unpadded(self, sha256: str) -> Floats:
        """Returns a clip's frames without the padding, float32 [frames, 64], at least one."""
        return self.of(sha256)[: self.count(sha256)]


def frames_of(paths: Mapping[str, Path], *, cache: Path, on_progress: OnProgress) -> Frames:
    """Returns the log-mel frames of clips, from the cache or computed into it.

    Args:
        paths: SHA-256 of each clip to a file that holds it.
        on_progress: called with the clips done and all clips.

    Raises:
        ConfigurationError: a file cannot be decoded.
    """
    kept = _kept(cache)
    missing = kept.missing(paths)
    for first in range(0, len(missing), _A_FILE):
        names = missing[first : first + _A_FILE]
        with kept.adding(names) as adding:
            for done, sha256 in enumerate(names, start=len(paths) - len(missing) + first):
                on_progress(done, len(paths))
                audio = decode(paths[sha256])
                adding.add(sha256, frontend.log_mel(audio), samples=len(audio))
    return Frames(kept)


@lru_cache(maxsize=1)
def _kept(cache: Path) -> Kept:
    return Kept(cache / "frames" / f"v{_VERSION}")
