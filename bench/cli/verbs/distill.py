"""``frill-bench distill``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli import flags as shared

if TYPE_CHECKING:
    from models.distill.card import Card
    from models.distill.recipe import Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``distill``."""
    parser.epilog = (
        "example: frill-bench distill tiny_w0.5_keras3_gap_e512_unfused --audio my-audio --epochs 3"
    )
    whom = parser.add_argument_group("whom")
    whom.add_argument("names", nargs="*", metavar="NAME", help="students' names, or frill")
    whom.add_argument(
        "--grid",
        nargs="+",
        metavar="AXIS=V1,V2",
        default=[],
        help="students by product, such as size=tiny,small width=0.5,1.0 activation=unfused",
    )
    whom.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="starter (the students that come with the project) or a YAML file; what is given "
        "besides replaces what it says",
    )
    what = parser.add_argument_group("what they learn")
    what.add_argument(
        "--teacher",
        metavar="HANDLE",
        help="speech-embedding, ge2e, trill, yamnet ..., a SavedModel, a .tflite or .onnx file; "
        "several joined by +",
    )
    what.add_argument("--output", metavar="KEY", help="which of the teacher's outputs")
    what.add_argument(
        "--model-dir", type=Path, metavar="DIR", help="the teacher's files, not to download them"
    )
    what.add_argument(
        "--audio", metavar="AUDIO", help="packages (see data fetch), a folder, tfds:NAME[:SPLIT]"
    )
    what.add_argument("--max-windows", type=int, metavar="N", help="of 0.975 s to learn from")
    how = parser.add_argument_group("how")
    how.add_argument("--epochs", type=int, metavar="N", help="at most")
    how.add_argument("--batch-size", type=int, metavar="N")
    how.add_argument("--learning-rate", type=float, metavar="RATE", help="the highest")
    how.add_argument("--seed", type=int, help="of weights and order")
    how.add_argument("--workers", type=int, metavar="N", help="students at a time")
    parser.add_argument(
        "--score",
        metavar="SET",
        help="also convert to all formats, score these and the teacher on a task set (default, "
        "quick, a folder or CSV), and write that into the cards",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("students"), metavar="DIR", help="weights and cards"
    )
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Trains every student that is not up to date and returns 0, or 4 where one failed."""
    from bench.cli.console import print_json, progress, tell
    from bench.core import config
    from bench.flow.build.distill import distill
    from bench.flow.build.model_cards import score_cards
    from models.audio.tasks import task_set

    recipe = _recipe(options)
    tasks = task_set(options.score) if options.score else None  # a wrong one is told before hours
    with progress() as display:
        bars: dict[str, int] = {}

        def told(what: str, done: int, total: int, how: str) -> None:
            bar = bars.get(what)
            if bar is None:
                bar = bars[what] = display.add_task(what, total=total)
            display.update(bar, description=f"{what} {how}", completed=done, total=total)  # type: ignore[arg-type]  # rich's TaskID is an int

        taught = distill(
            recipe,
            options.out,
            model_dir=options.model_dir,
            workers=options.workers,
            told=told,
        )
        cards, failed = taught.cards, dict(taught.failed)
        if tasks is not None:
            scored, unscored = score_cards(
                cards,
                options.out,
                task_set=tasks,
                model_dir=options.model_dir,
                told=lambda what, done, total: told(what, done, total, ""),
            )
            cards, failed = tuple(scored), failed | unscored
    if options.json:
        print_json(
            {
                "out": str(options.out),
                "students": config.unstructure(cards),
                "new": list(taught.new),
                "failed": {name: error.message for name, error in failed.items()},
            }
        )
    elif cards:
        _print(cards)
    for error in failed.values():
        tell(f"failed: {error}")
    tell(
        f"wrote {len(taught.new)} students to {options.out}"
        f" ({len(taught.cards) - len(taught.new)} were up to date); "
        f"next: frill-bench convert NAME --weights {options.out}"
    )
    return 4 if failed else 0


def _recipe(options: argparse.Namespace) -> Recipe:
    from dataclasses import replace

    from bench.core.errors import ConfigurationError
    from models.distill import recipe as recipes
    from models.student.spec import parse_grid, parse_name

    names = [parse_name(name).name for name in options.names]
    names += [spec.name for spec in parse_grid(options.grid)]
    if options.recipe:
        found = recipes.load(options.recipe)
        found = replace(found, students=tuple(names) or found.students)
    elif names:
        found = recipes.Recipe(students=tuple(dict.fromkeys(names)))
    else:
        raise ConfigurationError("nobody to teach", hint="give a NAME, --grid or --recipe starter")
    lesson = _given(options, "teacher", "output", "audio", "max_windows")
    schedule = _given(options, "epochs", "batch_size", "learning_rate", "seed")
    both = _given(options, "batch_size", "seed")
    return replace(
        found,
        lesson=replace(found.lesson, **lesson),
        schedule=replace(found.schedule, **schedule),
        fine_tuning=replace(found.fine_tuning, **both),
    )


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _print(cards: tuple[Card, ...]) -> None:
    from rich.table import Table

    from bench.cli.console import print_table

    scored = cards[0].scores
    table = Table("student", "parameters", "windows", "epochs", "held-out loss", "cosine")
    for one in scored:
        table.add_column(f"{one.format} score", justify="right")
    for each in cards:
        table.add_row(
            each.student,
            f"{each.parameters:,}",
            f"{each.audio_windows:,}",
            f"{len(each.curve)} (kept {each.best})",
            f"{each.validation_loss:.4f}",
            f"{each.validation_cosine:.4f}",
            *(f"{one.score.mean:.3f}" for one in each.scores),
        )
    print_table(table)
