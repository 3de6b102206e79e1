"""The files of a delegate's cache on a device, and what a process did with them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

WEIGHTS = "weights.xnnpack_cache"  # XNNPACK's packed weights; all other files are the GPU's


class CacheUse(StrEnum):
    """What a process did with a delegate's cache."""

    READ = "read"  # its log shows it
    WRITTEN = "written"  # its log shows it, or the files are new or changed
    IGNORED = "ignored"  # its log shows it, or there are no files
    UNCLEAR = "unclear"  # the files are there, unchanged, and its log has no word of it


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFile:
    """A file of a cache.

    Args:
        mark: its number and its time on the device; another one where it was written again.
    """

    name: str
    size_bytes: int
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFiles:
    """The files of a cache before and after a process; ``None`` where they cannot be listed."""

    before: tuple[CacheFile, ...] | None
    after: tuple[CacheFile, ...] | None

    @property
    def size_bytes(self) -> int | None:
        """The size that they had before the process."""
        return None if self.before is None else sum(each.size_bytes for each in self.before)

    def use(self, logged: CacheUse | None, *, weights: bool) -> CacheUse:
        """Returns what the process did with the cache.

        Args:
            logged: what its log shows; ``None`` if nothing.
            weights: of XNNPACK's weights, else of all other files.
        """
        before, after = (_part(files, weights=weights) for files in (self.before, self.after))
        if after is not None and before is not None and after - before:
            return CacheUse.WRITTEN
        if logged is not None:
            return logged
        return CacheUse.IGNORED if after is not None and not after else CacheUse.UNCLEAR


def _part(files: tuple[CacheFile, ...] | None, *, weights: bool) -> set[CacheFile] | None:
    return None if files is None else {each for each in files if (each.name == WEIGHTS) is weights}
