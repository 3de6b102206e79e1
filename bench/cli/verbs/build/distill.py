"""``frill-bench distill``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli import flags as shared
from bench.cli.console import print_json, print_to_stderr
from bench.core import config
from bench.core.errors import ConfigurationError

if TYPE_CHECKING:
    from models.distill.card import Card
    from models.distill.recipe import Recipe


class Options(shared.VerbOptions):
    """What the parser of ``distill`` sets."""

    names: list[str]
    grid: list[str]
    recipe: str | None
    teacher: str | None
    output: str | None
    model_dir: Path | None
    scheduler: str | None
    audio: str | None
    max_windows: int | None
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    seed: int | None
    start: str | None
    workers: int | None
    score: str | None
    out: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``distill``."""
    parser.epilog = (
        "example: frill-bench distill tiny_w0.5_keras3_gap_e512_unfused --audio my-audio --epochs 3"
    )
    students = parser.add_argument_group("students")
    students.add_argument("names", nargs="*", metavar="NAME", help="name of a student, or frill")
    shared.add_grid(students)
    students.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="starter (the trained students of this project), crossed (16 that show what each "
        "hyper-parameter does) or a YAML file; other options override its values",
    )
    targets = parser.add_argument_group("targets")
    targets.add_argument(
        "--teacher",
        metavar="HANDLE",
        help="speech-embedding, ge2e, trill, yamnet ..., a SavedModel, a .tflite or .onnx file; "
        "join several with +",
    )
    targets.add_argument("--output", metavar="KEY", help="name of the teacher's output to use")
    targets.add_argument(
        "--model-dir",
        type=Path,
        metavar="DIR",
        help="folder with the teacher's files (default: download)",
    )
    targets.add_argument(
        "--audio",
        metavar="AUDIO",
        help="packages or voices (see data fetch), packages:training (without the voices of "
        "--score development), a folder, tfds:NAME[:SPLIT]; join several with +",
    )
    targets.add_argument(
        "--max-windows", type=int, metavar="N", help="use at most N training windows (0.975 s each)"
    )
    shared.add_scheduler(targets, "compute the teacher's targets")
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=int, metavar="N", help="train for at most N epochs")
    training.add_argument("--batch-size", type=int, metavar="N", help="windows per training step")
    training.add_argument(
        "--learning-rate", type=float, metavar="RATE", help="the highest learning rate"
    )
    training.add_argument(
        "--start",
        metavar="WEIGHTS",
        help="start from trained weights, not from random ones: starter or a folder of students",
    )
    training.add_argument("--seed", type=int, help="seed of initial weights and patch order")
    training.add_argument(
        "--workers", type=int, metavar="N", help="how many students to train at the same time"
    )
    parser.add_argument(
        "--score",
        metavar="SET",
        help="also convert to all formats, score them and the teacher on a task set (default, "
        "quick, development, a folder or a CSV), and write the scores into the model cards",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("students"),
        metavar="DIR",
        help="folder for weights and model cards",
    )
    shared.add_json(parser)


def run(options: Options) -> int:
    """Trains every student that is not up to date; returns 0, or 4 where one failed."""
    from bench.cli.terminal import progress
    from bench.flow.build.cluster import at
    from bench.flow.build.distill import distill
    from bench.flow.build.model_cards import score_cards
    from models.audio.tasks import task_set

    recipe = _recipe(options)
    # Before the training: a wrong task set fails at once, not after hours.
    tasks = task_set(options.score) if options.score else None
    with progress() as display:
        bars: dict[str, int] = {}

        def show(name: str, done: int, total: int, status: str = "") -> None:
            bar = bars.get(name)
            if bar is None:
                bar = bars[name] = display.add_task(name, total=total)
            display.update(bar, description=f"{name} {status}", completed=done, total=total)  # type: ignore[arg-type]  # rich's TaskID is an int

        result = distill(
            recipe,
            options.out,
            model_dir=options.model_dir,
            workers=options.workers,
            where=None if options.scheduler is None else at(options.scheduler),
            on_progress=show,
        )
        cards, failed = result.cards, dict(result.failed)
        if tasks is not None:
            scored, unscored = score_cards(
                cards,
                options.out,
                task_set=tasks,
                model_dir=options.model_dir,
                on_progress=show,
            )
            cards, failed = tuple(scored), failed | unscored
    if options.json:
        print_json(
            {
                "out": str(options.out),
                "students": config.unstructure(cards),
                "new": list(result.new),
                "failed": {name: error.message for name, error in failed.items()},
            }
        )
    elif cards:
        _print(cards)
    for error in failed.values():
        print_to_stderr(f"failed: {error}")
    print_to_stderr(
        f"wrote {len(result.new)} students to {options.out}"
        f" ({len(result.cards) - len(result.new)} were up to date); "
        f"next: frill-bench convert NAME --weights {options.out}"
    )
    return 4 if failed else 0


def _recipe(options: Options) -> Recipe:
    from models.distill import recipe as recipes
    from models.student.spec import parse_grid, parse_name

    specs = [*map(parse_name, options.names), *parse_grid(options.grid)]
    names = tuple(dict.fromkeys(spec.name for spec in specs))
    if options.recipe:
        recipe = recipes.load(options.recipe)
        recipe = replace(recipe, students=names or recipe.students)
    elif names:
        recipe = recipes.Recipe(students=names)
    else:
        raise ConfigurationError(
            "no students given", hint="give a NAME, --grid or --recipe starter"
        )
    targets = _select_options(options, "teacher", "output", "audio", "max_windows")
    schedule = _select_options(options, "epochs", "batch_size", "learning_rate", "seed")
    both = _select_options(options, "batch_size", "seed")
    return replace(
        recipe,
        start=options.start or recipe.start,
        targets=replace(recipe.targets, **targets),
        schedule=replace(recipe.schedule, **schedule),
        fine_tuning=replace(recipe.fine_tuning, **both),
    )


def _select_options(options: Options, *names: str) -> dict[str, Any]:
    """Returns those of the options that the command line sets."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _print(cards: tuple[Card, ...]) -> None:
    from bench.cli.terminal import print_rows

    scores = [f"{one.format} score" for one in cards[0].scores]
    rows = [
        (
            each.student,
            f"{each.parameters:,}",
            f"{each.audio_windows:,}",
            f"{len(each.curve)} (best {each.best})",
            f"{each.validation_loss:.4f}",
            f"{each.validation_cosine:.4f}",
            *(f"{one.score.mean:.3f}" for one in each.scores),
        )
        for each in cards
    ]
    headings = ("student", "parameters", "windows", "epochs", "held-out loss", "cosine", *scores)
    print_rows(headings, rows, right=scores)
