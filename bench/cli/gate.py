"""``frill-bench gate``: whether a candidate is slower than its baseline, both measured now."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.cli import options as shared
from bench.cli import run as run_verb

if TYPE_CHECKING:
    from bench.flow.gate import Gate
    from bench.flow.sides import Paired, Side

_EXAMPLE = "example: frill-bench gate --baseline old.tflite --candidate new.tflite --host"
CALIBRATIONS = "calibrations"  # the folder beside the database
_SAVE = "frill-bench gate --candidate REF --save-baseline DIR"


class Options(run_verb.Options):
    """What was asked for; of the flags of ``run`` those about the device and the tool."""

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
    processes_per_arm: int | None
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
    what = "a .tflite file, a bundle, a folder of artifacts, or a name of the zoo"
    add("--baseline", metavar="REF", help=f"{what}; files, never numbers")
    add("--candidate", metavar="REF", help="likewise")
    shared.add_zoo(parser)
    add("--save-baseline", type=Path, metavar="DIR", help="save the candidate as a bundle, instead")
    add("--replay", type=Path, metavar="LOG", help="print what a gate's log says, instead")
    add("--db", default="frill-bench.db", metavar="FILE", help="database file or SQLAlchemy URL")
    add("--log", type=Path, metavar="FILE", help="the gate's log (default: in gates/ beside --db)")
    add(
        "--revision",
        metavar="TEXT",
        help="what the candidate was built from, for history (default: $GITHUB_SHA)",
    )
    shared.add_json(parser)
    outputs = parser.add_argument_group("for CI (on GitHub also annotations)")
    outputs.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    outputs.add_argument(
        "--summary", type=Path, metavar="FILE", help="append Markdown, as to $GITHUB_STEP_SUMMARY"
    )
    run_verb.add_where(
        parser.add_argument_group("where (by default the only phone that is attached)")
    )
    run_verb.add_state(
        parser.add_argument_group("the phone's state (put back at the end as it was found)")
    )
    how = parser.add_argument_group("how")
    add_how(how)
    _add_how_long(how)
    _add_rule(parser.add_argument_group("the rule"))
    tool = parser.add_argument_group("the benchmark tool (the candidate's, for both sides)")
    run_verb.add_tool(tool)
    tool.add_argument(
        "--own-tools", action="store_true", help="the baseline with the tool in its bundle"
    )


def add_how(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of how blocks are measured."""
    add = group.add_argument
    add(
        "--delegate",
        choices=("xnnpack", "none", "gpu", "nnapi"),
        help="one of them (default: xnnpack)",
    )
    add("--threads", "--num-threads", type=int, default=1, metavar="N", help="number of threads")
    add(
        "--timeout",
        type=run_verb.seconds,
        metavar="S",
        help="kill a process after so long (default: when its protocol must have ended)",
    )
    add("--seed", type=int, help="of the coins that order each block (default: drawn)")


def _add_how_long(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--measure-unchanged", action="store_true", help="also files that are equal on both sides")
    add("--max-minutes", type=run_verb.seconds, metavar="MIN", help="then the rest is undecided")
    add(
        "--processes-per-arm",
        type=int,
        metavar="N",
        help="each side of a block is the fastest of so many (default: what calibrate found for "
        "the device, else 1)",
    )


def _add_rule(group: argparse._ArgumentGroup) -> None:
    def add(name: str, default: str, what: str) -> None:
        group.add_argument(name, type=run_verb.share, default=default, metavar="P%", help=what)

    add("--margin", "5%", "a slowdown of this share or more must not pass")
    add("--tolerance", "1%", "a slowdown of this share or less is not condemned")
    add("--size-margin", "1%", "a file that grew by this share or more regressed")
    add("--accuracy-margin", "2%", "a loss of so many points of the mean must not pass")
    group.add_argument(
        "--task-set",
        metavar="SET",
        help="score both sides on it too: default, quick, a folder or a CSV, as in score "
        "(default: accuracies are not compared)",
    )
    add("--false-alarms", "1%", "share of gates of unchanged models that may go red")
    group.add_argument(
        "--undecided", choices=("fail", "warn"), default="warn", help="exit with 5, or with 0"
    )


def run(options: argparse.Namespace) -> int:
    """Measures, prints the verdicts, returns the exit code."""
    from bench.cli.gate_devices import on_host, on_phone, verdicts_shown
    from bench.core.errors import ConfigurationError
    from bench.flow.calibrate import CalibratedGate
    from bench.flow.sides import paired, side

    chosen = cast("Options", options)
    if chosen.replay is not None:
        return _replayed(chosen, chosen.replay)
    if chosen.candidate is None:
        raise ConfigurationError("no candidate is given", hint="give it: --candidate REF")
    candidate = side(chosen.candidate, zoo=chosen.zoo)
    if chosen.save_baseline is not None:
        return _saved(chosen, candidate, chosen.save_baseline)
    if chosen.baseline is None:
        raise ConfigurationError(
            "no baseline is given: there is nothing to compare with",
            hint=f"save one where it is good: {_SAVE}; then give it here: --baseline DIR",
        )
    baseline = side(chosen.baseline, zoo=chosen.zoo)
    if chosen.own_tools and baseline.tool is None:
        raise ConfigurationError(
            f"{chosen.baseline}: holds no tool for --own-tools; only official ones can be kept",
            hint=f"save it with one: {_SAVE} --benchmark-binary PATH",
        )
    found = paired(baseline, candidate, unchanged_too=chosen.measure_unchanged or chosen.own_tools)
    if not found.pairs:
        from bench.cli.verdicts import show_unmeasured

        show_unmeasured(found.unmeasured, as_json=chosen.json)
        return 0
    if chosen.benchmark_binary is None:
        chosen.benchmark_binary = candidate.tool
    gate = _with_scores(chosen, _gate(chosen, found))
    targets = {
        each.sha256: each for pair in found.pairs for each in (pair.baseline, pair.candidate)
    }
    second = baseline.tool if chosen.own_tools else None
    calibrated = CalibratedGate(
        gate=gate,
        folder=beside(chosen, CALIBRATIONS),
        processes_per_arm=chosen.processes_per_arm,
    )
    measured = on_host if chosen.host else on_phone
    return measured(chosen, calibrated, tuple(targets.values()), second, verdicts_shown)


def beside(options: run_verb.Options, name: str) -> Path:
    """Returns a folder beside the database."""
    return (Path() if "://" in options.db else Path(options.db).parent) / name


def doubts(options: run_verb.Options) -> tuple[str, ...]:
    """Returns the kinds of doubts that the command line alone brings."""
    from bench.core.caveats import CaveatKind

    held = {
        CaveatKind.FORCE_UNFIT: options.force_unfit,
        CaveatKind.FIXED_PERFORMANCE: options.fixed_performance,
    }
    return tuple(kind.value for kind, holds in held.items() if holds)


def _gate(options: Options, found: Paired) -> Gate:
    from bench.cli.output import tell
    from bench.flow.gate import Gate
    from bench.gate.rule import Rule

    return Gate(
        paired=found,
        rule=Rule(
            margin=options.margin,
            tolerance=options.tolerance,
            false_alarms_per_gate=options.false_alarms,
        ),
        folder=beside(options, "gates"),
        log=options.log,
        max_s=None if options.max_minutes is None else 60 * options.max_minutes,
        seed=options.seed,
        caveats=doubts(options),
        revision=options.revision or os.environ.get("GITHUB_SHA", ""),
        size_margin=options.size_margin,
        told=tell,
    )


def _with_scores(options: Options, gate: Gate) -> Gate:
    """Returns the gate with how far its candidates score from their baselines, if that is asked."""
    if options.task_set is None:
        return gate
    from bench.cli.output import progress
    from bench.flow.gate_scores import scored
    from bench.gate.rule import AccuracyRule
    from models.audio.tasks import task_set

    rule = AccuracyRule(
        margin=options.accuracy_margin,
        tolerance=min(AccuracyRule().tolerance, options.accuracy_margin / 4),
        false_alarms_per_gate=options.false_alarms,
    )
    tasks = task_set(options.task_set)
    with progress() as display:
        bar = display.add_task("score", total=None)
        found = scored(
            gate.paired.pairs,
            tasks,
            told=lambda name, done, total: display.update(
                bar, description=f"score {name}", completed=done, total=total
            ),
        )
        return replace(gate, accuracy=rule, scores=tuple(found))


def _saved(options: Options, candidate: Side, folder: Path) -> int:
    """Saves a side as a bundle, with the tool that would measure it where that is known here."""
    from bench.cli.output import print_json, tell
    from bench.core import config
    from bench.core.errors import ConfigurationError
    from bench.flow.bundle import CONTENTS, host_runner, official, save
    from bench.tool.host import litert_tool

    if options.baseline is not None:
        raise ConfigurationError(
            "--save-baseline saves the candidate and compares nothing",
            hint="leave out --baseline, or --save-baseline",
        )
    binary = options.benchmark_binary or candidate.tool
    if binary is not None:
        bundle = save(folder, candidate.targets, tool=official(binary), binary=binary)
    elif options.host:
        tool, runtimes = host_runner(litert_tool())
        bundle = save(folder, candidate.targets, tool=tool, runtimes=runtimes)
    else:
        bundle = save(folder, candidate.targets)
        tell("no tool is kept; --benchmark-binary PATH keeps one, for --own-tools")
    if options.json:
        print_json({"bundle": config.unstructure(bundle)})
    else:
        for each in bundle.files:
            print(f"{each.name} {each.format} {each.sha256}")
    tell(f"wrote {folder / CONTENTS}")
    return 0


def _replayed(options: Options, path: Path) -> int:
    from bench.cli.gate_outputs import leave
    from bench.cli.verdicts import exit_codes, show
    from bench.core.errors import worst
    from bench.flow.journal import read

    log = read(path)
    show(log, as_json=options.json)
    code = worst(exit_codes(log, undecided_fails=options.undecided == "fail"))
    leave(options, log, exit_code=code)
    return code
