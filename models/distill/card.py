"""A student's model card: teacher, audio, training curve, and the scores of each format."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.core import atomic, config
from bench.core.artifact import Artifact, WeightsOrigin
from bench.core.score import Difference, Score
from models.distill.recipe import Schedule, TargetSpec, load_renamed
from models.student import weights
from models.student.spec import is_student, parse_name


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One epoch: mean squared errors of standardised targets, mean cosine of held-out clips."""

    epoch: int
    loss: float
    validation_loss: float
    validation_cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatScore:
    """The score of the weights in one format.

    Args:
        less_float32: the score minus that of the float32 file, of each task and of the mean.
    """

    format: str
    size_bytes: int
    score: Score
    less_float32: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A student's model card.

    Args:
        best: the epoch whose weights were saved.
        steps: of the optimiser, up to the end of training.
        audio_clips, audio_hours: of training, held-out clips included.
        audio_unreadable: how many of the clips could not be decoded.
        audio_sha256: of the clips' contents.
        start_sha256: of the weights that training started from; ``None`` for random ones.
        teacher_score: of the teacher on the same tasks, one vector per clip.
    """

    student: str
    weights_sha256: str
    recipe_sha256: str
    parameters: int
    teacher: str
    teacher_sha256: str
    teacher_licence: str
    targets: TargetSpec
    schedule: Schedule
    audio_clips: int
    audio_unreadable: int
    audio_hours: float
    audio_windows: int
    audio_sha256: str
    audio_licences: tuple[str, ...]
    curve: tuple[CurvePoint, ...]
    best: int
    steps: int
    validation_loss: float
    validation_cosine: float
    tools: dict[str, str]
    start_sha256: str | None = None
    teacher_score: Score | None = None
    scores: tuple[FormatScore, ...] = field(default=())
    schema_version: int = 1


def save(card: Card, folder: Path) -> None:
    """Writes a card as JSON, and as Markdown for people."""
    config.save(folder / f"{card.student}.json", card)
    atomic.write_text(folder / f"{card.student}.md", to_markdown(card))


def load(folder: Path, student: str) -> Card | None:
    """Returns a student's card; ``None`` if the folder has none.

    Raises:
        ConfigurationError: the file is not a card.
    """
    path = folder / f"{student}.json"
    return load_renamed(path, Card, finite=False) if path.is_file() else None


def of_artifact(artifact: Artifact) -> Card | None:
    """Returns the card of the starter student whose weights a file has; ``None`` for all others.

    Raises:
        ConfigurationError: the file beside those weights is not a card.
    """
    if artifact.weights is not WeightsOrigin.DISTILLED or not is_student(artifact.name):
        return None
    path = weights.find(parse_name(artifact.name), weights.STARTER)
    card = None if path is None else load(path.parent, path.stem)
    return card if card is not None and card.weights_sha256 in artifact.provenance else None


def to_markdown(card: Card) -> str:
    """Returns a card as Markdown."""
    schedule = card.schedule
    held_out = "voices" if card.targets.holds_out_voices else "clips"
    lines = [
        f"# {card.student}",
        "",
        f"{card.parameters:,} parameters. Weights: SHA-256 `{card.weights_sha256}`.",
        "",
        f"- Teacher: {card.teacher} (SHA-256 `{card.teacher_sha256}`), {card.teacher_licence}",
        f"- Audio: {card.audio_clips:,} clips ({card.audio_unreadable} of them unreadable), "
        f"{card.audio_hours:.1f} h, "
        f"{card.audio_windows:,} windows to learn from (SHA-256 `{card.audio_sha256}`)",
        *(f"  - {licence}" for licence in card.audio_licences),
        f"- Training: {card.steps:,} steps of {schedule.batch_size}, {schedule.optimizer}, "
        f"learning rate {schedule.learning_rate:g}, seed {schedule.seed}; epoch {card.best} of "
        f"{len(card.curve)} was kept",
        *(
            [f"- It started from trained weights (SHA-256 `{card.start_sha256}`)"]
            if card.start_sha256
            else []
        ),
        f"- Held-out {held_out}: mean squared error {card.validation_loss:.4f} of standardised "
        f"targets, cosine {card.validation_cosine:.4f}",
        f"- Made with {', '.join(' '.join(each) for each in sorted(card.tools.items()))}",
        "",
        "| epoch | loss | held-out loss | held-out cosine |",
        "| ---: | ---: | ---: | ---: |",
        *(
            f"| {each.epoch} | {each.loss:.4f} | {each.validation_loss:.4f} "
            f"| {each.validation_cosine:.4f} |"
            for each in card.curve
        ),
    ]
    return "\n".join([*lines, *_scores(card), ""])


def _scores(card: Card) -> list[str]:
    if not card.scores:
        return []
    tasks = card.scores[0].score.tasks
    rows = [
        (each.format, f"{each.size_bytes:,}", each.score, _change(each)) for each in card.scores
    ]
    if card.teacher_score is not None:
        rows.append(("teacher", "", card.teacher_score, ""))
    floor = card.scores[0].score.floor_mean
    return [
        "",
        f"Scores on the task set `{card.scores[0].score.task_set}`, with 95 % intervals of the "
        "mean; the last column is what the format changes, in points of the mean, over the same "
        "clips.",
        "",
        "| format | bytes | "
        + " | ".join(task.task for task in tasks)
        + " | mean | less float32 |",
        "| --- | ---: |" + " ---: |" * (len(tasks) + 2),
        *(
            f"| {name} | {size} | "
            + " | ".join(f"{task.value:.3f}" for task in score.tasks)
            + f" | {score.mean:.3f} ({score.mean_low:.3f} to {score.mean_high:.3f}) | {change} |"
            for name, size, score, change in rows
        ),
        "| log-mel floor | | "
        + " | ".join("-" if task.floor is None else f"{task.floor:.3f}" for task in tasks)
        + f" | {'-' if floor is None else format(floor, '.3f')} | |",
    ]


def _change(scored: FormatScore) -> str:
    mean = next((each for each in scored.less_float32 if each.task == "mean"), None)
    if mean is None or scored.format == "float32":
        return ""
    value, low, high = (100 * number for number in (mean.value, mean.low, mean.high))
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
