"""What a student sees and what its teacher says of it: computed once, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic, config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes, sha256_value
from models import frontend
from models.audio.decode import SAMPLE_RATE_HZ, resampled, through_telephone
from models.distill.recipe import Lesson
from models.teachers.clips import means
from models.teachers.teacher import Concatenated, Teacher

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]

_VERSION = 5  # of the files below and of what is in them
_PART = 256  # clips
_THREADS = 2
_UNREADABLE_RATIO = 0.02
_PATCH = (frontend.PATCH_FRAMES, frontend.MEL_BINS)
_PATCHES, _TARGETS, _INDEX = "patches.f16", "targets.f32", "index.json"
_TINY = 1e-4
_FAR = 6.0  # deviations


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What lies in a folder of targets.

    Args:
        sizes: widths of a target's parts, one a teacher.
        training, validation: how many windows; no clip has windows in both. Training comes first,
            copy after copy.
        mean, deviation: of the targets of training, by which they are standardised.
        clips: how many there were, without copies of one another.
        unreadable: of these.
        duration_s: of them together, each once.
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
    """Patches and the standardised targets of a lesson, memory-mapped.

    Args:
        patches: float16 [windows, 96, 64], log-mel.
        values: float32 [windows, size], the teacher's mean over the frames of the window and its
            context, each number
            with mean 0 and deviation 1 in training; of several teachers each has the same share of
            the squares, however wide it is.
    """

    folder: Path
    index: Index
    patches: NDArray[np.float16]
    values: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A piece of audio to learn from.

    Args:
        name: what it is called in messages.
        read: gives its audio, float32 [samples], 16 kHz mono, in [-1, 1].
        sha256: of its contents.
    """

    name: str
    read: Callable[[], Floats]
    sha256: str


def prepared(
    lesson: Lesson,
    teacher: Teacher,
    clips: Sequence[Clip],
    *,
    cache: Path,
    progress: Progress | None = None,
) -> Targets:
    """Returns the patches and targets of a lesson, from the cache or computed into it.

    Args:
        clips: what is learnt from; copies of one content count once.
        progress: is told how many clips are done, and of how many.

    Raises:
        ConfigurationError: a clip cannot be decoded, or there are too few.
        ConversionError: the teacher gives nothing finite.
    """
    own = list({clip.sha256: clip for clip in clips}.values())
    audio_sha256 = sha256_bytes("".join(clip.sha256 for clip in own).encode())
    # The audio decides, not where it lies.
    rules = {**config.unstructure(lesson), "audio": audio_sha256, "teacher": teacher.sha256}
    folder = cache / "targets" / sha256_value([_VERSION, rules, teacher.runtime])
    if not (folder / _INDEX).is_file():
        _write(folder, lesson, teacher, own, audio_sha256, progress or (lambda done, total: None))
    return opened(folder)


def opened(folder: Path) -> Targets:
    """Returns what ``prepared`` left in a folder."""
    index = config.load(folder / _INDEX, Index)
    count = index.training + index.validation
    said = np.memmap(folder / _TARGETS, dtype=np.float32, mode="r", shape=(count, index.size))
    mean, deviation = (np.array(each, dtype=np.float32) for each in (index.mean, index.deviation))
    # What hardly ever moves in training would be all of the loss where it does.
    values: Floats = np.clip((said - mean) / deviation, -_FAR, _FAR).astype(np.float32, copy=False)
    share = [index.size / (len(index.sizes) * size) for size in index.sizes]
    values *= np.repeat(np.sqrt(share), index.sizes).astype(np.float32)
    return Targets(
        folder=folder,
        index=index,
        patches=np.memmap(
            folder / _PATCHES,
            dtype=np.float16,
            mode="r",
            shape=(count, frontend.PATCH_FRAMES, frontend.MEL_BINS),
        ),
        values=values,
    )


def _write(
    folder: Path,
    lesson: Lesson,
    teacher: Teacher,
    clips: Sequence[Clip],
    audio_sha256: str,
    progress: Progress,
) -> None:
    """Writes a lesson part by part; what was interrupted goes on after the last whole part."""
    folder.mkdir(parents=True, exist_ok=True)
    held, taught = _split(clips, lesson)
    counts, unreadable, duration_s = [0, 0], 0, 0.0
    said: list[Floats] = []
    with (folder / _PATCHES).open("wb") as stream:
        for turn, own in enumerate((*[taught] * lesson.copies, held)):
            side = int(turn == lesson.copies)
            copy = 0 if side else turn
            limit = None if side else lesson.max_windows
            for start in range(0, len(own), _PART):
                if limit is not None and counts[side] >= limit:
                    break
                chosen = own[start : start + _PART]
                part = _part(folder / f"part-{turn}-{start}.npz", lesson, teacher, chosen, copy)
                left = None if limit is None else limit - counts[side]
                stream.write(part.patches[:left].tobytes())
                said.append(part.targets[:left])
                counts[side] += len(said[-1])
                if copy == 0:
                    duration_s += part.duration_s
                    unreadable += part.unreadable
                done = turn * len(taught) + start + len(chosen)
                progress(done, lesson.copies * len(taught) + len(held))
    _refuse(clips, counts, unreadable)
    values = np.concatenate(said)
    values.tofile(folder / _TARGETS)
    learnt = values[: counts[0]].astype(np.float64)
    index = Index(
        sizes=_sizes(teacher),
        training=counts[0],
        validation=counts[1],
        mean=tuple(learnt.mean(axis=0).tolist()),
        deviation=tuple((learnt.std(axis=0) + _TINY).tolist()),
        clips=len(clips),
        unreadable=unreadable,
        duration_s=round(duration_s, 1),
        audio_sha256=audio_sha256,
        teacher=teacher.name,
        teacher_sha256=teacher.sha256,
        teacher_licence=teacher.licence,
    )
    # Last, because its being there says that the others are whole.
    config.save(folder / _INDEX, index)
    for path in folder.glob("part-*.npz"):
        path.unlink()


def _refuse(clips: Sequence[Clip], counts: Sequence[int], unreadable: int) -> None:
    if unreadable > _UNREADABLE_RATIO * len(clips):
        raise ConfigurationError(
            f"{unreadable} of {len(clips)} clips cannot be decoded",
            hint="convert them to 16-bit WAV, or give another folder",
        )
    if min(counts) == 0:
        raise ConfigurationError(
            f"{len(clips)} clips leave {counts[0]} windows to learn from and {counts[1]} to judge "
            "by",
            hint="give more audio, or another validation_ratio",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    patches: NDArray[np.float16]
    targets: Floats
    duration_s: float
    unreadable: int


def _part(path: Path, lesson: Lesson, teacher: Teacher, clips: Sequence[Clip], copy: int) -> _Part:
    """Returns what some clips give, from where an interrupted call left it or made now."""
    if not path.is_file():
        heard = [each for each in _heard(clips, lesson, copy) if each is not None]
        patches = [frontend.patch(window) for each in heard for window in each.windows]
        targets = means(teacher, [around for each in heard for around in each.arounds])
        with atomic.replacing(path) as partial, partial.open("wb") as stream:
            np.savez(
                stream,
                patches=np.reshape(patches, (-1, *_PATCH)).astype(np.float16),
                targets=targets,
                duration_s=sum(each.duration_s for each in heard),
                unreadable=len(clips) - len(heard),
            )
    with np.load(path) as found:
        return _Part(
            patches=found["patches"],
            targets=found["targets"],
            duration_s=float(found["duration_s"]),
            unreadable=int(found["unreadable"]),
        )


def _split(clips: Sequence[Clip], lesson: Lesson) -> tuple[list[Clip], list[Clip]]:
    """Returns the clips that are held out, and those that teach, each in random order."""
    order = np.random.default_rng(lesson.seed).permutation(len(clips))
    shuffled = [clips[row] for row in order]
    count = max(1, round(len(clips) * lesson.validation_ratio))
    return shuffled[:count], shuffled[count:]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """A clip: its windows, float32 [windows, 15600], and each with its context, [samples]."""

    windows: Floats
    arounds: list[Floats]
    duration_s: float


def _heard(clips: Sequence[Clip], lesson: Lesson, copy: int) -> Iterator[_Heard | None]:
    """Yields what is heard of each clip in one of its copies.

    A few clips of a large folder that cannot be decoded are counted, and stop nothing.
    """
    hop_samples = round(lesson.hop_s * SAMPLE_RATE_HZ)
    context_samples = max(round(lesson.context_s * SAMPLE_RATE_HZ), frontend.WINDOW_SAMPLES)

    def cut(clip: Clip) -> _Heard | None:
        try:
            audio = clip.read()[: round(lesson.max_clip_s * SAMPLE_RATE_HZ)]
        except ConfigurationError:
            return None
        seconds = len(audio) / SAMPLE_RATE_HZ
        rng = np.random.default_rng([lesson.seed, int(clip.sha256[:8], 16), copy])
        if copy:
            speed = np.exp(rng.uniform(*np.log(lesson.speed_range)))
            audio = resampled(audio, round(speed * SAMPLE_RATE_HZ))
        if rng.random() < lesson.telephone_ratio:
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
        arounds = [padded[start : start + context_samples] for start in starts]
        return _Heard(windows=windows, arounds=arounds, duration_s=seconds)

    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(cut, clips)


def _sizes(teacher: Teacher) -> tuple[int, ...]:
    if isinstance(teacher, Concatenated):
        return tuple(size for part in teacher.parts for size in _sizes(part))
    return (teacher.size,)
