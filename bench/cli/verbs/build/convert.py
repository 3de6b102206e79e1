"""``frill-bench convert NAME ...``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import flags as shared
from bench.cli.console import print_json, print_to_stderr
from bench.core import config, units
from bench.core.artifact import Artifact, Format
from bench.core.errors import ConfigurationError, worst

_FORMATS = ["float32", "float16", "dynamic", "int8"]


class Options(shared.VerbOptions):
    """What the parser of ``convert`` sets."""

    names: list[str]
    grid: list[str]
    formats: str
    weights: str
    seed: int
    zoo: Path
    audio: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``convert``."""
    parser.epilog = "example: frill-bench convert frill tiny_w0.5_keras3_gap_e1024_unfused"
    add = parser.add_argument
    add(
        "names",
        nargs="*",
        metavar="NAME",
        help="name of a student, or frill, trill-shaped, frontend-dft, frontend-stft; "
        "frontend-dft-17 makes the 17 new frames of a hop; NAME_stream takes audio hop by hop",
    )
    shared.add_grid(parser)
    add("--formats", default=",".join(_FORMATS), help="formats, separated by commas")
    add(
        "--weights",
        default="starter",
        metavar="WEIGHTS",
        help="starter (the trained ones of this project; random for other students), random, or a "
        "folder made by distill",
    )
    add("--seed", type=int, default=1, help="seed of random weights")
    shared.add_zoo(parser)
    shared.add_audio(parser)
    shared.add_json(parser)


def run(options: Options) -> int:
    """Converts every model; returns 0, or the exit code of the worst failure."""
    from bench.cli.terminal import progress
    from bench.flow.build.convert import convert_to_zoo
    from models.student.buildable import parse
    from models.student.spec import parse_grid

    models = list(dict.fromkeys([*map(parse, options.names), *parse_grid(options.grid)]))
    if not models:
        raise ConfigurationError("nothing to convert", hint="give a NAME or --grid")
    formats = tuple(Format(word) for word in shared.words(options.formats, _FORMATS, "format"))
    with progress() as display:
        task = display.add_task("convert", total=len(models))
        converted, failed = convert_to_zoo(
            models,
            formats=formats,
            zoo=options.zoo,
            audio=options.audio,
            seed=options.seed,
            weights=options.weights,
            on_finished=lambda _: display.advance(task),
        )
    artifacts = [each for group in converted for each in group]
    if options.json:
        print_json(
            {
                "zoo": str(options.zoo),
                "artifacts": config.unstructure(artifacts),
                "failed": {name: error.message for name, error in failed.items()},
            }
        )
    elif artifacts:
        _print(artifacts)
    for error in failed.values():
        print_to_stderr(f"failed: {error}")
    print_to_stderr(f"wrote {len(artifacts)} artifacts to {options.zoo}")
    return worst({error.exit_code for error in failed.values()})


def _print(artifacts: list[Artifact]) -> None:
    from bench.cli.terminal import print_rows

    rows = []
    for artifact in artifacts:
        fidelity = artifact.fidelity
        numbers = ["-"] * 4
        if fidelity is not None:
            numbers = [
                f"{fidelity.cosine_mean:.5f}",
                f"{fidelity.cosine_p5:.4f}",
                f"{fidelity.cosine_min:.4f}",
                "inf" if fidelity.snr_db is None else f"{fidelity.snr_db:.1f}",
            ]
        partitions = "-" if artifact.partitions is None else str(artifact.partitions.partitions)
        caveats = "; ".join(each.evidence or each.kind.value for each in artifact.caveats)
        size = units.size(artifact.size_bytes)
        rows.append([artifact.name, artifact.format.value, size, *numbers, partitions, caveats])
    print_rows(
        ("model", "format", "size", "cosine mean", "5 %", "min", "SNR dB", "partitions", "caveats"),
        rows,
    )
