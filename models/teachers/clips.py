"""Embeddings of clips by a teacher: one vector per clip, the mean over its frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.core import atomic
from bench.core.hashing import sha256_value
from bench.core.progress import OnProgress, ignore
from models.audio.decode import decode, duration_s
from models.teachers.teacher import Teacher
from models.tflite.arrays import Floats

_VERSION = 1  # of the mean below
_DECODED = 256  # clips held in memory
_BATCH = 64  # pieces of one length per call


def clip_vectors(
    teacher: Teacher,
    clips: Mapping[str, Path],
    *,
    cache: Path,
    on_progress: OnProgress = ignore,
) -> Floats:
    """Returns a teacher's mean over the frames of each whole clip, float32 [clips, size].

    Args:
        teacher: whose vectors; those of each part of several are kept apart in the cache.
        clips: SHA-256 of each clip to a file that holds it; the rows follow this order.
        on_progress: called with the clips done and all clips.

    Raises:
        ConfigurationError: a clip cannot be decoded.
        ConversionError: an output is not finite, or all zero.
    """
    if teacher.parts:
        parts = (
            clip_vectors(part, clips, cache=cache, on_progress=on_progress)
            for part in teacher.parts
        )
        return np.concatenate(list(parts), axis=1)
    name = sha256_value([_VERSION, teacher.sha256, teacher.runtime, list(clips)])
    stored = cache / "embeddings" / f"{name}.npy"
    if not stored.is_file():
        vectors = _means(teacher, list(clips.values()), on_progress)
        with atomic.replacing(stored) as partial:
            np.save(partial, vectors)
    return np.asarray(np.load(stored), dtype=np.float32)


def _means(teacher: Teacher, paths: Sequence[Path], on_progress: OnProgress) -> Floats:
    vectors = np.empty((len(paths), teacher.size), dtype=np.float32)
    # Clips of similar length are together, so that many are of one length and go in one call.
    order = sorted(range(len(paths)), key=lambda row: duration_s(paths[row]))
    for first in range(0, len(order), _DECODED):
        on_progress(first, len(order))
        rows = order[first : first + _DECODED]
        vectors[rows] = means(teacher, [decode(paths[row]) for row in rows])
    return vectors


def means(teacher: Teacher, pieces: Sequence[Floats]) -> Floats:
    """Returns a teacher's mean over the frames of each piece of audio, float32 [pieces, size].

    Args:
        teacher: whose frames; each part of several pads and averages by itself.
        pieces: float32 [samples] each, 16 kHz mono, in [-1, 1].

    Raises:
        ConversionError: an output is not finite, or all zero.
    """
    if teacher.parts:
        return np.concatenate([means(part, pieces) for part in teacher.parts], axis=1)
    vectors = np.empty((len(pieces), teacher.size), dtype=np.float32)
    padded = [np.pad(each, (0, max(0, teacher.min_samples - len(each)))) for each in pieces]
    rows_of: dict[int, list[int]] = defaultdict(list)  # by length: one call takes equal ones
    for row, piece in enumerate(padded):
        rows_of[len(piece)].append(row)
    for rows in rows_of.values():
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            vectors[some] = teacher(np.stack([padded[row] for row in some])).mean(axis=1)
    return vectors
