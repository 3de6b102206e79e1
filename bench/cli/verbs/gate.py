"""``frill-bench gate``: whether a candidate is slower, larger or less accurate than a baseline."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.cli.gate_flags import CALIBRATIONS, Options, add_arguments, beside, caveats

if TYPE_CHECKING:
    from bench.flow.gate.gate import Gate
    from bench.flow.gate.references import Comparison, Side

__all__ = ["add_arguments", "run"]

_SAVE = "frill-bench gate --candidate REF --save-baseline DIR"


def run(options: argparse.Namespace) -> int:
    """Measures, prints the verdicts, returns the exit code."""
    from bench.cli.gate_devices import on_host, on_phone, verdicts_shown
    from bench.core.errors import ConfigurationError
    from bench.flow.gate.calibrate import CalibratedGate
    from bench.flow.gate.references import pair_up, side

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
            "no baseline is given",
            hint=f"save one from a good revision: {_SAVE}; then give it: --baseline DIR",
        )
    baseline = side(chosen.baseline, zoo=chosen.zoo)
    if chosen.own_tools and baseline.tool is None:
        raise ConfigurationError(
            f"{chosen.baseline}: holds no tool for --own-tools; only official ones can be bundled",
            hint=f"save it with one: {_SAVE} --benchmark-binary PATH",
        )
    comparison = pair_up(
        baseline, candidate, unchanged_too=chosen.measure_unchanged or chosen.own_tools
    )
    if not comparison.pairs:
        from bench.cli.shown.gate import show_unmeasured

        show_unmeasured(comparison.unmeasured, as_json=chosen.json)
        return 0
    if chosen.benchmark_binary is None:
        chosen.benchmark_binary = candidate.tool
    gate = _with_scores(chosen, _gate(chosen, comparison))
    targets = {
        each.sha256: each for pair in comparison.pairs for each in (pair.baseline, pair.candidate)
    }
    second = baseline.tool if chosen.own_tools else None
    calibrated = CalibratedGate(
        gate=gate,
        folder=beside(chosen, CALIBRATIONS),
        processes_per_side=chosen.processes_per_side,
    )
    measured = on_host if chosen.host else on_phone
    return measured(chosen, calibrated, tuple(targets.values()), second, verdicts_shown)


def _gate(options: Options, comparison: Comparison) -> Gate:
    from bench.cli.console import tell
    from bench.flow.gate.gate import Gate
    from bench.gate.rule import Rule

    return Gate(
        comparison=comparison,
        rule=Rule(
            margin=options.margin,
            tolerance=options.tolerance,
            false_alarms_per_gate=options.false_alarms,
        ),
        folder=beside(options, "gates"),
        log=options.log,
        max_s=None if options.max_minutes is None else 60 * options.max_minutes,
        seed=options.seed,
        caveats=caveats(options),
        revision=options.revision or os.environ.get("GITHUB_SHA", ""),
        size_margin=options.size_margin,
        on_message=tell,
    )


def _with_scores(options: Options, gate: Gate) -> Gate:
    """Returns the gate with the differences of its models' scores, if a task set is given."""
    if options.task_set is None:
        return gate
    from bench.cli.console import progress
    from bench.flow.gate.accuracy import score_pairs
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
        scores = score_pairs(
            gate.comparison.pairs,
            tasks,
            on_progress=lambda name, done, total: display.update(
                bar, description=f"score {name}", completed=done, total=total
            ),
        )
        return replace(gate, accuracy=rule, scores=tuple(scores))


def _saved(options: Options, candidate: Side, folder: Path) -> int:
    """Saves a side as a bundle, with the tool that measures it where that is known here."""
    from bench.cli.console import print_json, tell
    from bench.core import config
    from bench.core.errors import ConfigurationError
    from bench.flow.gate.bundle import CONTENTS, host_runner, official, save
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
        tell("no tool is bundled; --benchmark-binary PATH adds one, for --own-tools")
    if options.json:
        print_json({"bundle": config.unstructure(bundle)})
    else:
        for each in bundle.files:
            print(f"{each.name} {each.format} {each.sha256}")
    tell(f"wrote {folder / CONTENTS}")
    return 0


def _replayed(options: Options, path: Path) -> int:
    from bench.cli.shown.gate import show_log
    from bench.core.errors import worst
    from bench.flow.gate.log_file import read

    return worst(show_log(options, read(path)))
