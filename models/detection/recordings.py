"""The audio that detectors hear: recordings without the event, with one each, or with a list."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file, sha256_value
from models.audio.decode import audio_files
from models.tflite.arrays import Floats

_NOISE, _SEED = 1e-4, 80
_COLUMNS = ("path", "start_s", "end_s")
_CSV_HINT = "a CSV of events has the columns path,start_s,end_s; paths are relative to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A file of audio.

    Args:
        name: its path as the user gave it, relative to the folder.
        events: start and end of each event in it, in seconds; (0, inf) is the whole file.
    """

    path: Path
    name: str
    sha256: str
    events: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """What is heard.

    Args:
        background: where alarms outside of events are false; such files may hold events too.
        positives: word to the files that hold it, one event each, and nothing else that counts;
            "" is the word of all detectors that have no own.
        left_out: copies, files of the background that are among the positives too, and files that
            a head was trained on.
    """

    background: tuple[Recording, ...]
    positives: Mapping[str, tuple[Recording, ...]]
    left_out: int

    def of(self, detector: str) -> tuple[Recording, ...]:
        """Returns the positives of a detector, whose word is the last part of its name."""
        return self.positives.get(detector.rpartition("/")[2], self.positives.get("", ()))

    @property
    def sha256(self) -> str:
        """The identity of all of it: contents, order and events."""
        sides = {"background": self.background, **{f"+{k}": v for k, v in self.positives.items()}}
        return sha256_value(
            {
                name: [
                    [each.sha256, [list(map(str, event)) for event in each.events]] for each in side
                ]
                for name, side in sides.items()
            }
        )


def pause(seconds: float) -> Floats:
    """Returns what is between recordings, float32 [samples]: noise of -80 dBFS, always the same.

    No microphone gives zeros, and front-ends that adapt to the noise would adapt to those.
    """
    noise = np.random.default_rng(_SEED).normal(scale=_NOISE, size=round(seconds * SAMPLE_RATE_HZ))
    return noise.astype(np.float32)


def recordings(
    *,
    audio: Path | None = None,
    positives: Mapping[str, Path] = MappingProxyType({}),
    events: Path | None = None,
    trained_on: frozenset[str] = frozenset(),
) -> Recordings:
    """Returns the recordings of folders and of a CSV of events.

    Args:
        audio: folder without the event; a file of it that is among the positives, by its content,
            is left out.
        positives: word to a folder of clips that hold it, one event each; "" is any word.
        events: CSV of long recordings with the times of their events.
        trained_on: SHA-256 of files that are never tested.

    Raises:
        ConfigurationError: a folder has no audio, or a row of the CSV is wrong.
    """
    clips = {word: _positive(folder) for word, folder in positives.items()}
    listed = _listed(events) if events is not None else []
    folder = _folder(audio) if audio is not None else []
    given = [*folder, *listed, *(each for side in clips.values() for each in side)]
    tested = {word: _once(side, trained_on) for word, side in clips.items()}
    with_events = _once(listed, trained_on)
    known = {each.sha256 for side in (*tested.values(), with_events) for each in side}
    background = (*_once(folder, known | trained_on), *with_events)
    if not background:
        raise ConfigurationError(
            "there is no audio to hear false alarms on",
            hint="give a folder with --audio, or recordings with --events",
        )
    kept = len(background) + sum(map(len, tested.values()))
    return Recordings(background=background, positives=tested, left_out=len(given) - kept)


def _once(found: Iterable[Recording], known: Collection[str]) -> tuple[Recording, ...]:
    """Returns recordings without those of known content, and each content once."""
    first: dict[str, Recording] = {}
    for each in found:
        first.setdefault(each.sha256, each)
    return tuple(each for each in first.values() if each.sha256 not in known)


def _positive(folder: Path) -> list[Recording]:
    return [replace(each, events=((0.0, math.inf),)) for each in _folder(folder)]


def _folder(root: Path) -> list[Recording]:
    names = audio_files(root) if root.is_dir() else []
    if not names:
        raise ConfigurationError(f"{root}: holds no audio files", hint="WAV, FLAC, OGG, MP3 ...")
    return [
        Recording(path=root / name, name=name, sha256=sha256_file(root / name)) for name in names
    ]


def _listed(path: Path) -> list[Recording]:
    by_file: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, row in _rows(path):
        by_file[row["path"]].append(_event(row, f"{path}, line {number}"))
    missing = [name for name in by_file if not (path.parent / name).is_file()]
    if missing:
        raise ConfigurationError(
            f"{path}: {len(missing)} of {len(by_file)} files are missing: {missing[0]}",
            hint=_CSV_HINT,
        )
    return [
        Recording(
            path=path.parent / name,
            name=name,
            sha256=sha256_file(path.parent / name),
            events=tuple(sorted(events)),
        )
        for name, events in by_file.items()
    ]


def _rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if missing := set(_COLUMNS) - set(reader.fieldnames or ()):
                raise ConfigurationError(
                    f"{path}: no column {sorted(missing)[0]!r}", hint=_CSV_HINT
                )
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path}: cannot be read as a CSV: {error}", hint=_CSV_HINT) from (
            error
        )


def _event(row: dict[str, str], where: str) -> tuple[float, float]:
    try:
        start, end = float(row["start_s"]), float(row["end_s"])
    except (TypeError, ValueError):
        start, end = math.nan, math.nan
    if not 0 <= start < end < math.inf:
        raise ConfigurationError(
            f"{where}: an event from {row['start_s']!r} to {row['end_s']!r} s",
            hint="its start is 0 or more, its end is after it",
        )
    return start, end
