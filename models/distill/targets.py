"""A student's inputs and the targets it is trained to match: computed once, kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes, sha256_value
from bench.core.progress import OnProgress, ignore
from models.distill.parts import (
    PATCH,
    TargetWorkers,
    TrainingClip,
    computed,
    parts_of,
    save,
    write_parts,
)
from models.distill.recipe import TargetSpec
from models.teachers.teacher import Teacher
from models.tflite.arrays import Floats

_VERSION = 5  # of the files below and of what is in them
_UNREADABLE_RATIO = 0.02
_PATCHES, _TARGETS, _INDEX = "patches.f16", "targets.f32", "index.json"
_TINY = 1e-4
_MOST_DEVIATIONS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The description of a folder of targets.

    Args:
        sizes: widths of a target's parts, one per teacher.
        training, validation: how many windows; no clip has windows in both. Training comes first,
            copy after copy.
        mean, deviation: of the training targets; all targets are standardised with these.
        clips: number of clips with different contents.
        unreadable: how many of these cannot be decoded.
        duration_s: of all clips, each once.
        audio_sha256: of the clips' contents, in their order.
    """

    sizes: tuple[int, ...]
    training: int
    validation: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    clips: int
    unreadable: int
    duration_s: float
    audio_sha256: str
    teacher: str
    teacher_sha256: str
    teacher_licence: str

    @property
    def size(self) -> int:
        """The width of a target."""
        return sum(self.sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Patches and their standardised targets, memory-mapped.

    Args:
        patches: float16 [windows, 96, 64], log-mel.
        values: float32 [windows, size], the teacher's mean over the frames of the window and its
            context, each number with mean 0 and deviation 1 in training. Several teachers have the
            same share of the sum of squares, however wide each is.
    """

    folder: Path
    index: Index
    patches: NDArray[np.float16]
    values: Floats


def prepare_targets(
    spec: TargetSpec,
    teacher: Teacher,
    clips: Sequence[TrainingClip],
    *,
    cache: Path,
    on_progress: OnProgress = ignore,
    workers: TargetWorkers | None = None,
) -> Targets:
    """Returns the patches and targets of training audio, from the cache or computed into it.

    Args:
        clips: the training audio; copies of one content count once.
        on_progress: called with the clips done and all clips.
        workers: compute them, part by part; by default this process.

    Raises:
        ConfigurationError: a clip cannot be decoded, or there are too few.
        ConversionError: the teacher's output is not finite.
    """
    # Held-out clips last: what is a copy of one is held out, too.
    ordered = sorted(clips, key=lambda clip: clip.held_out)
    own = list({clip.sha256: clip for clip in ordered}.values())
    audio_sha256 = sha256_bytes("".join(clip.sha256 for clip in own).encode())
    # The content of the audio decides, not its path.
    rules = {**config.unstructure(spec), "audio": audio_sha256, "teacher": teacher.sha256}
    if any(clip.held_out for clip in own):
        rules["held_out"] = [clip.sha256 for clip in own if clip.held_out]
    folder = cache / "targets" / sha256_value([_VERSION, rules, teacher.runtime])
    if not (folder / _INDEX).is_file():
        if workers is not None:
            write_parts(folder, spec, teacher, own, workers, on_progress)
        _write(folder, spec, teacher, own, audio_sha256, on_progress)
    return open_targets(folder)


def open_targets(folder: Path) -> Targets:
    """Returns the targets that ``prepare_targets`` wrote to a folder."""
    index = config.load(folder / _INDEX, Index)
    count = index.training + index.validation
    raw = np.memmap(folder / _TARGETS, dtype=np.float32, mode="r", shape=(count, index.size))
    mean, deviation = (np.array(each, dtype=np.float32) for each in (index.mean, index.deviation))
    # Numbers that hardly vary in training would dominate the loss where they do.
    values: Floats = np.clip((raw - mean) / deviation, -_MOST_DEVIATIONS, _MOST_DEVIATIONS).astype(
        np.float32, copy=False
    )
    share = [index.size / (len(index.sizes) * size) for size in index.sizes]
    values *= np.repeat(np.sqrt(share), index.sizes).astype(np.float32)
    return Targets(
        folder=folder,
        index=index,
        patches=np.memmap(folder / _PATCHES, dtype=np.float16, mode="r", shape=(count, *PATCH)),
        values=values,
    )


def _write(
    folder: Path,
    spec: TargetSpec,
    teacher: Teacher,
    clips: Sequence[TrainingClip],
    audio_sha256: str,
    on_progress: OnProgress,
) -> None:
    """Writes patches and targets part by part; resumes after the last whole part."""
    folder.mkdir(parents=True, exist_ok=True)
    counts, unreadable, duration_s = [0, 0], 0, 0.0
    outputs: list[Floats] = []
    parts = parts_of(folder, spec, clips)
    with (folder / _PATCHES).open("wb") as stream:
        for part in parts:
            side = int(part.turn == spec.copies)
            limit = None if side else spec.max_windows
            if limit is not None and counts[side] >= limit:
                continue
            if not part.path.is_file():
                save(part.path, computed(spec, teacher, part))
            with np.load(part.path) as stored:
                arrays = dict(stored)
            most = None if limit is None else limit - counts[side]
            stream.write(arrays["patches"][:most].tobytes())
            outputs.append(arrays["targets"][:most])
            counts[side] += len(outputs[-1])
            if side or part.turn == 0:
                duration_s += float(arrays["duration_s"])
                unreadable += int(arrays["unreadable"])
            on_progress(part.done, parts[-1].done)
    _refuse(clips, counts, unreadable)
    values = np.concatenate(outputs)
    values.tofile(folder / _TARGETS)
    trained = values[: counts[0]].astype(np.float64)
    index = Index(
        sizes=tuple(part.size for part in teacher.parts or (teacher,)),
        training=counts[0],
        validation=counts[1],
        mean=tuple(trained.mean(axis=0).tolist()),
        deviation=tuple((trained.std(axis=0) + _TINY).tolist()),
        clips=len(clips),
        unreadable=unreadable,
        duration_s=round(duration_s, 1),
        audio_sha256=audio_sha256,
        teacher=teacher.name,
        teacher_sha256=teacher.sha256,
        teacher_licence=teacher.licence,
    )
    # Last: it marks the other files as complete.
    config.save(folder / _INDEX, index)
    for path in folder.glob("part-*.npz"):
        path.unlink()


def _refuse(clips: Sequence[TrainingClip], counts: Sequence[int], unreadable: int) -> None:
    if unreadable > _UNREADABLE_RATIO * len(clips):
        raise ConfigurationError(
            f"{unreadable} of {len(clips)} clips cannot be decoded",
            hint="convert them to 16-bit WAV, or give another folder",
        )
    if min(counts) == 0:
        raise ConfigurationError(
            f"{len(clips)} clips leave {counts[0]} training windows and {counts[1]} held-out ones",
            hint="give more audio, or another validation_ratio",
        )
