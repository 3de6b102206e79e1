"""What a model file of one's own is: its kind, its name in the zoo, its identity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.core.artifact import check_name
from bench.core.errors import ConfigurationError, ModelFileError
from bench.core.hashing import sha256_file, sha256_value

_MARK = "saved_model.pb"
_ENDINGS = (".tflite", ".keras", ".onnx")
_HINT = "give a .tflite, .keras or .onnx file, or the folder of a SavedModel"


class Kind(StrEnum):
    """What made a model."""

    TFLITE = "TFLite"
    SAVED_MODEL = "SavedModel"
    KERAS = "Keras"
    ONNX = "ONNX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model of one's own.

    Args:
        path: a file, or the folder of a SavedModel.
        name: its name in the zoo.
        sha256: of the file, or of all files of the folder.
    """

    path: Path
    kind: Kind
    name: str
    sha256: str

    @property
    def origin(self) -> str:
        """Where its files come from, for their manifests."""
        return f"{self.of_file}, SHA-256 {self.sha256}"

    @property
    def of_file(self) -> str:
        """The part of ``origin`` that stays when the file is another one under the same name."""
        return f"from {self.path.name} ({self.kind.value})"


def is_own(text: str) -> bool:
    """Returns whether a word of the command line is a model file rather than a student's name."""
    path = Path(text)
    return path.suffix.lower() in (*_ENDINGS, ".h5", ".pb") or "/" in text or path.is_dir()


def source_of(path: Path, name: str | None = None) -> Source:
    """Returns what a model of one's own is.

    Args:
        name: its name in the zoo; that of the file by default.

    Raises:
        ConfigurationError: there is no such file, or its name cannot be one in the zoo.
        ModelFileError: it is none of the kinds that are taken.
    """
    if not path.exists():
        raise ConfigurationError(f"{path}: no such file or folder", hint=_HINT)
    kind = _kind(path)
    if name is None:
        name = path.resolve().name if path.is_dir() else path.stem
        name = re.sub(r"[\s/\\]+", "_", name).strip(".") or "model"
    check_name(name, str(path))
    return Source(path=path, kind=kind, name=name, sha256=_sha256(path))


def _kind(path: Path) -> Kind:
    if path.is_dir():
        if (path / _MARK).is_file():
            return Kind.SAVED_MODEL
        raise ModelFileError(
            f"{path}: holds no {_MARK}, as a SavedModel does",
            hint="give the folder that holds saved_model.pb and variables/",
        )
    match path.suffix.lower():
        case ".tflite":
            return Kind.TFLITE
        case ".keras":
            return Kind.KERAS
        case ".onnx":
            return Kind.ONNX
        case ".pb":
            raise ModelFileError(
                f"{path}: is a part of a SavedModel, or a frozen graph of TensorFlow 1",
                hint="give the folder that holds saved_model.pb and variables/",
            )
        case ".h5" | ".hdf5":
            raise ModelFileError(
                f"{path}: is Keras' former format",
                hint="save it again with Keras 3: model.save('model.keras')",
            )
        case ending:
            raise ModelFileError(
                f"{path}: has the ending {ending!r}, which is of no kind that is taken", hint=_HINT
            )


def _sha256(path: Path) -> str:
    if path.is_file():
        return sha256_file(path)
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return sha256_value([[each.relative_to(path).as_posix(), sha256_file(each)] for each in files])
