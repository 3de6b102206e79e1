"""Where trained weights lie: the starter students that come with the project, or a folder."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

from bench.core.errors import ConfigurationError
from models.student.spec import Activation, Frontend, is_student, parse_name

RANDOM = "random"
STARTER = "starter"


def starter_folder() -> Path:
    """Returns the folder of the starter students' weights and cards."""
    return Path(str(resources.files("models"))) / "starter"


def names(folder: Path) -> list[str]:
    """Returns the students whose weights a folder holds, sorted."""
    return sorted(path.stem for path in folder.glob("*.npz"))


def weights_of(name: str, source: str) -> Path | None:
    """Returns the file of a model's trained weights; ``None`` where it is to have random ones.

    A front-end has no weights, so a student with one has those of the student without. Fused and
    unfused hard-swish are one function, so each has the other's weights where its own are not.

    Args:
        name: a model's canonical name.
        source: ``random``, ``starter`` (whose other models are random), or a folder, which must
            hold them.

    Raises:
        ConfigurationError: the folder holds no such weights.
    """
    if source == RANDOM or not is_student(name):
        return None
    name = replace(parse_name(name), frontend=Frontend.NONE).name
    folder = starter_folder() if source == STARTER else Path(source).expanduser()
    for path in (folder / f"{each}.npz" for each in (name, _twin(name))):
        if path.is_file():
            return path
    if source == STARTER:
        return None
    held = ", ".join(names(folder)) or "none"
    raise ConfigurationError(
        f"{folder}: holds no weights of {name} (it holds: {held})",
        hint="train it by frill-bench distill, or take --weights random",
    )


def _twin(name: str) -> str:
    """Returns the student that computes the same by other operators, or the same name."""
    spec = parse_name(name)
    other = {Activation.FUSED: Activation.UNFUSED, Activation.UNFUSED: Activation.FUSED}
    # Ranges that quantisation-aware training learned belong to one graph's tensors.
    return (
        name
        if spec.qat
        else replace(spec, activation=other.get(spec.activation, spec.activation)).name
    )
