"""How students are trained: everything that decides their weights, read from YAML."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from models.student.spec import StudentSpec, parse_name

STARTER = "starter"
RECIPES = (STARTER, "crossed")  # that come with the project
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """What students are trained to match: a teacher's outputs on windows of audio.

    Args:
        teacher: a handle that ``models.teachers.load`` knows.
        output: which of the teacher's outputs, by name or index.
        audio: ``packages`` (the audio of Debian packages that shares no clip with the tasks),
            ``packages:training`` (without the development voices, which then validate), ``voices``
            (synthetic ones, likewise), a folder, or ``tfds:NAME[:SPLIT]``; ``+`` joins several.
        hop_s: from one window of 0.975 s to the next.
        context_s: how much audio the teacher gets around that window, at most; the window alone if
            that is shorter. GE2E recognises voices better from 1.6 s than from 1 s.
        max_clip_s: longer clips are cut there.
        copies: of each training clip. All but the first are played at another speed, which moves
            pitch and formants: other voices (speed perturbation, Ko et al. 2015).
        speed_range: the lowest and the highest of those speeds.
        telephone_ratio: share of clips that go through an 8 kHz GSM 06.10 codec first, as telephone
            prompts do.
        validation_ratio: share of clips that are held out for validation, if no voice is.
        max_windows: of all clips together; ``None`` for all.
        seed: of the random choices above.
    """

    teacher: str = "speech-embedding+ge2e"
    output: str | None = None
    audio: str = "packages"
    hop_s: float = 0.48
    context_s: float = 0.975
    max_clip_s: float = 20.0
    copies: int = 3
    speed_range: tuple[float, float] = (0.8, 1.25)
    telephone_ratio: float = 0.5
    validation_ratio: float = 0.04
    max_windows: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigurationError: a ratio or time is out of range.
        """
        if not 0 < self.validation_ratio < 1 or not 0 <= self.telephone_ratio <= 1:
            raise ConfigurationError(
                f"validation_ratio {self.validation_ratio} and telephone_ratio "
                f"{self.telephone_ratio} are shares of the clips",
                hint="give numbers between 0 and 1; some clips must be held out",
            )
        if self.copies < 1 or not 0 < self.speed_range[0] <= self.speed_range[1]:
            raise ConfigurationError(
                f"copies {self.copies} or speed_range {list(self.speed_range)} is out of range",
                hint="give at least 1 copy, and a low and a high speed, such as [0.8, 1.25]",
            )
        if min(self.hop_s, self.max_clip_s, self.context_s) <= 0:
            raise ConfigurationError(
                f"hop_s {self.hop_s}, max_clip_s {self.max_clip_s} and context_s {self.context_s} "
                "are times in seconds",
                hint="give positive numbers",
            )

    @property
    def holds_out_voices(self) -> bool:
        """Whether validation is on voices that are not trained on, and not on random clips."""
        return not {"packages:training", "voices"}.isdisjoint(self.audio.split("+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast a student is trained. FRILL: Adam, a constant 1e-4, batches of 512.

    Args:
        epochs: at most.
        patience: epochs without a better validation loss after which training stops.
        learning_rate: the highest; it rises for ``warmup_steps`` and falls as a cosine to a
            hundredth.
        optimizer: ``adam`` or ``adamw`` (decoupled weight decay).
        noise_ratio: share of the patches of a batch that are mixed with another patch at a tenth of
            its energy, an optional augmentation.
        seed: of the initial weights and of the order of the patches.
    """

    epochs: int = 4
    patience: int = 2
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    optimizer: str = "adam"
    weight_decay: float = 0.0
    batch_norm_momentum: float = 0.97
    noise_ratio: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigurationError: no step would be done, or an unknown optimizer.
        """
        if self.optimizer not in ("adam", "adamw"):
            raise ConfigurationError(
                f"unknown optimizer {self.optimizer!r}", hint="adam, as FRILL, or adamw"
            )
        if min(self.epochs, self.patience, self.batch_size) < 1 or self.learning_rate <= 0:
            raise ConfigurationError(
                "epochs, patience and batch_size are at least 1 and learning_rate is positive",
                hint="see frill-bench distill --help",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Students that are trained on the same targets.

    Args:
        students: names; one whose name ends in ``qat`` starts from the weights of the student
            without it, which is trained first.
        fine_tuning: the schedule of quantisation-aware training.
        rounded: what that rounds: the whole ``network``, or the ``embedding`` layer alone, as
            FRILL's authors did.
        longer: epochs of students that are trained longer than the others.
        start: whose weights students start from: ``starter`` or a folder of an earlier training;
            random ones if ``None``.
    """

    students: tuple[str, ...]
    targets: TargetSpec = TargetSpec()
    schedule: Schedule = Schedule()
    fine_tuning: Schedule = Schedule(epochs=1, patience=1, learning_rate=1e-4)
    rounded: str = "network"
    longer: dict[str, int] = field(default_factory=dict)
    start: str | None = None

    def __post_init__(self) -> None:
        """Checks the students.

        Raises:
            ConfigurationError: a name is not a student's, or has a front-end.
        """
        if self.rounded not in ("network", "embedding"):
            raise ConfigurationError(
                f"rounded: {self.rounded!r} is neither network nor embedding",
                hint="network, for full int8, or embedding, as FRILL's authors did",
            )
        if min(self.longer.values(), default=1) < 1:
            raise ConfigurationError(
                f"longer: {self.longer} has less than an epoch", hint="give at least 1"
            )
        for name in (*self.students, *self.longer):
            spec = parse_name(name)
            bare = spec.without_frontend
            if self.start is not None and spec.bottleneck_rank is not None:
                raise ConfigurationError(
                    f"{name}: a low-rank embedding cannot start from trained weights",
                    hint="its full matrix is not kept; train it without start",
                )
            if spec != bare:
                raise ConfigurationError(
                    f"{name}: a front-end has nothing to train",
                    hint=f"distill {bare.name}; convert gives {name} the same weights",
                )

    @property
    def specs(self) -> tuple[StudentSpec, ...]:
        """The students."""
        return tuple(parse_name(name) for name in self.students)

    def schedule_of(self, student: StudentSpec) -> Schedule:
        """Returns how a student is trained."""
        if student.qat:
            return self.fine_tuning
        return replace(self.schedule, epochs=self.longer.get(student.name, self.schedule.epochs))

    def sha256_of(self, student: StudentSpec) -> str:
        """Returns the identity of what decides a student's weights."""
        parts: list[object] = [student.name, self.targets, self.schedule_of(student.without_qat)]
        if student.qat:
            parts += [self.fine_tuning, self.rounded]
        return sha256_value(config.unstructure(parts))


def load_renamed(path: Path, cls: type[T], *, finite: bool = True) -> T:
    """Returns what a recipe's or card's file holds; older ones have ``lesson`` for ``targets``.

    Args:
        finite: as for ``config.load``.

    Raises:
        ConfigurationError: as ``config.load``.
    """
    document = config.load(path, dict[str, Any], finite=finite)
    if "lesson" in document:
        document["targets"] = document.pop("lesson")
    return config.structure(document, cls, source=str(path))


def load(source: str) -> Recipe:
    """Returns one of ``RECIPES`` by its name, or the recipe of a YAML file.

    Raises:
        ConfigurationError: there is no such recipe, or the file is not one; names the key.
    """
    if source in RECIPES:
        with resources.as_file(resources.files("models.distill") / f"{source}.yaml") as path:
            return load_renamed(path, Recipe)
    path = Path(source)
    if not path.is_file():
        raise ConfigurationError(
            f"{source}: no such recipe or file",
            hint=f"use {' or '.join(RECIPES)}, or the path of a YAML file",
        )
    return load_renamed(path, Recipe)
