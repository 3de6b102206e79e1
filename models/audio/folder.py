"""A task of the user's own: a folder with a sub-folder per label, or a CSV of paths and labels."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from models.audio.decode import audio_files
from models.audio.taskset import Clip, Fold, Metric, Task, TaskSet, distinct, grouped_folds

_FOLDS = 5
_REQUIRED = ("path", "label")
_OPTIONAL = ("split", "speaker")
_SPLITS = ("train", "validation", "test")


def own_task_set(path: Path) -> TaskSet:
    """Returns a task set of one task, from a folder or a CSV.

    Folder: ``LABEL/clip.wav``, or ``LABEL/SPEAKER/clip.wav`` to keep speakers apart. CSV: columns
    ``path,label[,split][,speaker]``, paths relative to it, split ``train``, ``validation`` or
    ``test``. Without splits it is a five-fold, with each speaker (or file) in one fold.

    Raises:
        ConfigurationError: a column or file is missing, a split is unknown, or the labels do not
            make a task; names the row.
    """
    return _from_folder(path) if path.is_dir() else _from_csv(path)


def _from_folder(root: Path) -> TaskSet:
    clips = []
    for name in audio_files(root):
        parts = PurePosixPath(name).parts
        if len(parts) < 2:
            continue  # beside the labels, not in one
        group = "/".join(parts[1:-1]) or name
        clips.append(Clip(path=name, sha256=sha256_file(root / name), label=parts[0], group=group))
    return _task_set(root.resolve().name, root, _check_labels(distinct(clips), root), None)


def _from_csv(path: Path) -> TaskSet:
    rows = _rows(path)
    clips: list[Clip] = []
    splits: dict[str, str] = {}
    for number, row in rows:
        audio = path.parent / row["path"]
        if not audio.is_file():
            raise ConfigurationError(
                f"{path}, line {number}: no such file: {row['path']}",
                hint="paths are relative to the CSV",
            )
        sha256 = sha256_file(audio)
        group = row.get("speaker") or sha256
        clips.append(Clip(path=row["path"], sha256=sha256, label=row["label"], group=group))
        if "split" in row:
            splits.setdefault(sha256, _split_of(row["split"], f"{path}, line {number}"))
    checked = _check_labels(distinct(clips), path)
    folds = _folds_of([splits[clip.sha256] for clip in checked], checked, path) if splits else None
    return _task_set(path.stem, path.parent, checked, folds)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path}: cannot be read as a CSV: {error}", hint="save it as UTF-8, comma-separated"
        ) from error
    for wanted in _REQUIRED:
        if wanted not in columns:
            raise ConfigurationError(
                f"{path}: no column {wanted!r}{config.near(wanted, columns)}",
                hint=f"columns are {', '.join(_REQUIRED)} and perhaps {', '.join(_OPTIONAL)}",
            )
    for optional in _OPTIONAL:
        close = config.near(optional, [name for name in columns if name not in _REQUIRED])
        if optional not in columns and close:
            raise ConfigurationError(
                f"{path}: unknown column{close.removeprefix('; did you mean').rstrip('?')}",
                hint=f"name it {optional!r}",
            )
    for number, row in rows:
        if None in row.values() or None in row:
            raise ConfigurationError(
                f"{path}, line {number}: {len(columns)} columns are named, the line has others",
                hint="quote values that hold a comma",
            )
        for wanted in _REQUIRED:
            if not row[wanted]:
                raise ConfigurationError(
                    f"{path}, line {number}: its {wanted} is empty",
                    hint="complete the line or remove it",
                )
    return rows


def _split_of(word: str, where: str) -> str:
    if word not in _SPLITS:
        raise ConfigurationError(
            f"{where}: unknown split {word!r}{config.near(word, list(_SPLITS))}",
            hint=f"splits are {', '.join(_SPLITS)}",
        )
    return word


def _folds_of(splits: Sequence[str], clips: Sequence[Clip], path: Path) -> tuple[Fold, ...]:
    sides = {
        split: tuple(index for index, own_split in enumerate(splits) if own_split == split)
        for split in _SPLITS
    }
    trained = {clips[index].label for index in sides["train"]}
    unseen = sorted({clip.label for clip in clips} - trained)
    if unseen or not sides["test"]:
        problem = f"label {unseen[0]!r} is not in the train split" if unseen else "no test split"
        raise ConfigurationError(
            f"{path}: {problem}", hint="give rows of split train and test for each label"
        )
    return (Fold(train=sides["train"], test=sides["test"], validation=sides["validation"]),)


def _check_labels(clips: list[Clip], source: Path) -> list[Clip]:
    labels = sorted({clip.label for clip in clips})
    if len(labels) < 2:
        problem = f"a single label, {labels[0]!r}" if labels else "no labelled audio"
        raise ConfigurationError(
            f"{source}: {problem}", hint="a task needs audio of at least two labels"
        )
    return clips


def _task_set(name: str, root: Path, clips: list[Clip], folds: tuple[Fold, ...] | None) -> TaskSet:
    labels = [clip.label for clip in clips]
    task = Task(
        name=name,
        metric=Metric.BALANCED_ACCURACY,
        clips=tuple(clips),
        folds=folds or grouped_folds(labels, [clip.group for clip in clips], count=_FOLDS),
        pooled=folds is None,
        chance=1 / len(set(labels)),
    )
    return TaskSet(name=name, root=root, tasks=(task,))
