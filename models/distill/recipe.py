"""How a student is trained: everything that decides its weights, and where that is written down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from models.student.spec import Frontend, parse_name

STARTER = "starter"
TEACHER = "speech-embedding+ge2e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What students learn from: a teacher's outputs on windows of audio.

    Args:
        teacher: a handle that ``models.teachers.load`` knows.
        output: which of the teacher's outputs, by name or index.
        audio: ``packages`` (the audio of Debian packages that shares no clip with the tasks), a
            folder, or ``tfds:NAME[:SPLIT]``.
        hop_s: from one window of 0.975 s to the next.
        context_s: how much of the clip the teacher hears around that window, at most; the window
            alone if that is shorter. A voice is told from 1.6 s better than from one.
        max_clip_s: what is longer is cut there.
        copies: of each clip that teaches. All but the first are played at another speed, which
            moves pitch and formants: other voices (speed perturbation, Ko et al. 2015).
        speed_range: the lowest and the highest of those speeds.
        telephone_ratio: of the clips, that go through an 8 kHz GSM 06.10 codec first, as telephone
            prompts do.
        validation_ratio: of the clips, held out to judge by.
        max_windows: of all clips together; ``None`` for all.
        seed: of the draws above.
    """

    teacher: str = TEACHER
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
        """Refuses what cannot be.

        Raises:
            ConfigurationError: a ratio or time out of range.
        """
        if not 0 < self.validation_ratio < 1 or not 0 <= self.telephone_ratio <= 1:
            raise ConfigurationError(
                f"validation_ratio {self.validation_ratio} and telephone_ratio "
                f"{self.telephone_ratio} are shares of the clips",
                hint="give numbers between 0 and 1; some clips must be held out",
            )
        if self.copies < 1 or not 0 < self.speed_range[0] <= self.speed_range[1]:
            raise ConfigurationError(
                f"copies {self.copies} or speed_range {list(self.speed_range)} cannot be",
                hint="give at least 1 copy, and a low and a high speed, such as [0.8, 1.25]",
            )
        if min(self.hop_s, self.max_clip_s, self.context_s) <= 0:
            raise ConfigurationError(
                f"hop_s {self.hop_s}, max_clip_s {self.max_clip_s} and context_s {self.context_s} "
                "are times in seconds",
                hint="give positive numbers",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast a student learns. FRILL: Adam, a constant rate of 1e-4, batches of 512.

    Args:
        epochs: at most.
        patience: epochs without a better validation loss after which it stops.
        learning_rate: the highest; it rises for ``warmup_steps`` and falls as a cosine to a
            hundredth.
        optimizer: ``adam`` or ``adamw`` (decoupled weight decay).
        noise_ratio: of the patches of a batch, that are mixed with another patch at a tenth of its
            energy: an optional augmentation.
        seed: of the first weights and of the order of the patches.
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
        """Refuses what cannot be.

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
    """Students that are taught the same lesson.

    Args:
        students: canonical names; one whose name ends in ``qat`` starts from the weights of the
            student without it, which is trained first.
        fine_tuning: the schedule of quantisation-aware training.
        rounded: what that rounds: the whole ``network``, or the ``embedding`` layer alone, as
            FRILL's authors did it.
        longer: epochs of students that learn longer than the others.
        kept_out: students whose weights are made by this recipe and stay out of the repository.
    """

    students: tuple[str, ...]
    lesson: Lesson = Lesson()
    schedule: Schedule = Schedule()
    fine_tuning: Schedule = Schedule(epochs=1, patience=1, learning_rate=1e-4)
    rounded: str = "network"
    longer: dict[str, int] = field(default_factory=dict)
    kept_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses students that cannot be taught.

        Raises:
            ConfigurationError: a name is no student's, or has a front-end.
        """
        if self.rounded not in ("network", "embedding"):
            raise ConfigurationError(
                f"rounded: {self.rounded!r} is neither network nor embedding",
                hint="network, for full int8, or embedding, as FRILL's authors did it",
            )
        if min(self.longer.values(), default=1) < 1:
            raise ConfigurationError(
                f"longer: {self.longer} has less than an epoch", hint="give at least 1"
            )
        for name in (*self.students, *self.kept_out, *self.longer):
            spec = parse_name(name)
            if spec.frontend is not Frontend.NONE:
                bare = replace(spec, frontend=Frontend.NONE).name
                raise ConfigurationError(
                    f"{name}: a front-end learns nothing",
                    hint=f"distil {bare}; convert gives {name} the same weights",
                )

    def schedule_of(self, student: str) -> Schedule:
        """Returns how a student is trained."""
        if parse_name(student).qat:
            return self.fine_tuning
        return replace(self.schedule, epochs=self.longer.get(student, self.schedule.epochs))

    def sha256_of(self, student: str) -> str:
        """Returns the identity of what decides a student's weights."""
        spec = parse_name(student)
        learnt = self.schedule_of(replace(spec, qat=False).name)
        asked: list[object] = [student, self.lesson, learnt]
        if spec.qat:
            asked += [self.fine_tuning, self.rounded]
        return sha256_value(config.unstructure(asked))


def load(source: str) -> Recipe:
    """Returns the recipe of a name (``starter``) or of a YAML file.

    Raises:
        ConfigurationError: there is no such recipe, or the file is none; names the key.
    """
    if source == STARTER:
        with resources.as_file(resources.files("models.distill") / "starter.yaml") as path:
            return config.load(path, Recipe)
    path = Path(source)
    if not path.is_file():
        raise ConfigurationError(
            f"{source}: no such recipe or file", hint=f"use {STARTER} or the path of a YAML file"
        )
    return config.load(path, Recipe)
