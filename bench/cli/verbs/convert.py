"""``frill-bench convert NAME ...``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bench.cli import flags as shared

if TYPE_CHECKING:
    from bench.core.artifact import Artifact

_FORMATS = ["float32", "float16", "dynamic", "int8"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``convert``."""
    parser.epilog = "example: frill-bench convert frill tiny_w0.5_keras3_gap_e1024_unfused"
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="students' names, frill, trill-shaped, frontend-conv or frontend-stft",
    )
    parser.add_argument(
        "--grid",
        nargs="+",
        metavar="AXIS=V1,V2",
        default=[],
        help="students by product, such as size=tiny,small width=0.5,1.0 activation=unfused",
    )
    parser.add_argument("--formats", default=",".join(_FORMATS), help="comma list")
    parser.add_argument(
        "--weights",
        default="starter",
        metavar="WEIGHTS",
        help="starter (trained ones that come with the project, random for others), random, or a "
        "folder that distill made",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the random weights")
    shared.add_zoo(parser)
    shared.add_audio(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Converts every named model and returns 0, or the worst failure's exit code."""
    from bench.cli.console import print_json, progress, tell
    from bench.core import config
    from bench.core.artifact import Format
    from bench.core.errors import ConfigurationError, worst
    from bench.flow.build import convert as flow
    from models.convert import model as convert
    from models.student.spec import parse_grid

    names = [*options.names, *(spec.name for spec in parse_grid(options.grid))]
    if not names:
        raise ConfigurationError("nothing to convert", hint="give a NAME or --grid")
    formats = tuple(Format(word) for word in shared.words(options.formats, _FORMATS, "format"))
    names = list(dict.fromkeys(convert.canonical(name) for name in names))
    with progress() as display:
        task = display.add_task("convert", total=len(names))
        made, failed = flow.convert(
            names,
            formats=formats,
            zoo=options.zoo,
            audio=options.audio,
            seed=options.seed,
            weights=options.weights,
            done=lambda _: display.advance(task),
        )
    if options.json:
        print_json(
            {
                "zoo": str(options.zoo),
                "artifacts": config.unstructure([each for group in made for each in group]),
                "failed": {name: error.message for name, error in failed.items()},
            }
        )
    elif made:
        _print(made)
    for error in failed.values():
        tell(f"failed: {error}")
    tell(f"wrote {sum(map(len, made))} artifacts to {options.zoo}")
    return worst({error.exit_code for error in failed.values()})


def _print(made: list[list[Artifact]]) -> None:
    from rich.table import Table

    from bench.cli.console import print_table
    from bench.core import units

    table = Table(
        "model", "format", "size", "cosine mean", "5 %", "min", "SNR dB", "partitions", ""
    )
    for artifact in (each for group in made for each in group):
        near = artifact.fidelity
        numbers = ["-"] * 4
        if near is not None:
            numbers = [f"{near.cosine_mean:.5f}", f"{near.cosine_p5:.4f}", f"{near.cosine_min:.4f}"]
            numbers.append("inf" if near.snr_db is None else f"{near.snr_db:.1f}")
        pieces = "-" if artifact.partitions is None else str(artifact.partitions.partitions)
        doubts = "; ".join(each.evidence or each.kind.value for each in artifact.caveats)
        size = units.size(artifact.size_bytes)
        table.add_row(artifact.name, artifact.format.value, size, *numbers, pieces, doubts)
    print_table(table)
