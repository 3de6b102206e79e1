"""One conversion job: the model, its formats, real inputs and trained weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.artifact import Format
from models.student.buildable import Buildable, takes_audio


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles:
    """Real inputs for a conversion, as files so that another process can read them.

    Args:
        calibration: .npy, float32 [samples, ...] as the model takes them, without batch axis; for a
            stream the windows of audio that its inputs are made from.
        calibration_sha256: of its values.
        heldout, heldout_sha256: the same, from other clips, for the check.
    """

    calibration: Path
    calibration_sha256: str
    heldout: Path
    heldout_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RealInputs:
    """The same audio for both kinds of models: as windows of audio, and as log-mel patches."""

    audio: InputFiles
    patches: InputFiles

    def of(self, model: Buildable) -> InputFiles:
        """Returns the inputs that a model takes."""
        return self.audio if takes_audio(model) else self.patches

    def are_there(self) -> bool:
        """Returns whether all files exist."""
        both = (self.audio, self.patches)
        return all(each.calibration.exists() and each.heldout.exists() for each in both)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionJob:
    """One model's conversion.

    Args:
        formats: what to make besides float32, which is always made first.
        zoo: the folder of the artifacts.
        inputs: real inputs; without them batch normalisation is not settled, nothing is checked,
            and full int8 is refused.
        seed: of random weights.
        weights: file of trained weights (models/student/weights.py); random ones by default.
    """

    model: Buildable
    formats: tuple[Format, ...]
    zoo: Path
    inputs: InputFiles | None
    seed: int = 1
    weights: Path | None = None


def save_inputs(
    folder: Path,
    calibration: tuple[NDArray[np.float32], str],
    heldout: tuple[NDArray[np.float32], str],
) -> InputFiles:
    """Returns real inputs, values and SHA-256 of each set, written as .npy files."""
    paths = []
    for values, sha256 in (calibration, heldout):
        path = folder / f"{sha256}.npy"
        if not path.exists():
            with atomic.replacing(path) as partial, partial.open("wb") as stream:
                np.save(stream, values)
        paths.append(path)
    return InputFiles(
        calibration=paths[0],
        calibration_sha256=calibration[1],
        heldout=paths[1],
        heldout_sha256=heldout[1],
    )
