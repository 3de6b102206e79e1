"""A task of the user's own: a folder with a sub-folder per label, or a CSV of paths and labels."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from bench.core import config
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.core.progress import OnProgress, ignore
from models.audio.decode import SUFFIXES, audio_files
from models.audio.quality import counts, listed, oddities
from models.audio.taskset import Clip, Fold, Metric, Task, TaskSet, distinct, grouped_folds

_FOLDS = 5
_SEPARATORS = ";\t|"
_REQUIRED = ("path", "label")
_OPTIONAL = ("split", "speaker")
_SPLITS = ("train", "validation", "test")
_FOLDERS_OF_SPLITS = frozenset({*_SPLITS, "training", "testing", "valid", "val", "dev", "eval"})


def own_task_set(path: Path, *, on_progress: OnProgress = ignore) -> TaskSet:
    """Returns a task set of one task, from a folder or a CSV.

    Its caveats say what makes a score on it too good or less certain: speakers on both sides or
    unknown, files that were left out, odd audio, a single class that is tested.

    Folder: ``LABEL/clip.wav``, or ``LABEL/SPEAKER/clip.wav`` to keep speakers apart; below a
    speaker may be more folders. CSV: columns
    ``path,label[,split][,speaker]``, paths relative to it, split ``train``, ``validation`` or
    ``test``. Without splits it is a five-fold, with each speaker (or file) in one fold.

    Args:
        on_progress: called with the clips checked and all clips.

    Raises:
        ConfigurationError: a column or files are missing or cannot be decoded, a split is unknown,
            or the labels do not make a task; names the row.
    """
    task_set = _from_folder(path) if path.is_dir() else _from_csv(path)
    odd = oddities(task_set.paths(), on_progress=on_progress)
    if odd:
        evidence = f"of {len(task_set.paths())} clips {counts(odd)}"
        caveat = Caveat(kind=CaveatKind.ODD_AUDIO, evidence=evidence)
        task_set = replace(task_set, caveats=(*task_set.caveats, caveat))
    return task_set


def summary(task_set: TaskSet) -> str:
    """Returns what was understood of the user's audio, in words."""
    (task,) = task_set.tasks
    labels = sorted({clip.label for clip in task.clips})
    groups = {clip.group for clip in task.clips}
    kinds = {caveat.kind for caveat in task_set.caveats}
    speakers = "" if CaveatKind.SPEAKERS_UNKNOWN in kinds else f", {len(groups)} speakers"
    return f"{len(task.clips)} clips, {len(labels)} labels ({listed(labels)}){speakers}"


def _from_folder(root: Path) -> TaskSet:
    clips = []
    found = audio_files(root)
    names = [name for name in found if not _is_hidden(name)]
    _refuse_splits(root, {PurePosixPath(name).parts[0] for name in names if "/" in name})
    for name in names:
        parts = PurePosixPath(name).parts
        if len(parts) < 2:
            continue  # beside the labels, not in one
        speaker = parts[1] if len(parts) > 2 else ""
        clips.append(
            Clip(
                path=name,
                sha256=sha256_file(root / name),
                label=parts[0],
                group=speaker or name,
                speaker=speaker,
            )
        )
    left_out = Counter(_unused_files(root))
    left_out["hidden"] += len(found) - len(names)
    left_out["beside the folders of the labels"] += len(names) - len(clips)
    alone = sum(clip.group == clip.path for clip in clips)
    caveats = _speakers_unknown(alone, len(clips))
    return _task_set(root.resolve().name, root, clips, {}, left_out, caveats, source=root)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def _refuse_splits(root: Path, labels: set[str]) -> None:
    """Raises an error where the folders are those of splits, with the labels in them."""
    if len(labels) > 1 and {label.lower() for label in labels} <= _FOLDERS_OF_SPLITS:
        raise ConfigurationError(
            f"{root}: its folders are named like splits, not like labels: "
            f"{', '.join(sorted(labels))}",
            hint="write a CSV with the columns path,label,split",
        )


def _unused_files(root: Path) -> Iterator[str]:
    """Yields why each file below ``root`` is not used, in words; hidden files are not counted."""
    for folder, folders, names in os.walk(root):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for name in (each for each in names if not each.startswith(".")):
            path = Path(folder, name)
            if path.suffix.lower() not in SUFFIXES:
                yield f"that end in {path.suffix}" if path.suffix else "without a suffix"
            elif path.is_symlink():
                yield "that are links"
            elif path.stat().st_size == 0:
                yield "empty"


def _speakers_unknown(count: int, clips: int) -> list[Caveat]:
    if not count:
        return []
    evidence = f"of {count} of {clips} clips; name them by LABEL/SPEAKER/ or a column speaker"
    return [Caveat(kind=CaveatKind.SPEAKERS_UNKNOWN, evidence=evidence)]


def _from_csv(path: Path) -> TaskSet:
    rows = _rows(path)
    _refuse_missing(path, rows)
    clips: list[Clip] = []
    splits: dict[str, set[str]] = {}
    for number, row in rows:
        sha256 = sha256_file(path.parent / row["path"])
        speaker = row.get("speaker", "")
        clips.append(
            Clip(
                path=row["path"],
                sha256=sha256,
                label=row["label"],
                group=speaker or sha256,
                speaker=speaker,
            )
        )
        if "split" in row:
            split = _split_of(row["split"], f"{path}, line {number}")
            splits.setdefault(sha256, set()).add(split)
    # What is trained on is never tested: of several splits, the first of _SPLITS counts.
    chosen = {sha256: min(own, key=_SPLITS.index) for sha256, own in splits.items()}
    left_out = Counter(
        {"in several splits, kept in the first": sum(len(own) > 1 for own in splits.values())}
    )
    alone = sum(not row.get("speaker") for _, row in rows)
    caveats = _speakers_unknown(alone, len(clips))
    return _task_set(path.stem, path.parent, clips, chosen, left_out, caveats, source=path)


def _refuse_missing(path: Path, rows: Sequence[tuple[int, dict[str, str]]]) -> None:
    missing = [
        f"{row['path']} (line {number})"
        for number, row in rows
        if not (path.parent / row["path"]).is_file()
    ]
    if missing:
        raise ConfigurationError(
            f"{path}: {len(missing)} of {len(rows)} files are missing: {listed(missing)}",
            hint="paths are relative to the CSV"
            + (", with / between folders" if any("\\" in each for each in missing) else ""),
        )


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path}: cannot be read as a CSV: {error}", hint="save it as UTF-8, comma-separated"
        ) from error
    _check_columns(path, columns)
    for number, row in rows:
        if None in row.values() or None in row:
            raise ConfigurationError(
                f"{path}, line {number}: {len(columns)} columns are named, the line has others",
                hint="quote values that hold a comma",
            )
        for wanted in _REQUIRED:
            if not row[wanted].strip():
                raise ConfigurationError(
                    f"{path}, line {number}: its {wanted} is empty",
                    hint="complete the line or remove it",
                )
    return [(number, _tidy(path, row)) for number, row in rows]


def _tidy(path: Path, row: dict[str, str]) -> dict[str, str]:
    """Returns a row without blanks around its cells, and each name in one way of writing it."""
    tidy = {key: unicodedata.normalize("NFC", value.strip()) for key, value in row.items()}
    own, bare = row["path"], row["path"].strip()
    return {**tidy, "path": own if (path.parent / own).is_file() else bare}


def _check_columns(path: Path, columns: list[str]) -> None:
    for separator in _SEPARATORS if len(columns) == 1 else "":
        if separator in columns[0]:
            raise ConfigurationError(
                f"{path}: its columns are separated by {separator!r}, not by commas",
                hint="save it comma-separated",
            )
    for wanted in _REQUIRED:
        if wanted not in columns:
            raise ConfigurationError(
                f"{path}: no column {wanted!r}{config.near(wanted, columns)}",
                hint=f"columns are {', '.join(_REQUIRED)} and perhaps {', '.join(_OPTIONAL)}",
            )
    if twice := [name for name, count in Counter(columns).items() if name and count > 1]:
        raise ConfigurationError(
            f"{path}: the column {twice[0]!r} is there twice", hint="remove one of them"
        )
    for optional in _OPTIONAL:
        close = config.near(optional, [name for name in columns if name not in _REQUIRED])
        if optional not in columns and close:
            raise ConfigurationError(
                f"{path}: unknown column{close.removeprefix('; did you mean').rstrip('?')}",
                hint=f"name it {optional!r}",
            )


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


def _task_set(
    name: str,
    root: Path,
    found: list[Clip],
    splits: dict[str, str],
    left_out: Counter[str],
    caveats: list[Caveat],
    *,
    source: Path,
) -> TaskSet:
    """Returns the task set of clips.

    Args:
        found: copies among them.
        splits: SHA-256 of a clip to its split; empty where folds are to be made.
        left_out: what of the files is left out, in words, and how many.
        source: for messages.
    """
    clips = _check_labels(distinct(found), source)
    labels = [clip.label for clip in clips]
    kept = {clip.sha256 for clip in clips}
    clashing = sum(clip.sha256 not in kept for clip in found)
    left_out["of two labels"] += clashing
    left_out["copies"] += len(found) - len(clips) - clashing
    folds = _folds_of([splits[clip.sha256] for clip in clips], clips, source) if splits else None
    shared = _shared_speakers(clips, folds) if folds else []
    tested = {clips[index].label for fold in folds or () for index in fold.test}
    metric = Metric.RECALL if len(tested) == 1 else Metric.BALANCED_ACCURACY
    task = Task(
        name=name,
        metric=metric,
        clips=tuple(clips),
        folds=folds or _own_folds(clips),
        pooled=folds is None,
        chance=1 / len(set(labels)),
    )
    if metric is Metric.RECALL:
        caveats.append(Caveat(kind=CaveatKind.ONE_CLASS_TESTED, evidence=f"{min(tested)!r} alone"))
    if shared:
        evidence = f"{len(shared)} speakers: {listed(shared)}"
        caveats.append(Caveat(kind=CaveatKind.SPEAKERS_SHARED, evidence=evidence))
    if left_out := +left_out:
        caveats.append(Caveat(kind=CaveatKind.CLIPS_LEFT_OUT, evidence=counts(left_out)))
    return TaskSet(name=name, root=root, tasks=(task,), caveats=tuple(caveats))


def _own_folds(clips: Sequence[Clip]) -> tuple[Fold, ...]:
    labels, groups = [clip.label for clip in clips], [clip.group for clip in clips]
    try:
        return grouped_folds(labels, groups, count=_FOLDS)
    except ConfigurationError as error:
        raise ConfigurationError(
            error.message,
            hint=f"{error.hint}; folders are LABEL/SPEAKER/, not SPEAKER/LABEL/",
        ) from error


def _shared_speakers(clips: Sequence[Clip], folds: tuple[Fold, ...]) -> list[str]:
    """Returns the speakers that are trained on and tested; a clip without one is its own."""
    (fold,) = folds
    trained, tested = (
        {clips[index].speaker for index in side if clips[index].speaker}
        for side in (fold.train, fold.test)
    )
    return sorted(trained & tested)
