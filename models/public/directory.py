"""Clips of a data set's folder in its published layout: labels, speakers and splits of each."""

from __future__ import annotations

import csv
import re
import wave
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core import atomic
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from models.audio.decode import audio_files
from models.audio.taskset import APART
from models.public.public_task import Cut, Metadata, PublicTask, Rule
from models.public.splits import by_speakers

_CODES = {"1": "train", "2": "validation", "3": "test"}
_UNKNOWN = "?"  # a label that a challenge kept back
_NONE = "none"  # a list of files that are in another split under another name


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One clip of a public data set.

    Args:
        group: its speaker, or recording; empty where the data do not have it.
        split: ``train``, ``validation`` or ``test``.
        place: its path below the data set's folder.
    """

    path: Path
    label: str
    group: str
    split: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a folder has of a data set.

    Args:
        missing: how many files that the data's own lists name are not there.
        stands_in: whether validation is tested, because the test part has no labels.
        trials: pairs of places, and whether one speaker speaks in both; ``None`` where the pairs
            are to be drawn.
    """

    examples: tuple[Example, ...]
    missing: int = 0
    stands_in: bool = False
    trials: tuple[tuple[bool, str, str], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file that fits the layout: its named parts, and the folder that the layout starts in."""

    path: Path
    base: Path
    parts: Mapping[str, str]

    @property
    def place(self) -> str:
        return self.path.relative_to(self.base).as_posix()


def found_in(task: PublicTask, root: Path, *, cache: Path) -> Found:
    """Returns what a folder has of a task's data set; nothing where its layout is not there.

    Args:
        root: the data set's folder, or one within it.
        cache: where clips that are cut out of long files are written.

    Raises:
        ConfigurationError: a list or a table of the data set is missing or cannot be read.
    """
    names = [(root.resolve() / name).as_posix() for name in audio_files(root)]
    layout = task.layout
    files = [file for file in _fitting(layout.files, names) if not _is_left_out(task, file)]
    if not files:
        return Found(examples=())
    examples = _labelled(task, files)
    if layout.cut is not None:
        examples += list(_cut(layout.cut, _fitting(layout.cut.files, names), cache))
    match task.split.rule:
        case Rule.SPEAKERS:
            return Found(examples=tuple(_split_by_speakers(task, examples)))
        case Rule.LISTS:
            return _split_by_lists(task, examples, _only_base(task, files))
        case Rule.TRIALS:
            return _tried(task, examples, files)
        case Rule.FOLDS | Rule.FILE_NAMES:
            named = [replace(each, split=task.split.names[each.split]) for each in examples]
            return _with_a_test(named)


def _fitting(pattern: str, names: Iterable[str]) -> list[_File]:
    expression = re.compile(f"(?<=/){pattern}$")
    return [
        _File(
            path=Path(name),
            base=Path(name[: match.start()]),
            parts={key: value for key, value in match.groupdict().items() if value},
        )
        for name in names
        if (match := expression.search(name))
    ]


def _is_left_out(task: PublicTask, file: _File) -> bool:
    layout = task.layout
    late = layout.before is not None and file.parts.get("date", "") >= layout.before
    return late or file.path.name in layout.left_out


def _labelled(task: PublicTask, files: Sequence[_File]) -> list[Example]:
    table = None
    if task.layout.metadata is not None:
        table = _table(_only_base(task, files), task.layout.metadata)
    examples = []
    for file in files:
        parts = file.parts if table is None else {**file.parts, **table.get(file.path.name, {})}
        label = _label(task, parts.get("label", _UNKNOWN))
        if label is not None:
            group = parts.get("speaker") or parts.get("group") or ""
            split = parts.get("split", "")
            examples.append(
                Example(path=file.path, label=label, group=group, split=split, place=file.place)
            )
    return examples


def _label(task: PublicTask, word: str) -> str | None:
    """Returns the label of what a file is marked with, ``None`` if the task does not have it."""
    if word == _UNKNOWN:
        return None
    labels, apart = task.layout.labels, task.layout.apart
    if apart is not None:
        return APART.join(sorted(word.split(apart)))
    return labels.get(word, task.layout.other_label) if labels else word


def _only_base(task: PublicTask, files: Sequence[_File]) -> Path:
    bases = sorted({file.base for file in files})
    if len(bases) > 1:
        raise ConfigurationError(
            f"{bases[0]} and {bases[1]} are two copies of {task.name}", hint="name one of them"
        )
    return bases[0]


def _table(base: Path, metadata: Metadata) -> dict[str, dict[str, str]]:
    """Returns of each file's name the parts that the data set's table has."""
    columns = {"label": metadata.label, "split": metadata.fold, "group": metadata.group}
    found: dict[str, dict[str, str]] = {}
    for place in (metadata.file, *metadata.more):
        path = base / place
        otherwise = {metadata.fold: "test"} if metadata.more else {}
        try:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                for row in csv.DictReader(stream):
                    whole = {**otherwise, **row}
                    found[Path(row[metadata.name]).name + metadata.suffix] = {
                        part: whole[column].strip() for part, column in columns.items() if column
                    }
        except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
            raise _unreadable(path, error) from error
    return found


def _split_by_speakers(task: PublicTask, examples: Sequence[Example]) -> Iterator[Example]:
    speakers = [each.group for each in examples]
    splits = by_speakers({*speakers, *task.split.speakers}, task.split.shares, what=task.name)
    for each in examples:
        yield replace(each, split=splits[each.group])


def _split_by_lists(task: PublicTask, examples: Sequence[Example], base: Path) -> Found:
    listed: dict[str, str] = {}
    for name, split in task.split.lists.items():
        folder = "" if task.split.coded else str(Path(name).parent) + "/"
        for line in _lines(base / name):
            code, _, rest = line.partition(" ") if task.split.coded else (split, "", line)
            listed[folder + rest.strip()] = _CODES.get(code, code)
    kept = []
    there = set()
    for each in examples:
        place = each.place.removeprefix("wav/") if task.split.coded else each.place
        there.add(place)
        split = _listed_split(task, each, place, listed)
        if split != _NONE:
            kept.append(replace(each, split=split))
    return Found(examples=tuple(kept), missing=len(listed.keys() - there))


def _listed_split(task: PublicTask, example: Example, place: str, listed: Mapping[str, str]) -> str:
    for prefix, split in task.split.prefixes.items():
        if example.place.startswith(prefix):
            return split
    otherwise = _NONE if task.split.coded else "train"
    return listed.get(place) or task.split.names.get(example.group, otherwise)


def _tried(task: PublicTask, examples: Sequence[Example], files: Sequence[_File]) -> Found:
    """Returns the clips that pairs are of, all of them tested."""
    tested = [replace(each, split="test") for each in examples]
    if task.split.trials is None:
        return Found(examples=tuple(tested))
    listed = read_trials(_only_base(task, files) / task.split.trials)
    named = {place for _, *places in listed for place in places}
    kept = [each for each in tested if each.place.removeprefix("wav/") in named]
    kept = [replace(each, place=each.place.removeprefix("wav/")) for each in kept]
    there = {each.place for each in kept}
    return Found(examples=tuple(kept), missing=len(named - there), trials=tuple(listed))


def read_trials(path: Path) -> list[tuple[bool, str, str]]:
    """Returns pairs of paths, and whether one speaker speaks in both.

    Args:
        path: of a list with ``1 PATH PATH`` or ``0 PATH PATH`` on each line, as VoxCeleb1's.

    Raises:
        ConfigurationError: it cannot be read, or a line is not one of these.
    """
    found = []
    for number, line in enumerate(_lines(path), start=1):
        words = line.split()
        if len(words) != 3 or words[0] not in ("0", "1"):
            raise ConfigurationError(
                f"{path}: line {number} is not a pair: {line[:80]!r}",
                hint="each line is 1 PATH PATH for one speaker, or 0 PATH PATH for two",
            )
        found.append((words[0] == "1", words[1], words[2]))
    return found


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _with_a_test(examples: Sequence[Example]) -> Found:
    if any(each.split == "test" for each in examples):
        return Found(examples=tuple(examples))
    stands_in = [
        replace(each, split="test") if each.split == "validation" else each for each in examples
    ]
    return Found(examples=tuple(stands_in), stands_in=True)


def _cut(cut: Cut, files: Sequence[_File], cache: Path) -> Iterator[Example]:
    """Yields clips that are cut out of long WAV files, written once below ``cache``."""
    for file in files:
        stem = sha256_value([file.path.as_posix(), file.path.stat().st_mtime_ns])[:16]
        folder = cache / "cut" / f"{file.path.stem}-{stem}"
        for path in _pieces(file.path, cut, folder):
            yield Example(
                path=path,
                label=cut.label,
                group=file.parts.get("group", ""),
                split="",
                place=f"{file.place}/{path.name}",
            )


def _pieces(path: Path, cut: Cut, folder: Path) -> Iterator[Path]:
    try:
        with wave.open(str(path)) as source:
            shape = source.getparams()
            width = source.getnchannels() * source.getsampwidth()
            audio = source.readframes(source.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise _unreadable(path, error) from error
    for start in range(0, len(audio) // width - cut.window_samples, cut.hop_samples):
        piece = folder / f"{start}.wav"
        if not piece.is_file():
            part = audio[start * width : (start + cut.window_samples) * width]
            with atomic.replacing(piece) as partial, wave.open(str(partial), "wb") as target:
                target.setnchannels(shape.nchannels)
                target.setsampwidth(shape.sampwidth)
                target.setframerate(shape.framerate)
                target.writeframes(part)
        yield piece


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: cannot be read: {error}",
        hint="it belongs to the data set's published layout: frill-bench data explain",
    )
