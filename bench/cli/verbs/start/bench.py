"""``frill-bench bench MODEL``."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags, own_flags
from bench.cli.console import print_json, print_to_stderr
from bench.core import config, units
from bench.core.artifact import Format, Role
from bench.core.errors import ConfigurationError, worst

if TYPE_CHECKING:
    from bench.flow.own import Prepared
    from reports.rows.schema import Row

_FORMATS = [each.value for each in Format]
_NOT_ALL_MADE = 4


class Options(flags.DeviceFlags, flags.VerbOptions):
    """What the parser of ``bench`` sets."""

    model: Path
    out: Path
    zoo: Path | None
    formats: str
    processes: int
    audio: Path | None
    task_set: str | None
    name: str | None
    frontend: str | None
    role: Role | None
    window_s: float | None
    hop_s: float | None
    calibration: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``bench``."""
    parser.epilog = "example: frill-bench bench model.tflite --out mine"
    add = parser.add_argument
    add(
        "model",
        type=Path,
        metavar="MODEL",
        help="a .tflite, .keras or .onnx file, or the folder of a SavedModel",
    )
    add(
        "--out",
        type=Path,
        default=Path("my-model"),
        metavar="DIR",
        help="folder for the page, the files and the results",
    )
    add("--zoo", type=Path, metavar="DIR", help="folder of artifacts (default: in --out)")
    add("--formats", default=",".join(_FORMATS), help="formats, separated by commas")
    add("--processes", type=int, default=10, metavar="N", help="processes per file")
    flags.add_audio(parser)
    add(
        "--task-set",
        metavar="SET",
        help="what an audio embedding is scored on: demo (two tasks), default (six), quick, or a "
        "folder or CSV of your own, as for score (default: demo, or --audio)",
    )
    flags.add_json(parser)
    own_flags.add_own(parser.add_argument_group("the model, where its file does not show it"))
    flags.add_device(parser, default="this machine")
    flags.add_tool(parser.add_argument_group("the benchmark tool"))


def run(options: Options) -> int:
    """Converts, measures, scores and reports; returns 0, or the exit code of what failed."""
    from bench.cli.measuring import do_on_devices
    from bench.cli.requests import devices_of, phones_of, tool_request
    from bench.cli.shown.cases import show_failed
    from bench.cli.terminal import stages
    from bench.core.system.lock import alone_in
    from bench.flow import own
    from bench.flow.fleet import MeasureJob
    from models.zoo import Zoo

    began_s = time.monotonic()
    options.host = options.host or not options.serial
    if options.processes < 1:
        raise ConfigurationError(
            f"--processes {options.processes} is not a number of processes", hint="give 1 or more"
        )
    formats = [Format(each) for each in flags.words(options.formats, _FORMATS, "format")]
    model = own_flags.own_model(options, options.model)
    if options.serial:
        phones_of(options.serial)  # a phone that is not there is an error before anything is made
    with alone_in(options.out, "a benchmark"):
        with stages() as on_progress:
            prepared = own.prepare(
                model,
                zoo=Zoo(options.zoo or options.out / "zoo"),
                formats=formats,
                audio=options.audio,
                tasks=options.task_set,
                on_progress=on_progress,
            )
        devices = devices_of(
            options, lambda kind: prepared.request(kind, options.processes), tool_request(options)
        )
        db = str(options.out / "results.db")
        status = do_on_devices(devices, MeasureJob(targets=prepared.targets), db, show_failed)
        with stages() as on_progress:
            page, rows = own.finish(
                prepared, db, out=options.out, command=_command(options), on_progress=on_progress
            )
    _show(options, prepared, page, rows)
    print_to_stderr(f"in {units.elapsed(time.monotonic() - began_s)}; open {page}")
    gaps = prepared.made.refused or prepared.failed
    return worst({status, _NOT_ALL_MADE if gaps else 0})


def _command(options: Options) -> str:
    where = [*(["--host"] if options.host else []), *(f"-s {each}" for each in options.serial)]
    words = ["frill-bench", "bench", shlex.quote(str(options.model)), *where]
    return " ".join([*words, "--out", shlex.quote(str(options.out))])


def _show(options: Options, prepared: Prepared, page: Path, rows: Sequence[Row]) -> None:
    from bench.cli.shown.artifacts import print_artifacts
    from reports.rows.schema import Row, listing

    made = prepared.made
    for note in prepared.notes:
        print_to_stderr(f"note: {note}")
    for failure in prepared.failed:
        print_to_stderr(f"failed: {failure}")
    if options.json:
        print_json(
            {
                "page": str(page),
                "name": made.name,
                "artifacts": config.unstructure(made.artifacts),
                "rows": listing(rows, Row).records(),
                "refused": {format.value: why for format, why in made.refused.items()},
                "notes": list(prepared.notes),
                "failed": list(prepared.failed),
            }
        )
        return
    print_artifacts(
        made.artifacts, [(made.name, each.value, why) for each, why in made.refused.items()]
    )
    if rows:
        _print(rows)


def _print(rows: Sequence[Row]) -> None:
    """Prints latency and accuracy with their intervals, one row per case and hop."""
    from bench.cli.terminal import print_rows

    headings = ("device", "file", "latency ms (95 %)", "hop (s)", "score (95 %)", "floor")
    print_rows(
        headings,
        [
            (
                row.setup.device,
                row.file.name,
                _interval(row.latency_us_median, row.latency_us_low, row.latency_us_high, 1_000),
                units.GAP
                if row.audio_s_per_inference is None
                else units.significant(row.audio_s_per_inference),
                _interval(row.score_mean, row.score_low, row.score_high, 1),
                units.GAP if row.score_floor_mean is None else f"{row.score_floor_mean:.3f}",
            )
            for row in rows
        ],
        right=headings[2:],
    )


def _interval(value: float | None, low: float | None, high: float | None, unit: float) -> str:
    if value is None:
        return units.GAP
    text = f"{value / unit:.3f}"
    return text if low is None or high is None else f"{text} ({low / unit:.3f}-{high / unit:.3f})"
