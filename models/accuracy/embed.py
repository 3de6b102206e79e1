"""Embeddings of clips by a .tflite file: one vector per clip, the mean over its windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.artifact import Artifact, Role
from bench.core.errors import ConfigurationError, ConversionError, ModelFileError
from bench.core.hashing import sha256_file, sha256_value
from bench.core.progress import OnProgress, ignore
from models import frontend, stream
from models.accuracy.frames import frames_of
from models.audio.decode import decode
from models.tflite import litert
from models.tflite.arrays import Floats

# A clip's SHA-256 and its windows, float32 [windows, ...].
Windows = Iterator[tuple[str, Floats]]

# What the interpreter runs with here.
DELEGATE, THREADS = "xnnpack", 1
BATCH = 32  # windows per inference, where the file can take them


def embed_clips(
    path: Path,
    artifact: Artifact,
    clips: Mapping[str, Path],
    *,
    cache: Path,
    frontend_path: Path | None = None,
    on_progress: OnProgress = ignore,
) -> Floats:
    """Returns the embeddings of clips, float32 [clips, dimensions], from the cache if there.

    Args:
        artifact: the manifest of the file; role, window and hop are taken from it.
        clips: SHA-256 of each clip to a file that holds it; the rows follow this order.
        frontend_path: a .tflite file that makes the model's input from a window of audio, for
            models whose log-mel is not ours.
        on_progress: called with the clips done and all clips.

    Raises:
        ConfigurationError: the file is not an audio embedding, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero; names file and clip.
    """
    key = [artifact.sha256, list(clips), artifact.window_samples, artifact.hop_samples]
    front_sha256 = sha256_file(frontend_path) if frontend_path else None
    name = sha256_value([*key, front_sha256, DELEGATE, litert.runtime()])
    stored = cache / "embeddings" / f"{name}.npy"
    if not stored.is_file():
        model = litert.Model(path, threads=THREADS, delegate=DELEGATE)
        windows = clip_windows(
            artifact, clips, cache=cache, frontend_path=frontend_path, on_progress=on_progress
        )
        if artifact.role is Role.EMBEDDING_STREAM:
            vectors = _streamed(model, windows)
        else:
            vectors = _vectors(model, _input_shape(artifact, model), windows)
        embeddings = pooled(vectors, clips, source=str(path))
        with atomic.replacing(stored) as partial:
            np.save(partial, embeddings)
    return np.asarray(np.load(stored), dtype=np.float32)


def _input_shape(artifact: Artifact, model: litert.Model) -> tuple[int, ...]:
    return artifact.inputs[0].shape if artifact.inputs else model.input_shapes()[0]


def clip_windows(
    artifact: Artifact,
    clips: Mapping[str, Path],
    *,
    cache: Path,
    frontend_path: Path | None = None,
    on_progress: OnProgress = ignore,
) -> Windows:
    """Yields each clip's SHA-256 and the model's inputs of it, float32 [windows, ...].

    Those of a stream are windows of audio, as for a file that takes them whole.

    Args:
        artifact, clips, cache, frontend_path, on_progress: as for ``embed_clips``.

    Raises:
        ConfigurationError: the file is not an audio embedding, or a clip cannot be decoded.
    """
    if frontend_path is not None:
        return _through(litert.Model(frontend_path), _audio_windows(artifact, clips, on_progress))
    match artifact.role:
        case Role.EMBEDDING_PATCH:
            return _patches(artifact, clips, cache, on_progress)
        case Role.EMBEDDING_WAVEFORM | Role.EMBEDDING_STREAM:
            return _audio_windows(artifact, clips, on_progress)
        case _:
            raise ConfigurationError(
                f"{artifact.file}: its role is {artifact.role}, so it embeds no audio",
                hint="score a file whose role is embedding-patch, -waveform or -stream",
            )


def _patches(
    artifact: Artifact, clips: Mapping[str, Path], cache: Path, on_progress: OnProgress
) -> Windows:
    hop = max(1, round(artifact.hop_samples / frontend.FRAME_HOP_SAMPLES))
    frames = frames_of(clips, cache=cache, on_progress=on_progress)
    for done, sha256 in enumerate(clips):
        on_progress(done, len(clips))
        cut = np.lib.stride_tricks.sliding_window_view(
            frames.of(sha256), frontend.PATCH_FRAMES, axis=0
        )
        yield sha256, cut[::hop].transpose(0, 2, 1)


def _audio_windows(
    artifact: Artifact, clips: Mapping[str, Path], on_progress: OnProgress
) -> Windows:
    for done, (sha256, path) in enumerate(clips.items()):
        on_progress(done, len(clips))
        yield (
            sha256,
            frontend.windows(
                decode(path),
                window_samples=artifact.window_samples,
                hop_samples=artifact.hop_samples,
            ),
        )


def _through(front: litert.Model, windows: Windows) -> Windows:
    shape = front.input_shapes()[0]
    for sha256, audio in windows:
        features = [front(window.reshape(shape))[0] for window in audio]
        yield sha256, np.stack([np.squeeze(feature) for feature in features])


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


def pooled(
    vectors: Iterable[tuple[str, Floats]], clips: Mapping[str, Path], *, source: str
) -> Floats:
    """Returns the mean embedding of each clip, float32 [clips, dimensions].

    Args:
        vectors: a clip's SHA-256 and the embedding of one of its windows, float32 [dimensions].
        clips: SHA-256 to file; the rows follow this order.
        source: what made them, in words.

    Raises:
        ConversionError: an embedding is not finite or all zero; names source and clip.
    """
    averages: dict[str, Floats] = {}
    sums: dict[str, tuple[NDArray[np.float64], int]] = {}
    for sha256, vector in vectors:
        total, count = sums.get(sha256, (np.zeros(vector.shape), 0))
        sums[sha256] = (total + vector, count + 1)
    for sha256, clip in clips.items():
        total, count = sums[sha256]
        averages[sha256] = (total / count).astype(np.float32)
        if not np.isfinite(averages[sha256]).all() or not averages[sha256].any():
            kind = "all zero" if np.isfinite(averages[sha256]).all() else "not finite"
            raise ConversionError(
                f"{source}: the embedding of {clip} is {kind}",
                hint="check the conversion of this file against its float32 source",
                artifact=source,
                clip=str(clip),
            )
    return np.stack(list(averages.values()))


def _vectors(
    model: litert.Model, shape: tuple[int, ...], windows: Windows
) -> Iterator[tuple[str, Floats]]:
    singles = ((sha256, window) for sha256, many in windows for window in many)
    first = list(itertools.islice(singles, BATCH))
    batch = BATCH if _takes_batches(model.path, shape, first) else 1
    windows_left = itertools.chain(first, singles)
    while chunk := list(itertools.islice(windows_left, batch)):
        inputs = _filled(np.stack([window for _, window in chunk]), batch)
        outputs = model(shaped(inputs, shape, source=str(model.path)))[0]
        vectors = outputs.reshape(batch, -1)
        yield from ((sha256, vector) for (sha256, _), vector in zip(chunk, vectors, strict=False))


def _streamed(model: litert.Model, windows: Windows) -> Iterator[tuple[str, Floats]]:
    for sha256, audio in windows:
        yield from ((sha256, vector) for vector in stream.embeddings(model, audio))


def _takes_batches(path: Path, shape: tuple[int, ...], windows: list[tuple[str, Floats]]) -> bool:
    """Returns whether a file takes several windows at once, and gives what it gives for each alone.

    A batch axis may be free, or fixed at one in a graph that can be resized nevertheless.
    """
    if shape[:1] == (-1,) or not windows:
        return shape[:1] == (-1,)
    if shape[:1] != (1,) or len(shape) == 1:
        return False
    inputs = shaped(np.stack([window for _, window in windows]), shape, source=str(path))
    model = litert.Model(path, threads=THREADS, delegate=DELEGATE)
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
