"""``frill-bench convert NAME|FILE ...``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli import own_flags
from bench.cli.console import print_json, print_to_stderr
from bench.core import config
from bench.core.artifact import Artifact, Format, Role
from bench.core.errors import BenchError, ConfigurationError, worst

if TYPE_CHECKING:
    from models.own.job import Made

_FORMATS = ["float32", "float16", "dynamic", "int8"]
_NOT_ALL_MADE = 4


class Options(shared.VerbOptions):
    """What the parser of ``convert`` sets."""

    names: list[str]
    grid: list[str]
    formats: str
    weights: str
    seed: int
    zoo: Path
    audio: Path | None
    scheduler: str | None
    name: str | None
    frontend: str | None
    role: Role | None
    window_s: float | None
    hop_s: float | None
    calibration: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``convert``."""
    parser.epilog = "example: frill-bench convert frill tiny_w0.5_keras3_gap_e1024_unfused"
    add = parser.add_argument
    add(
        "names",
        nargs="*",
        metavar="NAME|FILE",
        help="name of a student, or frill, trill-shaped, frontend-dft, frontend-stft; "
        "frontend-dft-17 makes the 17 new frames of a hop; NAME_stream takes audio hop by hop; or "
        "a model of your own: a .tflite, .keras or .onnx file, or a SavedModel's folder",
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
    shared.add_scheduler(parser, "convert students")
    shared.add_json(parser)
    own_flags.add_own(parser.add_argument_group("a model of your own"))


def run(options: Options) -> int:
    """Converts every model; returns 0, 4 for a missing format, or the worst failure's code."""
    from models.own.source import is_own

    files = [Path(name) for name in dict.fromkeys(options.names) if is_own(name)]
    names = [name for name in options.names if not is_own(name)]
    if not files and not names and not options.grid:
        raise ConfigurationError("nothing to convert", hint="give a NAME, a FILE or --grid")
    if files and options.scheduler is not None:
        raise ConfigurationError(
            "--scheduler is for students; files of your own are converted here",
            hint="leave it out, or convert the files alone",
        )
    given = own_flags.given_flags(options)
    if given and (names or options.grid or not files):
        raise ConfigurationError(
            f"{given[0]} is for a model file of your own", hint="convert that file alone"
        )
    if given and len(files) > 1 and given != ["--calibration"]:
        raise ConfigurationError(
            f"{given[0]} is for one file, and {len(files)} are given", hint="convert one at a time"
        )
    formats = tuple(Format(word) for word in shared.words(options.formats, _FORMATS, "format"))
    artifacts, failed = _students(options, names, formats)
    made, own_failed = _own(options, files, formats)
    failed |= own_failed
    artifacts += [each for one in made for each in one.artifacts]
    _show(options, artifacts, made, failed)
    codes = {error.exit_code for error in failed.values()}
    return worst(codes | ({_NOT_ALL_MADE} if any(one.refused for one in made) else set()))


def _students(
    options: Options, names: Sequence[str], formats: tuple[Format, ...]
) -> tuple[list[Artifact], dict[str, BenchError]]:
    from bench.cli.terminal import progress
    from bench.flow.build.cluster import executor_at
    from bench.flow.build.convert import convert_to_zoo
    from models.convert.pool import processes
    from models.student.buildable import parse
    from models.student.spec import parse_grid

    models = list(dict.fromkeys([*map(parse, names), *parse_grid(options.grid)]))
    if not models:
        return [], {}
    where = processes() if options.scheduler is None else executor_at(options.scheduler)
    with where as executor, progress() as display:
        task = display.add_task("convert", total=len(models))
        converted, failed = convert_to_zoo(
            models,
            formats=formats,
            zoo=options.zoo if options.scheduler is None else options.zoo.absolute(),
            audio=options.audio,
            seed=options.seed,
            weights=options.weights,
            executor=executor,
            on_finished=lambda _: display.advance(task),
        )
    return [each for group in converted for each in group], failed


def _own(
    options: Options, files: Sequence[Path], formats: tuple[Format, ...]
) -> tuple[list[Made], dict[str, BenchError]]:
    from bench.cli.terminal import progress
    from bench.flow.build.own import convert_models
    from models.zoo import Zoo

    if not files:
        return [], {}
    with progress() as display:
        task = display.add_task("convert files", total=len(files))
        return convert_models(
            [own_flags.own_model(options, path) for path in files],
            formats=formats,
            zoo=Zoo(options.zoo),
            audio=options.audio,
            on_finished=lambda _: display.advance(task),
        )


def _show(
    options: Options,
    artifacts: Sequence[Artifact],
    made: Sequence[Made],
    failed: dict[str, BenchError],
) -> None:
    gaps = [(one.name, format.value, why) for one in made for format, why in one.refused.items()]
    notes = [f"{one.name}: {note}" for one in made for note in one.notes]
    if options.json:
        print_json(
            {
                "zoo": str(options.zoo),
                "artifacts": config.unstructure(artifacts),
                "refused": [
                    {"name": name, "format": format, "reason": why} for name, format, why in gaps
                ],
                "notes": notes,
                "failed": {name: error.message for name, error in failed.items()},
            }
        )
    elif artifacts:
        from bench.cli.shown.artifacts import print_artifacts

        print_artifacts(artifacts, gaps)
    for note in notes:
        print_to_stderr(f"note: {note}")
    for error in failed.values():
        print_to_stderr(f"failed: {error}")
    print_to_stderr(f"wrote {len(artifacts)} artifacts to {options.zoo}")
