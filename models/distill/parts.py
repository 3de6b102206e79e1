"""Parts of a student's targets: some clips each, computed here or by the workers of a cluster."""

from __future__ import annotations

import platform
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from bench.core.progress import OnProgress
from bench.core.system.workers import Pool, check_machine
from bench.core.version import VERSION
from models import frontend
from models.audio.decode import resample, through_telephone
from models.distill.recipe import TargetSpec
from models.teachers.clips import means
from models.teachers.teacher import Teacher
from models.tflite.arrays import Floats

Arrays = dict[str, NDArray[Any]]

_PART = 256  # clips
_THREADS = 2
PATCH = (frontend.PATCH_FRAMES, frontend.MEL_BINS)
_ALONE = threading.Lock()  # a process of a cluster may have several threads


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingClip:
    """A piece of training audio.

    Args:
        name: for messages.
        read: returns its audio, float32 [samples], 16 kHz mono, in [-1, 1].
        sha256: of its contents.
        held_out: whether it is of a voice that is for validation only.
        path: its file, with that SHA-256, where it is one.
    """

    name: str
    read: Callable[[], Floats]
    sha256: str
    held_out: bool = False
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetWorkers:
    """Workers of a cluster that compute targets.

    Args:
        pool: of them.
        teacher: returns the teacher there; it can be pickled, and equal ones have one hash, so that
            a worker opens the teacher once.
    """

    pool: Pool
    teacher: Callable[[], Teacher]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some clips of one side, in one of their copies.

    Args:
        turn: which copy of the training clips, or after all of them the held-out ones.
        done: clips up to its end, of all turns.
    """

    path: Path
    clips: Sequence[TrainingClip]
    turn: int
    done: int


def parts_of(folder: Path, spec: TargetSpec, clips: Sequence[TrainingClip]) -> list[Part]:
    """Returns the parts of training audio: of training copy after copy, then the held-out ones."""
    return list(_parts(folder, spec, *_split(clips, spec)))


def _parts(
    folder: Path,
    spec: TargetSpec,
    heldout: Sequence[TrainingClip],
    training: Sequence[TrainingClip],
) -> Iterator[Part]:
    for turn, own in enumerate((*[training] * spec.copies, heldout)):
        for start in range(0, len(own), _PART):
            chosen = own[start : start + _PART]
            yield Part(
                path=folder / f"part-{turn}-{start}.npz",
                clips=chosen,
                turn=turn,
                done=turn * len(training) + start + len(chosen),
            )


def write_parts(
    folder: Path,
    spec: TargetSpec,
    teacher: Teacher,
    clips: Sequence[TrainingClip],
    workers: TargetWorkers,
    on_progress: OnProgress,
) -> None:
    """Writes the parts that are missing, computed by workers.

    Args:
        clips: the training audio, each content once.
        on_progress: called with the clips done and all clips.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = parts_of(folder, spec, clips)
    windows = 0

    def missing() -> Iterator[Part]:
        for part in parts:
            enough = spec.max_windows is not None and windows >= spec.max_windows
            if not part.path.is_file() and not (enough and part.turn < spec.copies):
                asked.append(part)
                yield part

    asked: deque[Part] = deque()
    there = partial(_computed_there, spec, workers.teacher, teacher.sha256, VERSION)
    for arrays in workers.pool.each(there, missing()):
        part = asked.popleft()
        save(part.path, arrays)
        windows += len(arrays["targets"]) if part.turn < spec.copies else 0
        on_progress(part.done, parts[-1].done)


def _computed_there(
    spec: TargetSpec, load: Callable[[], Teacher], sha256: str, version: str, part: Part
) -> Arrays:
    """Returns the arrays of a part, on another machine, where the files may be other ones."""
    files = {each.sha256: each.path for each in part.clips if each.path is not None}
    check_machine(files, version)
    with _ALONE:
        teacher = _teacher_there(load)
        if teacher.sha256 != sha256:
            raise ConfigurationError(
                f"{teacher.name} on {platform.node()} has other weights than here",
                hint="give all machines of the cluster the same cache, by one path",
            )
        return computed(spec, teacher, part)


@lru_cache(maxsize=1)
def _teacher_there(load: Callable[[], Teacher]) -> Teacher:
    return load()


def computed(spec: TargetSpec, teacher: Teacher, part: Part) -> Arrays:
    """Returns the arrays of a part by name."""
    copy = part.turn if part.turn < spec.copies else 0
    cuts = [each for each in _cuts(part.clips, spec, copy) if each is not None]
    patches = [frontend.patch(window) for each in cuts for window in each.windows]
    targets = means(teacher, [context for each in cuts for context in each.contexts])
    return {
        "patches": np.reshape(patches, (-1, *PATCH)).astype(np.float16),
        "targets": targets,
        "duration_s": np.array(sum(each.duration_s for each in cuts)),
        "unreadable": np.array(len(part.clips) - len(cuts)),
    }


def save(path: Path, arrays: Arrays) -> None:
    """Writes the arrays of a part."""
    with atomic.replacing(path) as partial_path, partial_path.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # its other argument is a flag


def _split(
    clips: Sequence[TrainingClip], spec: TargetSpec
) -> tuple[list[TrainingClip], list[TrainingClip]]:
    """Returns the clips that are held out, and those of training, each in random order.

    Held out are the clips of held-out voices; without these, random ones of known voices.
    """
    order = np.random.default_rng(spec.seed).permutation(len(clips))
    shuffled = [clips[row] for row in order]
    heldout = [clip for clip in shuffled if clip.held_out]
    if heldout:
        return heldout, [clip for clip in shuffled if not clip.held_out]
    count = max(1, round(len(clips) * spec.validation_ratio))
    return shuffled[:count], shuffled[count:]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A clip: its windows, float32 [windows, 15600], and each with its context, [samples]."""

    windows: Floats
    contexts: list[Floats]
    duration_s: float


def _cuts(clips: Sequence[TrainingClip], spec: TargetSpec, copy: int) -> Iterator[_Cut | None]:
    """Yields each clip's windows in one of its copies; ``None`` if it cannot be decoded."""
    hop_samples = round(spec.hop_s * SAMPLE_RATE_HZ)
    context_samples = max(round(spec.context_s * SAMPLE_RATE_HZ), frontend.WINDOW_SAMPLES)

    def cut(clip: TrainingClip) -> _Cut | None:
        try:
            audio = clip.read()[: round(spec.max_clip_s * SAMPLE_RATE_HZ)]
        except ConfigurationError:
            return None
        seconds = len(audio) / SAMPLE_RATE_HZ
        rng = np.random.default_rng([spec.seed, int(clip.sha256[:8], 16), copy])
        if copy:
            speed = np.exp(rng.uniform(*np.log(spec.speed_range)))
            audio = resample(audio, round(speed * SAMPLE_RATE_HZ))
        if rng.random() < spec.telephone_ratio:
            audio = through_telephone(audio)
        windows = frontend.windows(
            audio, window_samples=frontend.WINDOW_SAMPLES, hop_samples=hop_samples
        )
        spare = context_samples - frontend.WINDOW_SAMPLES
        padded = np.pad(audio, (0, max(0, frontend.WINDOW_SAMPLES - len(audio))))
        starts = [
            max(0, min(n * hop_samples - spare // 2, len(padded) - context_samples))
            for n in range(len(windows))
        ]
        contexts = [padded[start : start + context_samples] for start in starts]
        return _Cut(windows=windows, contexts=contexts, duration_s=seconds)

    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(cut, clips)
