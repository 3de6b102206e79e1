"""Task sets of public tasks, from the user's folder of data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.paths import cache_dir
from bench.core.progress import OnStepProgress, ignore
from models.audio.prepared import prepared_folder
from models.audio.quality import counts, listed
from models.audio.taskset import (
    APART,
    Clip,
    Fold,
    Metric,
    Task,
    TaskSet,
    Trial,
    distinct,
    drawn_trials,
)
from models.public.directory import Example, Found, found_in
from models.public.from_tfds import found_by_tfds
from models.public.public_task import PublicTask, catalogue, public_task, suite_names
from models.public.splits import SPLITS
from models.public.sums import sums_of

_MOST_PAIRS = 10_000  # of one speaker, and of two, where no list names them


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    task: Task
    caveats: tuple[Caveat, ...]


def is_public(name: str) -> bool:
    """Returns whether a name is that of a public task or of a task set of them."""
    return name in suite_names() or name in {task.name for task in catalogue()}


def public_task_set(name: str, data: Path, *, on_progress: OnStepProgress = ignore) -> TaskSet:
    """Returns a public task, or the tasks of a set that the user's folder has the data of.

    Args:
        name: of a task, whose data are ``data`` or ``data/NAME``; or of a set, of whose tasks each
            has its data in ``data/NAME``. Or ``data`` is a folder of TensorFlow Datasets.
        on_progress: called with the task, its clips read and all of them.

    Raises:
        ConfigurationError: there is no such task, or not its data, or they cannot be read.
    """
    is_suite = name in suite_names()
    tasks = [t for t in catalogue() if name in t.suites] if is_suite else [public_task(name)]
    places = {task.name: _place(task, data, alone=not is_suite) for task in tasks}
    read, missing = [], []
    for task in tasks:
        found = _found(task, places[task.name])
        if found.examples:
            read.append(_read(task, found, partial(on_progress, task.name)))
        else:
            missing.append(task.name)
    if not read:
        raise ConfigurationError(
            f"{data}: holds the data of {', '.join(missing)} neither in the published layout nor "
            "as TensorFlow Datasets prepares them",
            hint=f"frill-bench data explain {missing[0]}",
        )
    caveats = [caveat for each in read for caveat in each.caveats]
    if missing:
        evidence = f"{name} without {', '.join(missing)}, whose data are not in the folder"
        caveats.append(Caveat(kind=CaveatKind.INCOMPLETE_DATA, evidence=evidence))
    return TaskSet(
        name=name,
        root=Path("/"),
        tasks=tuple(each.task for each in read),
        caveats=tuple(caveats),
    )


def about_public(task_set: TaskSet) -> list[str]:
    """Returns lines on what was found of each task, and each caveat."""
    lines = []
    for task in task_set.tasks:
        (fold,) = task.folds
        labels = len(_labels(clip.label for clip in task.clips))
        sides = (fold.train, fold.validation, fold.test)
        parts = ", ".join(
            f"{len(side):,} {split}" for split, side in zip(SPLITS, sides, strict=True)
        )
        pairs = f", {len(task.trials):,} pairs" if task.trials else ""
        lines.append(f"{task.name}: {parts} clips, {labels} labels{pairs}")
    caveats = [f"{each.kind.value}: {each.text} ({each.evidence})" for each in task_set.caveats]
    return [*lines, *caveats]


def _place(task: PublicTask, data: Path, *, alone: bool) -> Path:
    """Returns the folder of a task's data: prepared by TFDS, of its name, or all of ``data``."""
    if task.tfds is not None and (folder := prepared_folder(data, task.tfds.name)) is not None:
        return folder
    own = data / task.name
    return data if alone and not own.is_dir() else own


def _found(task: PublicTask, place: Path) -> Found:
    cache = cache_dir() / "public"
    if task.tfds is not None and (place / "dataset_info.json").is_file():
        return found_by_tfds(task.tfds, place, cache=cache)
    return found_in(task, place, cache=cache) if place.is_dir() else Found(examples=())


def _read(task: PublicTask, found: Found, on_progress: partial[None]) -> _Read:
    examples = found.examples
    sums = sums_of(
        [each.path for each in examples], key=task.name, cache=cache_dir(), on_progress=on_progress
    )
    clips, splits = _clips(task, examples, sums)
    kept = distinct(clips)
    left_out = Counter({"copies or of two labels": len(examples) - len(kept)})
    trials: tuple[Trial, ...] = ()
    if task.metric is Metric.EER:
        trials = _trials(found, kept, sums)
        fold = Fold(train=(), test=tuple(range(len(kept))))
        pairs = len(found.trials or trials)
        left_out["pairs without both clips"] = pairs - len(trials)
    else:
        fold = _fold(task, kept, splits)
    return _Read(
        task=Task(
            name=task.name,
            metric=task.metric,
            clips=tuple(kept),
            folds=(fold,),
            pooled=False,
            chance=_chance(task, kept, fold),
            trials=trials,
        ),
        caveats=tuple(_caveats(task, found, kept, fold, left_out)),
    )


def _clips(
    task: PublicTask, examples: Sequence[Example], sums: Sequence[str]
) -> tuple[list[Clip], dict[str, str]]:
    """Returns the clips, and the split of each content: the first of several counts.

    So what is trained on is never tested.
    """
    splits: dict[str, set[str]] = defaultdict(set)
    clips = []
    for each, sha256 in zip(examples, sums, strict=True):
        splits[sha256].add(each.split)
        clips.append(
            Clip(
                path=str(each.path),
                sha256=sha256,
                label=each.label,
                group=each.group or sha256,
                speaker=each.group if task.names_speakers else "",
            )
        )
    return clips, {sha256: min(own, key=SPLITS.index) for sha256, own in splits.items()}


def _labels(texts: Iterable[str]) -> set[str]:
    return {label for text in texts for label in text.split(APART)}


def _chance(task: PublicTask, clips: Sequence[Clip], fold: Fold) -> float:
    """Returns what guessing scores: of average precisions the shares of the labels."""
    if task.metric is Metric.EER:
        return 0.5
    if task.metric is not Metric.MEAN_AVERAGE_PRECISION:
        return 1 / len({clip.label for clip in clips})
    tested = [clips[index].label.split(APART) for index in fold.test]
    counted = Counter(label for labels in tested for label in labels)
    return fmean(count / len(tested) for count in counted.values())


def _trials(found: Found, clips: Sequence[Clip], sums: Sequence[str]) -> tuple[Trial, ...]:
    """Returns the listed pairs whose clips are both there, else pairs that are drawn."""
    if found.trials is None:
        return drawn_trials(clips, most=_MOST_PAIRS)
    rows = {clip.sha256: row for row, clip in enumerate(clips)}
    places = {
        each.place: rows[sha256]
        for each, sha256 in zip(found.examples, sums, strict=True)
        if sha256 in rows
    }
    return tuple(
        Trial(one=places[one], other=places[other], is_same=is_same)
        for is_same, one, other in found.trials
        if one in places and other in places
    )


def _fold(task: PublicTask, clips: Sequence[Clip], splits: Mapping[str, str]) -> Fold:
    sides: dict[str, list[int]] = {split: [] for split in SPLITS}
    for index, clip in enumerate(clips):
        sides[splits[clip.sha256]].append(index)
    trained = _labels(clips[index].label for index in sides["train"])
    unseen = sorted(_labels(clips[index].label for index in sides["test"]) - trained)
    if len(trained) < 2 or not sides["test"] or unseen:
        problem = (
            f"label {unseen[0]!r} is tested only" if unseen else "a side of the split is empty"
        )
        raise ConfigurationError(
            f"{task.name}: {problem}", hint="the copy has too little of the data set"
        )
    return Fold(
        train=tuple(sides["train"]),
        validation=tuple(sides["validation"]),
        test=tuple(sides["test"]),
    )


def _caveats(
    task: PublicTask, found: Found, clips: Sequence[Clip], fold: Fold, left_out: Counter[str]
) -> Iterator[Caveat]:
    if differing := list(_differences(task, found)):
        evidence = f"{task.name}: {listed(differing)}"
        yield Caveat(kind=CaveatKind.INCOMPLETE_DATA, evidence=evidence)
    groups = [{clips[index].group for index in side} for side in (fold.train, fold.test)]
    if shared := sorted(groups[0] & groups[1]):
        evidence = f"{task.name}: {len(shared)} speakers or recordings: {listed(shared)}"
        yield Caveat(kind=CaveatKind.SPEAKERS_SHARED, evidence=evidence)
    if left_out := +left_out:
        yield Caveat(kind=CaveatKind.CLIPS_LEFT_OUT, evidence=f"{task.name}: {counts(left_out)}")


def _differences(task: PublicTask, found: Found) -> Iterator[str]:
    """Yields in words what of the published counts is not so in a copy."""
    published = task.published
    clips = Counter(each.split for each in found.examples)
    speakers: dict[str, set[str]] = defaultdict(set)
    for each in found.examples:
        speakers[each.split].add(each.group)
    if found.stands_in:
        yield "the test part has no labels, so validation is tested"
    if found.missing:
        yield f"{found.missing:,} files of the data's own lists are not there"
    for split, count in published.clips.items():
        if clips[split] != count and not found.stands_in:
            yield f"{clips[split]:,} of {count:,} {split} clips"
    for split, count in published.speakers.items():
        if len(speakers[split]) != count:
            yield f"{len(speakers[split])} of {count} {split} speakers"
    everybody = len(set().union(*speakers.values()))
    labels = len(_labels(each.label for each in found.examples))
    wholes = (
        (everybody, published.all_speakers, "speakers"),
        (len(found.trials or ()), published.trials, "pairs"),
        (labels, task.classes, "labels"),
    )
    for count, all_of, what in wholes:
        if all_of not in (None, count):
            yield f"{count:,} of {all_of:,} {what}"
