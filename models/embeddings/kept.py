"""Rows of numbers on disk by name: log-mel frames of clips, embeddings of clips.

A folder holds files that are whole or absent, and are only ever added, so that several programs may
share it. What is computed twice is the same, so it does not matter whose is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bench.core import atomic
from bench.core.hashing import sha256_value
from models.tflite.arrays import Floats

_SUFFIX = ".rows"
_SIZE_BYTES = 8  # of the number in which a file ends: the size of the index before it
_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRows:
    """The rows of one name.

    Args:
        values: float32 [rows, width].
        samples: of the clip's audio, at 16 kHz.
    """

    values: Floats
    samples: int


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    first: int
    rows: int
    width: int
    samples: int


class Kept:
    """What is kept in one folder.

    Args:
        folder: need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: set[str] = set()
        self._entries: dict[str, _Entry] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> KeptRows:
        """Returns the rows of a name that is kept."""
        entry = self._entries[name]
        # Not mapped: Python keeps a descriptor for each mapped file, and there may be thousands.
        flat = np.fromfile(
            entry.path,
            dtype=np.float32,
            count=entry.rows * entry.width,
            offset=_FLOAT_BYTES * entry.first * entry.width,
        )
        return KeptRows(values=flat.reshape(entry.rows, entry.width), samples=entry.samples)

    def samples(self, name: str) -> int:
        """Returns the length of a kept clip's audio, in samples at 16 kHz."""
        return self._entries[name].samples

    def missing(self, names: Iterable[str]) -> list[str]:
        """Returns those of ``names`` that are not kept, also by other programs, in their order."""
        wanted = list(names)
        for path in {self._entries[name].path for name in wanted if name in self}:
            if not path.is_file():  # the cache was emptied
                self._forget(path)
        if any(name not in self for name in wanted):
            self.refresh()
        return [name for name in wanted if name not in self]

    def _forget(self, path: Path) -> None:
        self._read.discard(path.name)
        gone = [name for name, entry in [*self._entries.items()] if entry.path == path]
        for name in gone:
            del self._entries[name]

    def refresh(self) -> None:
        """Finds what was added since the last call, also by other programs."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.suffix != _SUFFIX or path.name[0] == "." or path.name in self._read:
                continue
            for name, entry in _index(path):
                self._read.add(path.name)
                self._entries.setdefault(name, entry)

    @contextmanager
    def adding(self, names: Sequence[str]) -> Iterator[Adding]:
        """Yields what takes the rows of ``names``; when the block ends, all are kept, else none."""
        path = self.folder / f"{sha256_value(list(names))}{_SUFFIX}"
        with atomic.replacing(path) as partial, partial.open("wb") as stream:
            adding = Adding(stream)
            yield adding
            adding.finish()
        self.refresh()


class Adding:
    """A file that rows are written to, one name after the other."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._names: list[tuple[str, int, int]] = []
        self._width = 0

    def add(self, name: str, values: Floats, *, samples: int) -> None:
        """Writes the rows of a name, float32 [rows, width]; all names have one width."""
        self._stream.write(np.ascontiguousarray(values, dtype=np.float32).tobytes())
        self._names.append((name, len(values), samples))
        self._width = values.shape[1]

    def finish(self) -> None:
        """Writes the index, and its size last."""
        text = json.dumps([self._width, self._names]).encode()
        self._stream.write(text + len(text).to_bytes(_SIZE_BYTES, "little"))


def _index(path: Path) -> Iterator[tuple[str, _Entry]]:
    """Yields the entries of a file.

    One that is damaged has none: what it had is computed again, and written in its place.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            stream.seek(-_SIZE_BYTES, os.SEEK_END)
            end = size - _SIZE_BYTES - int.from_bytes(stream.read(_SIZE_BYTES), "little")
            stream.seek(end)
            width, names = json.loads(stream.read(size - _SIZE_BYTES - end))
        if end != _FLOAT_BYTES * width * sum(rows for _, rows, _ in names):
            return
    except (OSError, ValueError, TypeError):
        return
    first = 0
    for name, rows, samples in names:
        yield name, _Entry(path, first, rows, width, samples)
        first += rows
