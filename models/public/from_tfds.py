"""Clips of a data set that TensorFlow Datasets prepared, as WAV files in the cache, once."""

from __future__ import annotations

import csv
import wave
from collections.abc import Iterator
from pathlib import Path

from bench.core import atomic
from bench.core.hashing import sha256_file, sha256_value
from models.audio import prepared
from models.public.directory import Example, Found
from models.public.public_task import Prepared

_INDEX = "clips.csv"
_COLUMNS = ("path", "label", "group", "split")
_INFO = "dataset_info.json"


def found_by_tfds(data: Prepared, folder: Path, *, cache: Path) -> Found:
    """Returns the clips of a prepared data set, by its own splits.

    They are written one by one as WAV files of the data set's rate, so that memory has one of
    them at a time; an interrupted call begins again.

    Args:
        folder: of the version, where TFDS has written ``dataset_info.json``.
        cache: where the WAV files are.

    Raises:
        ConfigurationError: TFDS is not installed, or it cannot read the folder.
    """
    identity = sha256_value([folder.resolve().as_posix(), sha256_file(folder / _INFO)])[:16]
    target = cache / "tfds" / f"{data.name}-{identity}"
    if not (target / _INDEX).is_file():
        _write(data, folder, target)
    with (target / _INDEX).open(newline="") as stream:
        return Found(
            examples=tuple(
                Example(
                    path=target / row["path"],
                    label=row["label"],
                    group=row["group"],
                    split=row["split"],
                    place=row["path"],
                )
                for row in csv.DictReader(stream)
            )
        )


def _write(data: Prepared, folder: Path, target: Path) -> None:
    with atomic.replacing(target / _INDEX) as partial, partial.open("w", newline="") as stream:
        index = csv.writer(stream)
        index.writerow(_COLUMNS)
        for row in _written(data, folder, target):
            index.writerow(row)


def _written(data: Prepared, folder: Path, target: Path) -> Iterator[tuple[str, str, str, str]]:
    contents = prepared.by_folder(folder)
    try:
        for number, clip in enumerate(contents.clips()):
            name = f"{clip.split}/{number:07}.wav"
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(path), "wb") as stream:
                stream.setnchannels(1)
                stream.setsampwidth(2)
                stream.setframerate(contents.rate_hz)
                stream.writeframes(clip.samples.astype("<i2").tobytes())
            group = clip.fields.get(data.speaker, "") if data.speaker else ""
            yield name, clip.label, group, clip.split
    except (ImportError, OSError, ValueError, KeyError) as error:
        raise prepared.unreadable(str(folder), error) from error
