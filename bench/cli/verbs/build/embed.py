"""``frill-bench embed``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.cli import flags
from bench.cli.console import print_json, print_to_stderr
from bench.core.errors import ConfigurationError


class Options(flags.VerbOptions):
    """What the parser of ``embed`` sets."""

    model: str
    audio: Path
    out: Path
    hop: int | None
    windows: bool
    zoo: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``embed``."""
    parser.epilog = "example: frill-bench embed frill my-audio --out vectors.npz"
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a model in the zoo (its float32 file), NAME.FORMAT, or a .tflite file",
    )
    parser.add_argument("audio", type=Path, metavar="DIR", help="folder of audio")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="file for the vectors: .npz, or .parquet (pip install -e '.[parquet]')",
    )
    parser.add_argument(
        "--hop",
        type=int,
        metavar="N",
        help="frames of 10 ms between two windows (default: the model's own hop)",
    )
    parser.add_argument(
        "--windows",
        action="store_true",
        help="write a vector for each window and where it starts, not the mean of each clip",
    )
    flags.add_zoo(parser)
    flags.add_json(parser)


def run(options: Options) -> int:
    """Embeds the audio and returns 0."""
    from bench.cli.terminal import one_bar
    from bench.flow.build.embed import check_format, embed_folder, write
    from bench.flow.build.score import hops_of
    from models.frontend import FRAME_HOP_SAMPLES
    from models.zoo import Zoo

    check_format(options.out)
    with TemporaryDirectory() as scratch:
        zoo = Zoo(options.zoo)
        if options.model.endswith(".tflite"):
            zoo = Zoo(Path(scratch))
            artifact = zoo.add(Path(options.model))
        else:
            artifact = zoo.chosen(options.model)
        hop = artifact.audio()[1] if options.hop is None else options.hop * FRAME_HOP_SAMPLES
        if hop < 1 or (options.hop is not None and not hops_of(artifact, (hop,))):
            raise ConfigurationError(
                f"{artifact.name}: its hop cannot be {options.hop} frames",
                hint="give frames from 1 on; a stream, or a model with a front-end of its own, "
                "has one hop only: leave out --hop",
            )
        with one_bar("embed") as on_progress:
            vectors = embed_folder(
                artifact,
                zoo.checked_path(artifact),
                options.audio,
                hop_samples=hop,
                by_window=options.windows,
                frontend_path=zoo.frontend_path(artifact),
                on_progress=partial(on_progress, "embed"),
            )
    write(vectors, options.out)
    rows, dimensions = vectors.values.shape
    if options.json:
        facts = {"rows": rows, "dimensions": dimensions, **vectors.provenance}
        print_json({"out": str(options.out), **facts})
    print_to_stderr(f"wrote {rows} vectors of {dimensions} numbers to {options.out}")
    return 0
