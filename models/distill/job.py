"""One student's training: the job of its process, and the files in the job's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.distill.recipe import Schedule
from models.student.spec import StudentSpec

# In the job's folder.
WEIGHTS, OUTCOME = "weights.npz", "outcome.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """One student's training.

    Args:
        targets: the folder of its targets (models/distill/targets.py).
        folder: where checkpoints and the weights go; one of its own.
        start: the folder of the float student whose weights and head quantisation-aware training
            starts from.
        rounded: what quantisation-aware training rounds: ``network`` or ``embedding``.
        weights: the file of weights that a float student starts from; ``None`` for random ones.
    """

    student: StudentSpec
    schedule: Schedule
    targets: Path
    folder: Path
    start: Path | None = None
    rounded: str = "network"
    weights: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch of a training.

    Args:
        loss: mean squared error of the standardised targets in training.
        validation_loss, validation_cosine: of held-out clips.
        rate: training windows per second.
    """

    epoch: int
    steps: int
    loss: float
    validation_loss: float
    validation_cosine: float
    duration_s: float
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOutcome:
    """The result of a training.

    Args:
        best: the epoch, from 1, whose weights were saved.
        validation_loss, validation_cosine: of the student as it is exported, with settled batch
            normalisation.
        stopped_early: by ``patience``.
    """

    curve: tuple[Epoch, ...]
    best: int
    validation_loss: float
    validation_cosine: float
    stopped_early: bool
    tensorflow: str
    keras: str
