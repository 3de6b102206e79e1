"""``frill-bench score``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.cli import options as shared

if TYPE_CHECKING:
    from bench.core.artifact import Artifact
    from bench.core.score import Score


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``score``."""
    parser.epilog = (
        "example: frill-bench score small_w1.0_keras3_gap_e2048_unfused --task-set quick"
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="models of the zoo; all embeddings by default"
    )
    parser.add_argument(
        "--task-set",
        default="default",
        metavar="SET",
        help="default (six tasks), quick (two, few clips), a folder of clips by label, "
        "or a CSV with path,label[,split][,speaker]",
    )
    parser.add_argument("--db", default="frill-bench.db", metavar="FILE", help="where scores go")
    shared.add_zoo(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Scores, prints the table, and returns 0, or 4 where an artifact could not be scored."""
    from bench.cli.output import print_json, progress, tell
    from bench.core import config
    from bench.core.errors import ConfigurationError
    from bench.flow.score import scorable, score
    from bench.store.store import Store
    from models.audio.tasks import task_set
    from models.zoo import Zoo

    zoo = Zoo(options.zoo)
    asked = [each for name in options.names for each in zoo.of(name)]
    for each in asked:
        if not scorable([each]):
            raise ConfigurationError(
                f"{each.name}: its role is {each.role}, so it embeds no audio",
                hint="leave it out; without names all embeddings are scored",
            )
    artifacts = asked or scorable(zoo.artifacts())
    if not artifacts:
        raise ConfigurationError(
            f"{options.zoo}: holds no audio embedding to score",
            hint="frill-bench convert NAME, or zoo add FILE",
        )
    tasks = task_set(options.task_set)
    with Store.open(options.db) as store, progress() as display:
        bar = display.add_task("score", total=None)
        made, failed = score(
            artifacts,
            zoo=zoo,
            task_set=tasks,
            store=store,
            told=lambda name, done, total: display.update(
                bar, description=name, completed=done, total=total
            ),
        )
        url = store.url
    if options.json:
        print_json(
            {
                "scores": config.unstructure(made),
                "failed": {name: error.message for name, error in failed.items()},
            }
        )
    elif made:
        _print(artifacts, made)
    for error in failed.values():
        tell(f"failed: {error}")
    tell(f"wrote {len(made)} scores to {url}")
    return 4 if failed else 0


def _print(artifacts: Sequence[Artifact], made: Sequence[Score]) -> None:
    from rich.table import Table

    from bench.cli.output import print_table

    names = {each.sha256: f"{each.name}.{each.format.value}" for each in artifacts}
    first = made[0].tasks if made else ()
    table = Table("model", *(task.task for task in first), "mean (95 %)")
    for score in made:
        cells = [f"{task.value:.3f}" for task in score.tasks]
        mean = f"{score.mean:.3f} ({score.mean_low:.3f}-{score.mean_high:.3f})"
        table.add_row(names[score.artifact_sha256], *cells, mean)
    for title, values in (
        ("log-mel floor", [task.floor for task in first]),
        ("chance", [task.chance for task in first]),
    ):
        table.add_row(title, *("-" if value is None else f"{value:.3f}" for value in values), "")
    print_table(table)
