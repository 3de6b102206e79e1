"""Vectors of clips, computed in pieces of a few clips each, and kept on disk clip by clip.

The pieces are done by this process, by processes of this machine, or by those of a cluster. What is
done stays done: a piece that is interrupted or lost is the only one that is computed again.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np

from bench.core import units
from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.progress import OnProgress, ignore
from bench.core.system.workers import Pool, Where, beside, check_machine
from bench.core.version import VERSION
from models.embeddings.kept import Kept
from models.tflite.arrays import Floats

A = TypeVar("A")
T = TypeVar("T")

_CLIPS, _BYTES = 64, 4 << 20  # of a piece, at most; of files, so that hours of audio are shared
_S_PER_HOUR = 3_600.0
_ALONE = threading.Lock()  # a process of a cluster may have several threads
_FEW = 512  # clips: fewer are sooner done than processes are started


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A few clips to be embedded.

    Args:
        clips: SHA-256 of each to a file that holds it.
        hops: in samples.
    """

    clips: Mapping[str, Path]
    hops: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipVector:
    """One clip's vector.

    Args:
        name: what it is kept by: ``name_of`` the clip and the hop, or of the clip alone where it
            is the same at every hop.
        clip: its SHA-256.
        samples: of the clip's audio, at 16 kHz.
        vector: float32 [dimensions].
    """

    name: str
    clip: str
    samples: int
    vector: Floats


class Embed(Protocol):
    """Returns the vectors of a piece; can be pickled.

    Attributes:
        is_file: whether a file makes them, which counts as embedding.
    """

    is_file: ClassVar[bool]

    def absolute(self) -> Self:
        """Returns the same with absolute paths, for a process in another folder."""
        ...

    def __call__(self, piece: Piece, on_progress: OnProgress) -> list[ClipVector]:
        """Returns the vectors; ``on_progress`` is called with the piece's clips done and all."""
        ...


def name_of(sha256: str, hop: int | None = None) -> str:
    """Returns what a clip's vector at a hop is kept by, or one that is the same at every hop."""
    return sha256 if hop is None else f"{sha256} {hop}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """How much audio was embedded.

    Args:
        clips, audio_s: of all files together; what was kept from before is left out.
        elapsed_s: what that took, decoding and log-mel included, heads not.
    """

    clips: int = 0
    audio_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def text(self) -> str:
        """How much it was, and how fast."""
        if not self.clips:
            return "embedded no clip: all were kept from before"
        clips, hours = units.counted(self.clips, "clip"), self.audio_s / _S_PER_HOUR
        speed = hours / (self.elapsed_s / 60)
        return f"embedded {clips}, {hours:.3g} audio-hours, {speed:.3g} audio-hours a minute"


class Work:
    """Where pieces are done, and how much audio was embedded; its processes end with the block.

    Args:
        where: the cluster to do them on; by default processes of this machine, started where there
            is enough to do.

    Attributes:
        embedded: by files, so far.
    """

    def __init__(self, where: Where | None = None) -> None:
        self.embedded = Embedded()
        self._where = where
        self._stack = ExitStack()
        self._pools: dict[Where, Pool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._pools.clear()
        self._stack.__exit__(*error)

    def pieces(
        self, embed: Embed, pieces: Iterable[Piece], *, clips: int, on_progress: OnProgress
    ) -> Iterator[list[ClipVector]]:
        """Yields what ``embed`` returns of each piece, in their order.

        Args:
            clips: of all pieces.
            on_progress: called with the clips done and ``clips``.
        """
        done, began_s = 0, time.perf_counter()
        for found in self._each(embed, pieces, clips, on_progress):
            yield found
            now_s = time.perf_counter()
            of_clips = {each.clip: each.samples for each in found}
            self._count(of_clips.values() if embed.is_file else (), now_s - began_s)
            done, began_s = done + len(of_clips), now_s
            on_progress(min(done, clips - 1), clips)  # all of them are done when they are kept

    def _count(self, samples: Collection[int], elapsed_s: float) -> None:
        self.embedded = Embedded(
            clips=self.embedded.clips + len(samples),
            audio_s=self.embedded.audio_s + sum(samples) / SAMPLE_RATE_HZ,
            elapsed_s=self.embedded.elapsed_s + elapsed_s,
        )

    def _each(
        self, embed: Embed, pieces: Iterable[Piece], clips: int, on_progress: OnProgress
    ) -> Iterator[list[ClipVector]]:
        if self._where is not None:
            there = partial(_checked, embed.absolute(), VERSION)
            yield from self._pool(self._where).each(there, map(_absolute, pieces))
        elif clips >= _FEW:
            yield from self._pool(beside).each(partial(_embedded, embed), pieces)
        else:
            done = 0
            for piece in pieces:
                yield embed(piece, _shifted(on_progress, done, clips))
                done += len(piece.clips)

    def each(self, do: Callable[[A], T], pieces: Sequence[A], *, clips: int) -> Iterator[T]:
        """Yields what ``do`` returns of each piece, on this machine.

        Args:
            clips: that all the pieces are about.
        """
        # Only where processes are there, or are worth their start.
        few = clips < _FEW or self._where is not None
        return map(do, pieces) if few else self._pool(beside).each(do, pieces)

    def _pool(self, where: Where) -> Pool:
        if where not in self._pools:
            self._pools[where] = self._stack.enter_context(where())
        return self._pools[where]


@contextmanager
def working(work: Work | None) -> Iterator[Work]:
    """Yields the work that was given, else one of its own."""
    if work is not None:
        yield work
    else:
        with Work() as own:
            yield own


def vectors_of(
    embed: Embed,
    clips: Mapping[str, Path],
    *,
    hops: Sequence[int],
    kept: Kept,
    work: Work,
    on_progress: OnProgress = ignore,
) -> dict[int, Floats]:
    """Returns the vectors of clips at each hop, float32 [clips, dimensions]; computes missing ones.

    Args:
        embed: returns the vectors of a piece; it can be pickled.
        clips: SHA-256 of each clip to a file that holds it; the rows follow this order.
        hops: in samples.
        kept: where they are kept.
        on_progress: called with the clips done and all that are embedded.

    Raises:
        BenchError: what ``embed`` raises.
    """
    kept.missing(own for sha256 in clips for own in _names(sha256, hops))
    missing: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for sha256 in clips:
        if own := tuple(hop for hop in hops if _kept_name(kept, sha256, hop) is None):
            missing[own].append(sha256)
    count = sum(map(len, missing.values()))
    pieces = [
        Piece(clips={sha256: clips[sha256] for sha256 in own}, hops=of_hops)
        for of_hops, sha256s in missing.items()
        for own in _divided(sha256s, clips)
    ]
    for found in work.pieces(embed, pieces, clips=count, on_progress=on_progress):
        with kept.adding([each.name for each in found]) as adding:
            for each in found:
                adding.add(each.name, each.vector[np.newaxis], samples=each.samples)
    return {hop: _at(hop, clips, kept) for hop in hops}


def _at(hop: int, clips: Mapping[str, Path], kept: Kept) -> Floats:
    rows: Floats = np.empty((0, 0), dtype=np.float32)
    for row, sha256 in enumerate(clips):
        vector = kept[_kept_name(kept, sha256, hop) or ""].values[0]
        if not row:
            rows = np.empty((len(clips), len(vector)), dtype=np.float32)
        rows[row] = vector
    return rows


def _names(sha256: str, hops: Sequence[int]) -> list[str]:
    return [name_of(sha256), *(name_of(sha256, hop) for hop in hops)]


def _kept_name(kept: Kept, sha256: str, hop: int) -> str | None:
    names = (name_of(sha256, hop), name_of(sha256))
    return next((name for name in names if name in kept), None)


def _divided(sha256s: Sequence[str], clips: Mapping[str, Path]) -> Iterator[list[str]]:
    """Yields the clips of each piece."""
    own: list[str] = []
    size = 0
    for sha256 in sha256s:
        own.append(sha256)
        size += clips[sha256].stat().st_size
        if len(own) == _CLIPS or size >= _BYTES:
            yield own
            own, size = [], 0
    if own:
        yield own


def _shifted(on_progress: OnProgress, before: int, total: int) -> OnProgress:
    return lambda done, _: on_progress(before + done, total)


def _absolute(piece: Piece) -> Piece:
    return replace(piece, clips={each: path.absolute() for each, path in piece.clips.items()})


def _embedded(embed: Embed, piece: Piece) -> list[ClipVector]:
    return embed(piece, ignore)


def _checked(embed: Embed, version: str, piece: Piece) -> list[ClipVector]:
    """Returns what ``embed`` does, on another machine, where the files may be other ones."""
    check_machine(piece.clips, version)
    with _ALONE:
        return embed(piece, ignore)
