"""What a public task is: its data's published layout, labels, split, licence and citation."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources

from bench.core import config
from bench.core.errors import ConfigurationError
from models.audio.taskset import Metric

_COLUMNS = 96


class Rule(StrEnum):
    """How clips come to be trained on, validated with or tested."""

    SPEAKERS = "speakers"  # sorted, shuffled by NumPy's RandomState(0), cut by shares: as TFDS does
    LISTS = "lists"  # the data's own lists of files
    FOLDS = "folds"  # the data's own folds
    FILE_NAMES = "file names"  # a part of the file's name is the split
    TRIALS = "trials"  # pairs of clips, all of them tested


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """A CSV of the data set that has the labels.

    Args:
        file: its path, whose folder's name ends the path of the folder where ``files`` start.
        name, label: columns of a file's name and of its label.
        fold, group: columns of the fold, and of what must be on one side of a split.
        more: further files like it; a row without the column of the fold has the fold ``test``.
        suffix: of a file, which the column of its name leaves out.
    """

    file: str
    name: str
    label: str
    fold: str | None = None
    group: str | None = None
    more: tuple[str, ...] = ()
    suffix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Long files that are cut into clips, as TFDS does.

    Args:
        files: pattern of their paths.
        label: of all of them.
        window_samples, hop_samples: at the rate of the file.
    """

    files: str
    label: str
    window_samples: int
    hop_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A data set's folders and files as they are published.

    Args:
        files: regular expression of the end of a clip's path, with groups named ``label``,
            ``speaker``, ``group``, ``split`` and ``date`` (YYYYMMDD) where the path has them.
        labels: what is in the path to the label; as it is where it is not named.
        other_label: of what ``labels`` does not have, where that is not empty.
        left_out: file names that the published task leaves out.
        before: clips of this date and later are left out.
        apart: what is between the labels of a clip that may have several.
    """

    files: str
    labels: Mapping[str, str] = field(default_factory=dict)
    other_label: str | None = None
    left_out: tuple[str, ...] = ()
    before: str | None = None
    apart: str | None = None
    metadata: Metadata | None = None
    cut: Cut | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How a data set is divided.

    Args:
        shares: of ``speakers``: of training, validation, test.
        speakers: all of the data set's, so that a copy without some is divided as the whole is.
        lists: of ``lists``: file to the split of what it names; clips in none are trained on.
        coded: a list's lines are ``1 PATH``, ``2 PATH`` or ``3 PATH`` (train, validation, test).
        prefixes: beginning of a path to its split, before the lists count.
        names: of ``folds`` and ``file names``: the value to the split.
        trials: of ``trials``: the file of pairs, ``1 PATH PATH`` for one speaker and ``0 PATH
            PATH`` for two, as VoxCeleb1 publishes them; without it pairs are drawn with a seed.
        words: in words.
    """

    rule: Rule
    words: str
    shares: tuple[float, ...] = ()
    speakers: tuple[str, ...] = ()
    lists: Mapping[str, str] = field(default_factory=dict)
    coded: bool = False
    prefixes: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    trials: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The data set in TensorFlow Datasets: its name, and the key of the speaker or other group."""

    name: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Counts of the published data set, to know a copy that is not all of it.

    Args:
        clips, speakers: of each split.
        all_speakers: where the counts by split are not published.
        trials: pairs of clips.
    """

    clips: Mapping[str, int] = field(default_factory=dict)
    speakers: Mapping[str, int] = field(default_factory=dict)
    all_speakers: int | None = None
    trials: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicTask:
    """A public task.

    Args:
        suites: the task sets that it belongs to.
        task: what is to be predicted, in words.
        metric: of our score of it.
        classes: how many labels there are.
        steps: what to do by hand to get the data.
        notes: what differs from the published protocol, or is not known of it.
        size: of the data, in words.
    """

    name: str
    title: str
    suites: tuple[str, ...]
    task: str
    metric: Metric
    classes: int
    homepage: str
    licence: str
    citation: str
    size: str
    steps: tuple[str, ...]
    layout: Layout
    split: Split
    speaker: str
    published: Published
    notes: tuple[str, ...] = ()
    tfds: Prepared | None = None

    @property
    def names_speakers(self) -> bool:
        """Whether the group of a clip is who speaks; else it is a recording."""
        return "(?P<speaker>" in self.layout.files


@cache
def catalogue() -> tuple[PublicTask, ...]:
    """Returns all public tasks, by name."""
    folder = resources.files("models.public")
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".yaml"))
    tasks = []
    for name in names:
        with resources.as_file(folder / name) as path:
            tasks.append(config.load(path, PublicTask))
    return tuple(tasks)


def public_task(name: str) -> PublicTask:
    """Returns a public task.

    Raises:
        ConfigurationError: there is none of that name.
    """
    tasks = {task.name: task for task in catalogue()}
    if name not in tasks:
        raise ConfigurationError(
            f"{name}: no such public task{config.near(name, list(tasks))}",
            hint=f"public tasks are {', '.join(tasks)}",
        )
    return tasks[name]


def suite_names() -> list[str]:
    """Returns the names of the task sets that public tasks belong to."""
    return sorted({suite for task in catalogue() for suite in task.suites})


def explained(task: PublicTask) -> list[str]:
    """Returns lines on a task: its data, how to get them, split, licence and citation."""
    parts = [
        ("task", f"{task.task}; {task.classes} classes; {task.metric.value.replace('_', ' ')}"),
        ("task sets", ", ".join((*task.suites, task.name))),
        ("data", f"{task.size}; {task.homepage}"),
        ("split", task.split.words),
        ("speaker", task.speaker),
        ("licence", task.licence),
        ("cite", task.citation),
        *(("note", note) for note in task.notes),
    ]
    lines = [f"{task.name}: {task.title}", ""]
    for word, text in parts:
        lines += _hanging(f"{word}: {text}")
    lines += ["", "by hand:"]
    for number, step in enumerate(task.steps, start=1):
        lines += _hanging(f"{number}. {step}")
    lines += ["", f"then: frill-bench score --task-set {task.name} --data DIR"]
    if task.tfds is not None:
        lines += _hanging(
            f"or, where TensorFlow Datasets prepared it ({task.tfds.name}): DIR is its data_dir, "
            "and the extra tfds is installed; nothing is downloaded"
        )
    return lines


def _hanging(text: str) -> list[str]:
    return textwrap.wrap(
        text, _COLUMNS, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False
    )
