"""The flags of ``score``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import flags
from bench.core.score import ScoringProtocol

# Of models/audio/acoustics.py, which the parser does not import.
CONDITIONS = ("clean", "noise", "telephone", "reverberation", "clipping")
_MOST_FRAMES = 96  # of a window; a longer hop would leave audio between two windows


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``score``."""
    parser.epilog = (
        "example: frill-bench score small_w1.0_keras3_gap_e2048_unfused --task-set quick"
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="models in the zoo (default: all audio embeddings)"
    )
    parser.add_argument(
        "--task-set",
        metavar="SET",
        action="append",
        help="default (six tasks), quick (two, few clips), demo (these two, more clips), "
        "development (two, of voices to choose recipes by), extended (three, of packages that are "
        "fetched apart), noss, mobile_health or one public task of them such as crema_d (with "
        "--data), a folder of clips by label, or a CSV with path,label[,split][,speaker] "
        "(default: default; on a phone: quick); given several times, all of them are scored",
    )
    parser.add_argument(
        "--audio",
        metavar="PATH",
        help="a folder or CSV of your own clips; the same as --task-set PATH",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where the data of public tasks are: of one task its own folder, of several a folder "
        "with one of each task's name, or a folder of TensorFlow Datasets; data explain has the "
        "steps to get them",
    )
    parser.add_argument(
        "--hop",
        type=_hops,
        metavar="N[,N...]",
        help="frames of 10 ms between two windows, such as 17,48,96: a score at each hop, and the "
        "difference to its own hop (default: the model's own hop; FRILL's is 17). A stream, or a "
        "model with a front-end of its own, has one hop only: the others are skipped and named",
    )
    parser.add_argument(
        "--protocol",
        choices=[each.value for each in ScoringProtocol],
        help="how the head of a task is chosen: one for all tasks, and the test part is scored "
        "once; or, to compare with the paper's numbers, the best of its five heads and "
        "normalisations on the test part, which new clips do not reach: these scores are kept "
        "apart (default: default)",
    )
    parser.add_argument(
        "--condition",
        type=_conditions,
        metavar="NAME[,NAME...]",
        help="the same test clips in noise, telephone, reverberation or clipping, beside clean "
        "ones: a score each, and the difference to clean; the heads are fitted to clean clips, and "
        "these scores are kept apart (default: clean)",
    )
    parser.add_argument(
        "--import",
        dest="import_path",
        type=Path,
        metavar="PATH",
        help="read the results of another benchmark (a file of HEAR's evaluation kit, X-ARES or "
        "MTEB, or a folder of them) as scores of the one NAME, NAME.FORMAT or SHA-256 that is "
        "named; MTEB's results name it themselves. They stay apart from our own scores: see "
        "export --table imported",
    )
    flags.add_scheduler(parser, "embed")
    flags.add_db(parser, "database for the scores")
    flags.add_zoo(parser)
    flags.add_json(parser)
    group = parser.add_argument_group("on a phone (its scores are compared with the host's)")
    group.add_argument(
        "--on",
        metavar="SERIAL",
        help="score this phone's outputs for a sample of the clips, instead of this machine's",
    )
    group.add_argument(
        "--clips",
        type=int,
        metavar="N",
        help="size of the sample (default: the fewest clips that fill all classes and folds, but "
        "at least 120)",
    )
    group.add_argument(
        "--delegate",
        choices=("xnnpack", "none", "gpu", "nnapi"),
        help="delegate on the phone (default: xnnpack, or none where the tool lacks it)",
    )
    group.add_argument(
        "--benchmark-binary",
        type=Path,
        metavar="PATH",
        help="this build of the official benchmark_model, instead of a download",
    )


def _hops(text: str) -> tuple[int, ...]:
    """Returns the frames of a list such as ``17,48,96``.

    Raises:
        argparse.ArgumentTypeError: a part is not a hop within a window.
    """
    parts = text.split(",")
    if all(part.isdecimal() and 1 <= int(part) <= _MOST_FRAMES for part in parts):
        return tuple(sorted({int(part) for part in parts}))
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a list of hops; give frames from 1 to {_MOST_FRAMES}, such as 17,48,96"
    )


def _conditions(text: str) -> tuple[str, ...]:
    """Returns the conditions of a list such as ``clean,noise``.

    Raises:
        argparse.ArgumentTypeError: a part is not one of them.
    """
    parts = tuple(dict.fromkeys(text.split(",")))
    if others := [part for part in parts if part not in CONDITIONS]:
        raise argparse.ArgumentTypeError(
            f"{others[0]!r} is not a condition; give some of {', '.join(CONDITIONS)}"
        )
    return parts
