"""The flags of ``frill-bench gate``, some of which ``calibrate`` has too."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.verbs import run as run_verb

if TYPE_CHECKING:
    from bench.core.caveats import Caveat

CALIBRATIONS = "calibrations"  # the folder beside the database
_EXAMPLE = "example: frill-bench gate --baseline old.tflite --candidate new.tflite --host"


class Options(run_verb.Options):
    """The parsed flags; of those of ``run`` the ones about the device and the tool."""

    baseline: str | None
    candidate: str | None
    threads: int
    margin: float
    size_margin: float
    accuracy_margin: float
    task_set: str | None
    tolerance: float
    false_alarms: float
    max_minutes: float | None
    processes_per_side: int | None
    undecided: str
    own_tools: bool
    measure_unchanged: bool
    save_baseline: Path | None
    replay: Path | None
    log: Path | None
    revision: str | None
    junit: Path | None
    summary: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``gate``."""
    parser.epilog = _EXAMPLE
    parser.set_defaults(suite=None, model=[], check=False)
    add = parser.add_argument
    what = "a .tflite file, a bundle, a folder of artifacts, or a name in the zoo"
    add("--baseline", metavar="REF", help=f"{what}; files, never numbers")
    add("--candidate", metavar="REF", help="the files to compare with it, named the same way")
    shared.add_zoo(parser)
    add("--save-baseline", type=Path, metavar="DIR", help="only save the candidate as a bundle")
    add("--replay", type=Path, metavar="LOG", help="only print the verdicts of a gate's log")
    add("--db", default="frill-bench.db", metavar="FILE", help="database file or SQLAlchemy URL")
    add("--log", type=Path, metavar="FILE", help="the gate's log (default: in gates/ beside --db)")
    add(
        "--revision",
        metavar="TEXT",
        help="the revision the candidate was built from, for history (default: $GITHUB_SHA)",
    )
    shared.add_json(parser)
    outputs = parser.add_argument_group("for CI (on GitHub, annotations are written too)")
    outputs.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    outputs.add_argument(
        "--summary",
        type=Path,
        metavar="FILE",
        help="append Markdown to this file, such as $GITHUB_STEP_SUMMARY",
    )
    run_verb.add_where(parser.add_argument_group("where (default: the only phone attached)"))
    run_verb.add_state(parser.add_argument_group("the phone's settings (restored at the end)"))
    how = parser.add_argument_group("how")
    add_how(how)
    _add_how_long(how)
    _add_rule(parser.add_argument_group("the rule"))
    tool = parser.add_argument_group("the benchmark tool (for both sides)")
    run_verb.add_tool(tool)
    tool.add_argument(
        "--own-tools", action="store_true", help="measure the baseline with the tool in its bundle"
    )


def add_how(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of how blocks are measured."""
    add = group.add_argument
    add(
        "--delegate",
        choices=("xnnpack", "none", "gpu", "nnapi"),
        help="the delegate (default: xnnpack)",
    )
    add("--threads", "--num-threads", type=int, default=1, metavar="N", help="number of threads")
    add(
        "--timeout",
        type=run_verb.seconds,
        metavar="S",
        help="kill a process after this time (default: a limit from its protocol)",
    )
    add("--seed", type=int, help="seed of the coins that order each block (default: random)")


def _add_how_long(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--measure-unchanged",
        action="store_true",
        help="also measure files that are equal on both sides",
    )
    add(
        "--max-minutes",
        type=run_verb.seconds,
        metavar="MIN",
        help="stop after this time; open models are undecided",
    )
    add(
        "--processes-per-side",
        type=int,
        metavar="N",
        help="each side of a block is the fastest of N processes (default: from the device's "
        "calibration, else 1)",
    )


def _add_rule(group: argparse._ArgumentGroup) -> None:
    def add(name: str, default: str, what: str) -> None:
        group.add_argument(name, type=run_verb.share, default=default, metavar="P%", help=what)

    add("--margin", "5%", "a slowdown of this share or more must not pass")
    add("--tolerance", "1%", "a slowdown of this share or less is never reported")
    add("--size-margin", "1%", "a file that grew by this share or more has regressed")
    add("--accuracy-margin", "2%", "a loss of this many points of the mean must not pass")
    group.add_argument(
        "--task-set",
        metavar="SET",
        help="also compare accuracies on this task set: default, quick, a folder or a CSV, as in "
        "score (default: they are not compared)",
    )
    add("--false-alarms", "1%", "accepted share of red gates when no model changed")
    group.add_argument(
        "--undecided",
        choices=("fail", "warn"),
        default="warn",
        help="exit code of undecided: 5 or 0",
    )


def beside(options: run_verb.Options, name: str) -> Path:
    """Returns a folder beside the database."""
    return (Path() if "://" in options.db else Path(options.db).parent) / name


def caveats(options: run_verb.Options) -> tuple[Caveat, ...]:
    """Returns the caveats that follow from the command line alone."""
    from bench.core.caveats import Caveat, CaveatKind

    held = {
        CaveatKind.FORCE_UNFIT: options.force_unfit,
        CaveatKind.FIXED_PERFORMANCE: options.fixed_performance,
    }
    return tuple(Caveat(kind=kind) for kind, holds in held.items() if holds)
