"""One conversion of a model of one's own, what comes of it, and the record of it in the zoo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.core import config
from bench.core.artifact import Artifact, Format
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file, sha256_value
from bench.core.version import versions_of
from models.convert.job import InputFiles
from models.own.inputs import Wanted
from models.own.source import Source
from models.tflite import litert

_CODE = 1  # of all that is done here
_TOOLS = ("tensorflow", "tensorflow-cpu", "keras", "litert-quantizer", "onnxruntime")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnJob:
    """The conversion of a model of one's own.

    Args:
        formats: what to make besides float32.
        zoo: the folder of the artifacts.
        audio: windows of real audio; ``None`` without any.
        frontend_name: the zoo's artifact that makes its input from audio.
        hop_samples: of audio between two inferences; a whole window by default.
    """

    source: Source
    formats: tuple[Format, ...]
    zoo: Path
    wanted: Wanted
    audio: InputFiles | None = None
    frontend_name: str | None = None
    hop_samples: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of a conversion.

    Args:
        artifacts: the files, float32 first.
        refused: each format that was asked for and could not be made, and why.
        notes: what its owner should know.
        shapes: of its inputs as they were converted and checked; empty where nothing was given.
    """

    name: str
    artifacts: tuple[Artifact, ...]
    refused: dict[Format, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a zoo knows of a conversion besides its artifacts."""

    recipe_sha256: str
    refused: dict[Format, str]
    notes: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    schema_version: int = 1


def record_path(job: OwnJob) -> Path:
    """Returns where the record of a conversion belongs."""
    return job.zoo / f"{job.source.name}.own.json"


def record_of(job: OwnJob, recipe: str) -> Record:
    """Returns the record of a conversion; an empty one if it was another or there was none."""
    path = record_path(job)
    if path.is_file():
        try:
            found = config.load(path, Record)
        except ConfigurationError:  # of another version of this program
            found = None
        if found is not None and found.recipe_sha256 == recipe:
            return found
    return Record(recipe_sha256=recipe, refused={}, notes=(), shapes=())


def recipe_sha256(job: OwnJob) -> str:
    """Returns the identity of everything that decides the bytes of a conversion, in any format."""
    wanted, audio = job.wanted, job.audio
    given = [] if wanted.given is None else _files(wanted.given)
    front = None if wanted.front is None else sha256_file(wanted.front)
    heard = None if audio is None else (audio.calibration_sha256, audio.heldout_sha256)
    asked = [wanted.role, wanted.window_samples, job.hop_samples, job.frontend_name]
    parts = [
        _CODE,
        job.source.origin,
        asked,
        front,
        given,
        heard,
        versions_of(_TOOLS),
        litert.runtime(),
    ]
    return sha256_value(parts)


def _files(folder: Path) -> list[list[str]]:
    if not folder.is_dir():
        return []  # an error that follows
    paths = sorted(each for each in folder.iterdir() if each.suffix in (".npy", ".npz"))
    return [[each.name, sha256_file(each)] for each in paths]
