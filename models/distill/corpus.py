"""The audio that students are trained on: packages, synthetic voices, a folder, TFDS."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.hashing import sha256_bytes, sha256_file
from models.audio import packages, prepared
from models.audio.decode import audio_files, decode, resample
from models.audio.development import SYNTHETIC, held_out_voice, voices_root
from models.distill.parts import TrainingClip
from models.tflite.arrays import Floats

_TFDS = "tfds:"


def clips_of(audio: str) -> tuple[list[TrainingClip], tuple[str, ...]]:
    """Returns the clips of the sources that ``+`` joins, and their licences.

    A source is ``packages`` (``packages:training`` leaves the development voices to validation),
    ``voices`` (which always does), a folder or, as the last, ``tfds:NAME[:SPLIT]``.

    Raises:
        ConfigurationError: there is no such folder or data set, or no audio in it.
        InfrastructureError: the packages or the voices were not fetched.
    """
    clips: list[TrainingClip] = []
    licences: list[str] = []
    for source in sources_of(audio):
        more, their_licences = _of_source(source)
        clips += more
        licences += their_licences
    return clips, tuple(dict.fromkeys(licences))


def sources_of(audio: str) -> list[str]:
    """Returns the sources that ``+`` joins; a folder's name and a split of TFDS may hold one."""
    if Path(audio).expanduser().is_dir():
        return [audio]
    others, mark, tfds = audio.partition(_TFDS)
    sources = others.removesuffix("+").split("+") if others else []
    return [*sources, mark + tfds] if mark else sources


def _of_source(source: str) -> tuple[list[TrainingClip], tuple[str, ...]]:
    match source:
        case "packages":
            return _packaged()
        case "packages:training":
            clips, licences = _packaged()
            return [_held_out(clip, held_out_voice(clip.name)) for clip in clips], licences
        case "voices":
            return _synthetic()
    if source.startswith(_TFDS):
        name, _, split = source.removeprefix(_TFDS).partition(":")
        return _from_tfds(name, split or "train"), (f"TFDS {name}: see its page",)
    root = Path(source).expanduser()
    if not root.is_dir():
        raise ConfigurationError(
            f"{source}: no such folder",
            hint=f"give a folder of audio, packages, voices or {_TFDS}NAME; join several with +",
        )
    names = audio_files(root)
    if not names:
        raise ConfigurationError(f"{source}: holds no audio files", hint="WAV, FLAC, OGG, MP3 ...")
    return _files(root, names), ("your own audio",)


def _packaged() -> tuple[list[TrainingClip], tuple[str, ...]]:
    root = packages.distillation_root()
    if packages.manifest(root) is None:
        raise InfrastructureError(
            "the training audio was not fetched",
            hint="run: frill-bench data fetch --distillation",
        )
    licences = tuple(
        f"{each.name}: {each.licence}, {each.attribution}"
        for each in packages.catalogue().distillation
    )
    return _files(root, packages.packaged_files(root)), licences


def _synthetic() -> tuple[list[TrainingClip], tuple[str, ...]]:
    root = voices_root()
    names = audio_files(root)
    if not names:
        raise InfrastructureError(
            "no synthetic voices were made", hint="run: frill-bench data fetch --voices"
        )
    clips = [
        _held_out(clip, voice if (voice := Path(clip.name).parent.name) in SYNTHETIC else None)
        for clip in _files(root, names)
    ]
    return clips, ("synthetic voices: Apache-2.0, Kokoro-82M by hexgrad",)


def _held_out(clip: TrainingClip, voice: str | None) -> TrainingClip:
    return replace(clip, held_out=voice is not None)


def _files(root: Path, names: list[str]) -> list[TrainingClip]:
    paths = {name: (root / name).absolute() for name in names}
    return [
        TrainingClip(name=name, read=partial(decode, path), sha256=sha256_file(path), path=path)
        for name, path in paths.items()
    ]


def _from_tfds(name: str, split: str) -> list[TrainingClip]:
    """Returns the clips of a data set with an ``audio`` feature, as TFDS prepared it.

    They are held in memory; a split such as ``train[:10%]`` limits them.
    """
    data = prepared.by_name(name)
    try:
        examples = list(data.examples(split))
    except Exception as error:  # TFDS raises a dozen types of its own
        raise prepared.unreadable(f"{_TFDS}{name}", error) from error
    return [_example(f"{name}/{index}", each, data.rate_hz) for index, each in enumerate(examples)]


def _example(name: str, example: dict[str, Any], rate_hz: int) -> TrainingClip:
    audio = np.asarray(example["audio"])
    if np.issubdtype(audio.dtype, np.integer):
        audio = audio / 32_767.0  # whole samples are 16 bits, as FRILL took them
    clipped: Floats = np.clip(audio, -1.0, 1.0).astype(np.float32)
    waveform = resample(clipped, rate_hz)
    return TrainingClip(name=name, read=lambda: waveform, sha256=sha256_bytes(waveform.tobytes()))
