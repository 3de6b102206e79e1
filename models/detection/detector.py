"""A detector as data: files in a chain, what each is given, and when their score is an alarm.

It comes from a description of ours (YAML), from microWakeWord's manifest (JSON), or from a file
that takes audio and gives a score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core import config
from bench.core.artifact import Tensor
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from models.tflite import reader
from models.tflite.arrays import Floats

DESCRIPTIONS = (".yaml", ".yml", ".json")
MICRO_FEATURES = 40
_STEP_MS = 10  # of the micro front-end that is here
_THRESHOLD = 0.5  # where a file comes without one
_REFRACTORY_S = 2.0  # of voice assistants that run these detectors
_SHORTEST_AUDIO = 160  # samples; a smaller input is not audio
_LONGEST = 960_000  # rows of a window, a minute of audio: they are kept in memory
_HINT = "describe it in a YAML file, as docs/wake_words.md shows"


class Frontend(StrEnum):
    """What makes the first file's input from audio."""

    NONE = "none"  # it takes audio
    LOG_MEL = "log-mel"  # our log-mel: 64 numbers every 10 ms
    MICRO = "micro"  # TensorFlow Lite Micro's: 40 numbers every 10 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One file of a chain. Its rows are samples of audio, or what the stage before it gives.

    Args:
        file: a .tflite file, relative to the description.
        window: rows that one inference takes.
        hop: rows between two inferences.
        input_scale: the rows are multiplied by it; audio comes in [-1, 1].
        output_scale, output_offset: what the file gives is multiplied and increased by them.
        output_index: which of its numbers is the score, of a file that gives several.
    """

    file: str
    window: int
    hop: int
    input_scale: float = 1.0
    output_scale: float = 1.0
    output_offset: float = 0.0
    output_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a description of ours holds.

    Args:
        threshold: the score from which on it is an alarm.
        average: how many scores in a row are averaged.
        refractory_s: how long after an alarm there is no other one.
        delegate: what runs the files: ``xnnpack``, or ``none`` for the built-in kernels.
    """

    name: str
    stages: tuple[Stage, ...]
    frontend: Frontend = Frontend.NONE
    delegate: str = "xnnpack"
    threshold: float = _THRESHOLD
    average: int = 1
    refractory_s: float = _REFRACTORY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A linear head on an embedding: the score is the logistic function of a weighted sum.

    Args:
        weights: float64 [dimensions].
    """

    weights: NDArray[np.float64]
    bias: float

    def scores(self, embeddings: Floats) -> Floats:
        """Returns scores, float32 [rows, 1] in 0 to 1, of float32 [rows, dimensions]."""
        sums = embeddings @ self.weights + self.bias
        scores: Floats = (1 / (1 + np.exp(-sums)))[:, np.newaxis].astype(np.float32)
        return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A chain of files that are there, and when their score is an alarm.

    Args:
        stages: their ``file`` as a path.
        sha256s: of the files, in order.
        head: on what the last file gives, where that is an embedding.
        origin: where threshold and average are from, in words.
    """

    name: str
    frontend: Frontend
    stages: tuple[tuple[Path, Stage], ...]
    sha256s: tuple[str, ...]
    threshold: float
    average: int
    refractory_s: float
    origin: str
    delegate: str = "xnnpack"
    head: Head | None = None
    made_of: dict[str, Any] = field(default_factory=dict)


def load(path: Path) -> Detector:
    """Returns the detector of a .tflite file, of a description of ours or of microWakeWord's.

    A .tflite file with microWakeWord's manifest beside it (the same name, .json) is read by that.

    Raises:
        ConfigurationError: the description is wrong, or the file does not take audio.
        ModelFileError: a file is not a model.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"{path}: there is no such file", hint="give a .tflite file or a description"
        )
    if path.suffix == ".tflite":
        beside = path.with_suffix(".json")
        if not beside.is_file() or '"micro"' not in beside.read_text(errors="replace"):
            return _of_file(path)
        path = beside
    if path.suffix == ".json":
        return _of_micro_manifest(path)
    if path.suffix not in DESCRIPTIONS:
        raise ConfigurationError(f"{path}: is neither a .tflite file nor a description", hint=_HINT)
    return of_description(config.load(path, Description), path)


def of_description(described: Description, source: Path) -> Detector:
    """Returns the detector of a description, whose files are beside ``source``.

    Raises:
        ConfigurationError: a number is out of range, or a file is missing.
    """
    if not described.stages:
        raise ConfigurationError(f"{source}: has no stages", hint=_HINT)
    for stage in described.stages:
        if not 1 <= stage.hop <= stage.window <= _LONGEST:
            raise ConfigurationError(
                f"{source}: {stage.file} has a hop of {stage.hop} and a window of {stage.window}",
                hint=f"the hop is at least 1, not above the window, and that is at most {_LONGEST}",
            )
    files = [source.parent / stage.file for stage in described.stages]
    if missing := [str(file) for file in files if not file.is_file()]:
        raise ConfigurationError(
            f"{source}: {', '.join(missing)}: not there", hint="files are relative to it"
        )
    return checked(
        Detector(
            name=described.name,
            frontend=described.frontend,
            stages=tuple(zip(files, described.stages, strict=True)),
            sha256s=tuple(map(sha256_file, files)),
            threshold=described.threshold,
            average=described.average,
            refractory_s=described.refractory_s,
            origin=source.name,
            delegate=described.delegate,
        )
    )


def checked(detector: Detector) -> Detector:
    """Returns a detector whose threshold, average and refractory time are possible.

    Raises:
        ConfigurationError: one is not.
    """
    for name, value, fits, hint in (
        ("threshold", detector.threshold, 0 < detector.threshold < 1, "above 0 and below 1"),
        ("average", detector.average, detector.average >= 1, "at least one score"),
        (
            "refractory time",
            detector.refractory_s,
            0 <= detector.refractory_s < math.inf,
            "0 s or more",
        ),
    ):
        if not fits:
            raise ConfigurationError(
                f"{detector.name}: its {name} cannot be {value}", hint=f"give {hint}"
            )
    return detector


def _of_file(path: Path) -> Detector:
    content = reader.read(path)
    first = content.inputs[0]
    window = _window_of_audio(first)
    if window is None or len(content.inputs) != len(content.outputs):
        raise ConfigurationError(
            f"{path}: takes {list(first.shape)}, which is not audio of a known length",
            hint=_HINT,
        )
    stage = Stage(file=path.name, window=window, hop=window)
    described = Description(name=path.stem, stages=(stage,))
    return of_description(described, path)


def _window_of_audio(tensor: Tensor) -> int | None:
    sides = [side for side in tensor.shape if side != 1]
    return sides[0] if len(sides) == 1 and sides[0] >= _SHORTEST_AUDIO else None


def _of_micro_manifest(path: Path) -> Detector:
    """Returns the detector of microWakeWord's JSON file, in its version 1 or 2."""
    manifest = config.load(path, dict[str, Any])
    micro = manifest.get("micro")
    if manifest.get("type") != "micro" or not isinstance(micro, dict):
        raise ConfigurationError(f"{path}: is not microWakeWord's manifest", hint=_HINT)
    try:
        file = path.parent / str(manifest["model"])
        threshold = float(micro["probability_cutoff"])
        average = int(micro.get("sliding_window_size") or micro["sliding_window_average_size"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path}: model, probability_cutoff or sliding_window_size is missing or wrong",
            hint=_HINT,
        ) from error
    if int(micro.get("feature_step_size", _STEP_MS)) != _STEP_MS:
        raise ConfigurationError(
            f"{path}: its features are every {micro['feature_step_size']} ms",
            hint=f"only features every {_STEP_MS} ms can be made",
        )
    shape = reader.read(file).inputs[0].shape
    if len(shape) != 3 or shape[-1] != MICRO_FEATURES or shape[1] < 1:
        raise ConfigurationError(
            f"{file}: takes {list(shape)}, not [1, rows, {MICRO_FEATURES}]",
            hint="microWakeWord's streaming files do",
        )
    stage = Stage(file=file.name, window=shape[1], hop=shape[1])
    described = Description(
        name=file.stem,
        frontend=Frontend.MICRO,
        delegate="none",  # as deployed: XNNPACK rounds int8 otherwise, by up to .06 of a score
        stages=(stage,),
        threshold=threshold,
        average=average,
    )
    return of_description(described, path)
