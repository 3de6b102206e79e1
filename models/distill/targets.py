"""A student's inputs and the targets it is trained to match: computed once, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic, config
from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes, sha256_value
from bench.core.progress import OnProgress, ignore
from models import frontend
from models.audio.decode import resample, through_telephone
from models.distill.recipe import TargetSpec
from models.teachers.clips import means
from models.teachers.teacher import Teacher
from models.tflite.arrays import Floats

_VERSION = 5  # of the files below and of what is in them
_PART = 256  # clips
_THREADS = 2
_UNREADABLE_RATIO = 0.02
_PATCH = (frontend.PATCH_FRAMES, frontend.MEL_BINS)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingClip:
    """A piece of training audio.

    Args:
        name: for messages.
        read: returns its audio, float32 [samples], 16 kHz mono, in [-1, 1].
        sha256: of its contents.
        held_out: whether it is of a voice that is for validation only.
    """

    name: str
    read: Callable[[], Floats]
    sha256: str
    held_out: bool = False


def prepare_targets(
    spec: TargetSpec,
    teacher: Teacher,
    clips: Sequence[TrainingClip],
    *,
    cache: Path,
    on_progress: OnProgress = ignore,
) -> Targets:
    """Returns the patches and targets of training audio, from the cache or computed into it.

    Args:
        clips: the training audio; copies of one content count once.
        on_progress: called with the clips done and all clips.

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
        patches=np.memmap(folder / _PATCHES, dtype=np.float16, mode="r", shape=(count, *_PATCH)),
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
    heldout, training = _split(clips, spec)
    counts, unreadable, duration_s = [0, 0], 0, 0.0
    outputs: list[Floats] = []
    with (folder / _PATCHES).open("wb") as stream:
        for turn, own in enumerate((*[training] * spec.copies, heldout)):
            side = int(turn == spec.copies)
            copy = 0 if side else turn
            limit = None if side else spec.max_windows
            for start in range(0, len(own), _PART):
                if limit is not None and counts[side] >= limit:
                    break
                chosen = own[start : start + _PART]
                part = _part(folder / f"part-{turn}-{start}.npz", spec, teacher, chosen, copy)
                most = None if limit is None else limit - counts[side]
                stream.write(part["patches"][:most].tobytes())
                outputs.append(part["targets"][:most])
                counts[side] += len(outputs[-1])
                if copy == 0:
                    duration_s += float(part["duration_s"])
                    unreadable += int(part["unreadable"])
                done = turn * len(training) + start + len(chosen)
                on_progress(done, spec.copies * len(training) + len(heldout))
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


def _part(
    path: Path, spec: TargetSpec, teacher: Teacher, clips: Sequence[TrainingClip], copy: int
) -> dict[str, NDArray[Any]]:
    """Returns the arrays of some clips by name, stored by an interrupted call or computed."""
    if not path.is_file():
        cuts = [each for each in _cuts(clips, spec, copy) if each is not None]
        patches = [frontend.patch(window) for each in cuts for window in each.windows]
        targets = means(teacher, [context for each in cuts for context in each.contexts])
        with atomic.replacing(path) as partial, partial.open("wb") as stream:
            np.savez(
                stream,
                patches=np.reshape(patches, (-1, *_PATCH)).astype(np.float16),
                targets=targets,
                duration_s=sum(each.duration_s for each in cuts),
                unreadable=len(clips) - len(cuts),
            )
    with np.load(path) as stored:
        return dict(stored)


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
