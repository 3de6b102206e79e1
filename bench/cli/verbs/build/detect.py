"""``frill-bench detect``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags
from bench.cli.console import print_json, print_line, print_to_stderr
from bench.core import units
from bench.core.errors import ConfigurationError
from bench.core.units import GAP, counted

if TYPE_CHECKING:
    from bench.flow.build.detect import Detected, Outcome
    from models.detection.rates import Estimate, Matched

_RATES = (0.5, 1.0, 2.0)


class Options(flags.VerbOptions):
    """What the parser of ``detect`` sets."""

    detectors: list[str]
    audio: Path | None
    positives: list[str]
    events: Path | None
    rate: tuple[float, ...] | None
    threshold: float | None
    average: int | None
    refractory: float | None
    head: Path | None
    word: str | None
    hop: int | None
    out: Path | None
    zoo: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``detect``."""
    parser.epilog = (
        "example: frill-bench detect microwakeword/okay_nabu openwakeword/okay_nabu --audio "
        "background --positives okay_nabu"
    )
    parser.add_argument(
        "detectors",
        nargs="+",
        metavar="DETECTOR",
        help="a .tflite file (with microWakeWord's .json beside it, or one that takes audio and "
        "gives a score), a description (.yaml), a packaged one such as microwakeword/okay_nabu or "
        "openwakeword/alexa; with --head an embedding: a model in the zoo or a .tflite file",
    )
    heard = parser.add_argument_group("what is heard (16 kHz mono; other audio is converted)")
    heard.add_argument(
        "--audio",
        type=Path,
        metavar="DIR",
        help="folder of audio without the event: every alarm in it is false",
    )
    heard.add_argument(
        "--positives",
        action="append",
        default=[],
        metavar="[WORD=]DIR",
        help="folder of clips that hold one event each; for detectors of several words one for "
        "each, such as alexa=DIR (the last part of the detector's name)",
    )
    heard.add_argument(
        "--events",
        type=Path,
        metavar="CSV",
        help="recordings with their events, path,start_s,end_s; alarms elsewhere in them are false",
    )
    asked = parser.add_argument_group("when it is an alarm (default: as each detector is deployed)")
    asked.add_argument(
        "--rate",
        type=_rates,
        metavar="N[,N...]",
        help="false alarms an hour at which miss rates are compared (default: 0.5,1,2)",
    )
    asked.add_argument("--threshold", type=float, metavar="P", help="the score of an alarm, 0 to 1")
    asked.add_argument("--average", type=int, metavar="N", help="scores in a row that are averaged")
    asked.add_argument(
        "--refractory",
        type=flags.seconds,
        metavar="S",
        help="after an alarm there is no other one for S (default: 2)",
    )
    head = parser.add_argument_group("a head on an embedding")
    head.add_argument(
        "--head",
        type=Path,
        metavar="PATH",
        help="train a linear head on this folder with a sub-folder for each label, or CSV with "
        "path,label; its clips are not tested",
    )
    head.add_argument("--word", metavar="LABEL", help="the label that is the event")
    head.add_argument(
        "--hop",
        type=int,
        metavar="N",
        help="frames of 10 ms between two embeddings (default: the model's own hop)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write detections.json, and the curves as CSV, SVG and PNG",
    )
    flags.add_zoo(parser)
    flags.add_json(parser)


def _rates(text: str) -> tuple[float, ...]:
    """Returns the rates of a list such as ``0.5,1,2``.

    Raises:
        argparse.ArgumentTypeError: a part is not a number above 0.
    """
    try:
        rates = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        rates = ()
    if not rates or not all(0 < rate < float("inf") for rate in rates):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of rates; give false alarms an hour, such as 0.5,1,2"
        )
    return rates


def _word_and_folder(text: str) -> tuple[str, Path]:
    """Returns the word, perhaps "", and the folder of ``WORD=DIR`` or ``DIR``."""
    word, sign, folder = text.partition("=")
    return (word, Path(folder)) if sign and not Path(text).is_dir() else ("", Path(text))


def run(options: Options) -> int:
    """Runs the detectors, prints the tables and returns 0."""
    from bench.cli.terminal import one_bar
    from bench.flow.build.detect import Request, detect, document

    if (options.head is None) != (options.word is None):
        raise ConfigurationError(
            "--head and --word belong together", hint="give both, or a detector that has a score"
        )
    request = Request(
        names=tuple(options.detectors),
        audio=options.audio,
        positives=dict(map(_word_and_folder, options.positives)),
        events=options.events,
        rates=options.rate or _RATES,
        zoo=options.zoo,
        examples=options.head,
        word=options.word,
        hop_frames=options.hop,
        threshold=options.threshold,
        average=options.average,
        refractory_s=options.refractory,
    )
    with one_bar("detect") as on_progress:
        done = detect(request, on_progress=on_progress)
    described = document(done)
    if options.json:
        print_json(described)
    else:
        _print(done)
    for note in done.notes:
        print_to_stderr(f"note: {note}")
    if options.out is not None:
        from bench.flow.build.detected_files import write

        for path in write(done, described, options.out):
            print_to_stderr(f"wrote {path}")
    return 0


def _print(done: Detected) -> None:
    from bench.cli.terminal import print_rows

    print_line(
        f"{done.hours:.2f} hours of {counted(len(done.recordings.background), 'recording')}, "
        f"{counted(done.events, 'event')}; intervals are 95 %"
    )
    columns = ["threshold", "averaged", "false alarms", "an hour", "missed", "miss rate, %"]
    columns = columns if done.events else columns[:4]
    print_rows(
        ["detector", *columns],
        [_own_row(each)[: len(columns) + 1] for each in done.outcomes],
        right=columns,
        title="at each detector's own threshold",
        title_justify="left",
    )
    if done.events:
        rates = [f"{each.per_hour:g} an hour" for each in done.outcomes[0].matched]
        print_rows(
            ["detector", *rates],
            [
                [each.detector.name, *(_matched(rate) for rate in each.matched)]
                for each in done.outcomes
            ],
            right=rates,
            title="miss rate in % at matched false alarms",
            title_justify="left",
        )


def _own_row(each: Outcome) -> list[str]:
    return [
        each.detector.name,
        units.significant(each.detector.threshold),
        str(each.detector.average),
        str(each.false_alarms),
        _interval(each.per_hour),
        GAP if each.missed is None else f"{each.missed} of {each.events}",
        GAP if each.miss_rate is None else _interval(each.miss_rate, 100),
    ]


def _matched(found: Matched) -> str:
    if found.miss_rate is None:
        return found.known.value
    return f"{_interval(found.miss_rate, 100)} at {units.significant(found.threshold or 0, 4)}"


def _interval(estimate: Estimate, per: float = 1.0) -> str:
    value, low, high = (
        units.significant(per * each, 3) for each in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} ({low} to {high})"
