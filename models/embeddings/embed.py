"""Embeddings of clips by a .tflite file: one vector per clip, the mean over its windows."""

from __future__ import annotations

import itertools
import math
import os
import platform
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from bench.core.artifact import Artifact, Role
from bench.core.errors import ConfigurationError, ConversionError, ModelFileError
from bench.core.hashing import sha256_file, sha256_value
from bench.core.progress import OnProgress, ignore
from bench.core.score import Windows
from models import stream
from models.embeddings.clip_windows import ClipWindows, clip_windows
from models.embeddings.kept import Kept
from models.embeddings.pieces import ClipVector, Piece, Work, name_of, vectors_of, working
from models.tflite import litert
from models.tflite.apart import Model
from models.tflite.arrays import Floats

# What the interpreter runs with here.
DELEGATE, THREADS = "xnnpack", 1
_VERSION = 1  # of what is kept
BATCH = 32  # windows per inference, where the file can take them


def embed_clips(
    path: Path,
    artifact: Artifact,
    clips: Mapping[str, Path],
    *,
    cache: Path,
    hop: int | None = None,
    frontend_path: Path | None = None,
    on_progress: OnProgress = ignore,
    work: Work | None = None,
) -> Floats:
    """Returns the embeddings of clips at one hop, float32 [clips, dimensions].

    Args:
        hop: in samples; by default the manifest's.

    Other args, Raises: as for ``embed_at_hops``.
    """
    if hop is None:
        _, hop = artifact.audio()
    return embed_at_hops(
        path,
        artifact,
        clips,
        hops=(hop,),
        cache=cache,
        frontend_path=frontend_path,
        on_progress=on_progress,
        work=work,
    )[hop]


def embed_at_hops(
    path: Path,
    artifact: Artifact,
    clips: Mapping[str, Path],
    *,
    hops: Sequence[int],
    cache: Path,
    frontend_path: Path | None = None,
    on_progress: OnProgress = ignore,
    work: Work | None = None,
) -> dict[int, Floats]:
    """Returns the embeddings of clips at each hop, float32 [clips, dimensions].

    They are kept by clip and hop, so that another task set, or another program, does not embed a
    clip again. A window that several hops share is embedded once, and a clip that one window holds
    is the same at every hop.

    Args:
        artifact: the manifest of the file; role and window are taken from it.
        clips: SHA-256 of each clip to a file that holds it; the rows follow this order.
        hops: in samples.
        frontend_path: a .tflite file that makes the model's input from a window of audio, for
            models whose log-mel is not ours.
        on_progress: called with the clips done and all clips that are embedded.
        work: where it is done; by default in processes of this machine, if that is worth it.

    Raises:
        ConfigurationError: the file is not an audio embedding, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero; names file and clip.
    """
    front_sha256 = sha256_file(frontend_path) if frontend_path else None
    key = [_VERSION, artifact.sha256, artifact.role, artifact.frontend, artifact.window_samples]
    name = sha256_value([*key, Windows.TO_END, front_sha256, DELEGATE, litert.runtime()])
    with working(work) as own_work:
        try:
            return vectors_of(
                _EmbedPiece(path, artifact, frontend_path, cache, litert.runtime()),
                clips,
                hops=hops,
                kept=Kept(cache / "embeddings" / name),
                work=own_work,
                on_progress=on_progress,
            )
        finally:
            _embedder.cache_clear()  # ends the process that has the file allocated


@dataclass(frozen=True, slots=True)
class _EmbedPiece:
    """Embeds pieces by a file, wherever it is called."""

    is_file: ClassVar[bool] = True
    path: Path
    artifact: Artifact
    frontend_path: Path | None
    cache: Path
    runtime: str

    def absolute(self) -> Self:
        """Returns the same with absolute paths."""
        front = None if self.frontend_path is None else self.frontend_path.absolute()
        cache = self.cache.absolute()
        return replace(self, path=self.path.absolute(), frontend_path=front, cache=cache)

    def __call__(self, piece: Piece, on_progress: OnProgress) -> list[ClipVector]:
        if litert.runtime() != self.runtime:
            raise ConfigurationError(
                f"{platform.node()} has {litert.runtime()}, and this machine {self.runtime}",
                hint="install one version on all machines",
            )
        windows = clip_windows(
            self.artifact,
            piece.clips,
            hops=piece.hops,
            cache=self.cache,
            frontend_path=self.frontend_path,
            on_progress=on_progress,
        )
        return [
            found
            for clip, vectors in self._opened().embedded(windows)
            for found in self._means(clip, vectors, piece)
        ]

    def _opened(self) -> Embedder:
        """Returns the file, opened once in each process."""
        shape = self.artifact.inputs[0].shape if self.artifact.inputs else None
        return _embedder(self.path, self.artifact.sha256, self.artifact.role, shape, os.getpid())

    def _means(self, clip: ClipWindows, vectors: Floats, piece: Piece) -> Iterator[ClipVector]:
        same = len(clip.starts) == 1  # one window, whatever the hop
        for hop in piece.hops[:1] if same else piece.hops:
            own = vectors[list(clip.at_hop[hop])]
            yield ClipVector(
                name=name_of(clip.sha256, None if same else hop),
                clip=clip.sha256,
                samples=clip.samples,
                vector=pooled(own, clip=piece.clips[clip.sha256], source=str(self.path)),
            )


@lru_cache(maxsize=1)
def _embedder(
    path: Path, sha256: str, role: Role, shape: tuple[int, ...] | None, pid: int
) -> Embedder:
    """Returns an opened file, which is kept for the next piece of this process."""
    del pid  # a fork opens its own
    if sha256_file(path) != sha256:
        raise ConfigurationError(
            f"{path} on {platform.node()}: is not the file that its manifest describes",
            hint="give all machines of a cluster the same zoo",
        )
    return Embedder(path, role, shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipEmbeddings:
    """The embeddings of one clip.

    Args:
        sha256: of the clip.
        starts: in samples at 16 kHz, where each window starts.
        vectors: float32 [windows, dimensions].
    """

    sha256: str
    starts: tuple[int, ...]
    vectors: Floats


def embed_windows(
    path: Path,
    artifact: Artifact,
    clips: Mapping[str, Path],
    *,
    hop: int,
    cache: Path,
    frontend_path: Path | None = None,
    on_progress: OnProgress = ignore,
) -> Iterator[ClipEmbeddings]:
    """Yields the embeddings of each clip's windows; nothing of them is cached.

    Args:
        artifact, clips, cache, frontend_path, on_progress: as for ``embed_at_hops``.
        hop: in samples.

    Raises:
        ConfigurationError: the file is not an audio embedding, or a clip cannot be decoded.
    """
    windows = clip_windows(
        artifact,
        clips,
        hops=(hop,),
        cache=cache,
        frontend_path=frontend_path,
        on_progress=on_progress,
    )
    for clip, vectors in opened(path, artifact).embedded(windows):
        yield ClipEmbeddings(sha256=clip.sha256, starts=clip.starts, vectors=vectors)


class Embedder:
    """A file that embeds windows, opened once.

    Args:
        role: of the file.
        shape: of its input, as its manifest has it; that of the file by default.

    Raises:
        ModelFileError: the file is not a model, needs operators that LiteRT lacks, or crashes it.
    """

    def __init__(self, path: Path, role: Role, shape: tuple[int, ...] | None) -> None:
        self._model = Model(path, threads=THREADS, delegate=DELEGATE)
        self._is_stream = role is Role.EMBEDDING_STREAM
        self._shape = self._model.input_shapes()[0] if shape is None else shape
        self._batch: int | None = None  # known from the first windows on

    def embedded(self, windows: Iterator[ClipWindows]) -> Iterator[tuple[ClipWindows, Floats]]:
        """Yields each clip with the embeddings of its windows, float32 [windows, dimensions]."""
        if self._is_stream:
            for clip in windows:
                yield clip, np.stack(list(stream.embeddings(self._model, clip.inputs)))
            return
        begun: deque[ClipWindows] = deque()

        def singles() -> Iterator[Floats]:
            for clip in windows:
                begun.append(clip)
                yield from clip.inputs

        vectors: list[Floats] = []
        for vector in self._vectors(singles()):
            vectors.append(vector)
            if len(vectors) == len(begun[0].inputs):
                yield begun.popleft(), np.stack(vectors)
                vectors = []

    def _vectors(self, windows: Iterator[Floats]) -> Iterator[Floats]:
        """Yields the embedding of each window, float32 [dimensions]."""
        path = self._model.path
        first = list(itertools.islice(windows, BATCH))
        if self._batch is None:
            self._batch = BATCH if _takes_batches(path, self._shape, first) else 1
        batch = self._batch
        windows_left = itertools.chain(first, windows)
        while chunk := list(itertools.islice(windows_left, batch)):
            inputs = shaped(_filled(np.stack(chunk), batch), self._shape, source=str(path))
            outputs = self._model(inputs)[0]
            yield from outputs.reshape(batch, -1)[: len(chunk)]


def opened(path: Path, artifact: Artifact) -> Embedder:
    """Returns a file that embeds windows, opened as its manifest describes it."""
    return Embedder(path, artifact.role, artifact.inputs[0].shape if artifact.inputs else None)


def shaped(inputs: Floats, shape: tuple[int, ...], *, source: str) -> Floats:
    """Returns windows, float32 [windows, ...], in a model's shape; its first axis counts them.

    Args:
        shape: of the model's input, free axes at -1; one of rank 1 takes one bare window.
        source: the file, in words.

    Raises:
        ConfigurationError: they do not fit.
    """
    sides = shape[1:] if len(shape) > 1 else shape
    if -1 not in sides and inputs[0].size != math.prod(sides):
        raise ConfigurationError(
            f"{source}: takes {list(shape)}, and its front-end gives {list(inputs.shape[1:])}",
            hint="add it again with the --frontend that makes its input",
        )
    # A rank-1 model takes one bare window; all others have a batch axis.
    return inputs.reshape((len(inputs), *shape[1:]) if len(shape) > 1 else shape)


def pooled(vectors: Floats, *, clip: Path | str, source: str) -> Floats:
    """Returns the mean of the embeddings of a clip's windows, float32 [dimensions].

    Args:
        vectors: float32 [windows, dimensions].
        clip: its file, or what it is in words.
        source: what made them, in words.

    Raises:
        ConversionError: it is not finite or all zero; names source and clip.
    """
    mean: Floats = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    if np.isfinite(mean).all() and mean.any():
        return mean
    raise ConversionError(
        f"{source}: the embedding of {clip} is "
        f"{'all zero' if np.isfinite(mean).all() else 'not finite'}",
        hint="check the conversion of this file against its float32 source",
        artifact=source,
        clip=str(clip),
    )


def _takes_batches(path: Path, shape: tuple[int, ...], windows: list[Floats]) -> bool:
    """Returns whether a file takes several windows at once, and gives what it gives for each alone.

    A batch axis may be free, or fixed at one in a graph that can be resized nevertheless.
    """
    if len(shape) == 1:  # it takes one bare window
        return False
    if shape[:1] == (-1,) or not windows:
        return shape[:1] == (-1,)
    if shape[:1] != (1,):
        return False
    inputs = shaped(np.stack(windows), shape, source=str(path))
    model = Model(path, threads=THREADS, delegate=DELEGATE)
    alone = [model(window[np.newaxis])[0].reshape(-1) for window in inputs]
    try:
        together = model(_filled(inputs, BATCH))[0]
    except ModelFileError:
        return False
    fits = together.size == BATCH * alone[0].size
    return fits and np.array_equal(together.reshape(BATCH, -1)[: len(alone)], alone)


def _filled(inputs: Floats, count: int) -> Floats:
    """Returns windows, float32 [count, ...], the missing ones silent, so that no shape changes."""
    return np.pad(inputs, [(0, count - len(inputs)), *[(0, 0)] * (inputs.ndim - 1)])
