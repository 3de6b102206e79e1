"""Writes the operator that slowed down most as a file of its own, with a text for an issue."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.core import atomic, units
from bench.core.errors import BenchError, ConfigurationError
from bench.core.hashing import sha256_file
from bench.flow.gate.explain import explain, operators_of, profile
from bench.flow.measure.session import SessionOnDevice
from bench.gate.operators import added_times, label, layer_of, shapes
from bench.gate.records import Explained, Operator, SideFacts
from bench.gate.verdict import ModelKey
from bench.plan.case import PROFILED, Case, Delegate
from bench.plan.device import DeviceRecord
from bench.tool.op_profile import OpProfile
from models.graph.cut import Cutter
from models.tflite.apart import Model
from models.tflite.litert import runtime

_MOST_FILES = 10
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
_FLAGS = {
    Delegate.XNNPACK: ("--use_xnnpack=true",),
    Delegate.NONE: ("--use_xnnpack=false",),
    Delegate.GPU: ("--use_gpu=true",),
    Delegate.NNAPI: ("--use_nnapi=true",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowed:
    """A model whose candidate takes longer, with what is known of both sides.

    Args:
        name: of the model.
        path: the candidate's file.
        before, after: the facts of both sides, with profiles.
        baseline, candidate: their cases.
        device: that measured both, or the candidate.
    """

    name: str
    path: Path
    before: SideFacts
    after: SideFacts
    baseline: Case
    candidate: Case
    device: DeviceRecord


def explain_with_file(
    model: ModelKey,
    sides: tuple[Case, Case],
    here: SessionOnDevice,
    log: Path,
    on_message: Callable[[str], None],
    *,
    number: int = 0,
) -> Explained:
    """Returns the facts of both sides of a model, after writing its slowest operator to a file.

    Args:
        log: of the gate; the file is in a folder beside it.
        number: of the model among those that regressed: after the tenth, one process of each side
            is profiled and no file is written, for that takes longer than the blocks.
        on_message: takes a line on why there is no such file, where operators were timed.

    Raises:
        DeviceError: the device was lost for good.
    """
    if number >= _MOST_FILES:
        return explain(model, sides, here, processes=1)
    why = explain(model, sides, here)
    if not (why.baseline.operators and why.candidate.operators):
        return why
    slowed = Slowed(
        name=f"{model.name}.{model.format}",
        path=here.sweep.paths[sides[1].artifact_sha256],
        before=why.baseline,
        after=why.candidate,
        baseline=sides[0],
        candidate=sides[1],
        device=here.session.device,
    )
    folder = log.with_name(f"{log.stem}-operators")
    try:
        path = write_operator(slowed, folder, on_device(sides[1], here))
    except ConfigurationError as error:
        on_message(f"{model}: no file of the operator that slowed down: {error.message}")
        return why
    except OSError as error:
        on_message(f"{model}: no file of the operator that slowed down: {error}")
        return why
    return replace(why, operator_file=f"{folder.name}/{path.name}")


def write_operator(
    slowed: Slowed, folder: Path, run: Callable[[Path], Sequence[OpProfile]] = lambda path: ()
) -> Path:
    """Returns the path of a file with only the operator that slowed down most; a text is beside it.

    Args:
        run: profiles a file where the model was profiled.

    Raises:
        ConfigurationError: there are no profiles, no operator takes longer, or it cannot be alone.
        OSError: the folder cannot be written.
    """
    old, new = _slowest(slowed)
    index = new.index
    if index is None or layer_of(new, slowed.after.layers) is None:
        raise ConfigurationError(
            f"{slowed.name}: {label(new)} slowed down most, and that is a delegate's part of the "
            "graph, not one operator of the file",
            hint="profile without that delegate: --delegate none",
        )
    piece = Cutter(slowed.path.read_bytes()).operator(index)
    stem = _NOT_IN_A_NAME.sub("-", f"{slowed.name}-{index}-{new.node_type}")
    path = folder / f"{stem}.tflite"
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, piece.content)
    alone = operators_of(run(path))
    text = _text(slowed, (old, new), path, alone)
    atomic.write_text(path.with_suffix(".md"), text)
    return path


def on_device(case: Case, here: SessionOnDevice) -> Callable[[Path], Sequence[OpProfile]]:
    """Returns what profiles a file on a device, in the way of a case."""

    def run(path: Path) -> list[OpProfile]:
        sha256, session = here.with_file(path)
        plain = replace(case, artifact_sha256=sha256, given_inputs=(), signature=None)
        return [
            found
            for ordinal in range(PROFILED)
            for found in profile(plain, session, ordinal, added=True)
        ]

    return run


def _slowest(slowed: Slowed) -> tuple[Operator | None, Operator]:
    changes, _ = added_times(slowed.before.operators, slowed.after.operators)
    for more_us, old, new in changes[:1]:
        if new is not None and more_us > 0:
            return old, new
    raise ConfigurationError(
        f"{slowed.name}: no operator takes longer in op profiles of both sides"
        if changes
        else f"{slowed.name}: there are no op profiles of both sides",
        hint="measure both sides with the official tool and --op-profile",
    )


def _runs_here(path: Path) -> str:
    try:
        model = Model(path, delegate="none")
        rng = np.random.default_rng(0)
        model(*(rng.normal(size=shape).astype(np.float32) for shape in model.input_shapes()))
    except BenchError as error:
        return f"it does not run alone: {error.message.removeprefix(f'{path}: ')}"
    return f"it runs in {runtime()}"


def _text(
    slowed: Slowed,
    pair: tuple[Operator | None, Operator],
    path: Path,
    alone: tuple[tuple[Operator, ...], int],
) -> str:
    """Returns a text for an issue.

    Args:
        alone: operators of profiles of the file itself, and how many there are.
    """
    old, new = pair
    layer = layer_of(new, slowed.after.layers)
    was = "; it is new" if old is None else f" instead of {units.duration(old.avg_us)}"
    case, device = slowed.candidate, slowed.device
    itself = [each for each in alone[0] if each.node_type == new.node_type]
    lines = [
        f"# {new.node_type} takes {units.duration(new.avg_us)}{was}",
        "",
        f"`{label(new)}`{shapes(layer)}, operator {new.index} of `{slowed.name}`. Its time in one "
        f"inference, over processes with op profiles; an interval needs {PROFILED} of them:",
        "",
        "| | median | 95 % interval | processes |",
        "|---|---|---|---|",
        *([] if old is None else [_row("before", old, slowed.before.profiles)]),
        _row("now", new, slowed.after.profiles),
        *(_row("now, alone in the file below", each, alone[1]) for each in itself[-1:]),
        "",
        f"- file: `{path.name}`, SHA-256 `{sha256_file(path)}`: that operator alone, with its "
        f"constants and scales; {_runs_here(path)}",
        f"- of the model: SHA-256 `{case.artifact_sha256}`",
        *_before(slowed),
        f"- device: {device.name}{f' ({device.model})' if device.model else ''}, {device.cpu}, "
        f"{device.os_build}, {device.abi}{', a virtual one' if device.virtual else ''}",
        f"- tool: {case.runner}, SHA-256 `{case.tool_sha256}`{_runtime(slowed.after)}",
        f"- delegate: {case.delegate}; threads: {case.threads}"
        f"{f'; cores: mask {case.affinity}' if case.affinity else ''}",
        "",
        "To reproduce:",
        "",
        f"    {_command(case, path.name)}",
        "",
    ]
    return "\n".join(lines)


def _row(what: str, operator: Operator, processes: int | None) -> str:
    ends = [operator.low_us, operator.high_us]
    interval = units.GAP if None in ends else " to ".join(map(units.duration, ends))
    return f"| {what} | {units.duration(operator.avg_us)} | {interval} | {processes or 0} |"


def _before(slowed: Slowed) -> list[str]:
    found = []
    if slowed.baseline.artifact_sha256 != slowed.candidate.artifact_sha256:
        found.append(f"- before, of the model: SHA-256 `{slowed.baseline.artifact_sha256}`")
    if slowed.baseline.tool_sha256 != slowed.candidate.tool_sha256:
        tool = f"{slowed.baseline.runner}, SHA-256 `{slowed.baseline.tool_sha256}`"
        found.append(f"- before, tool: {tool}{_runtime(slowed.before)}")
    return found


def _runtime(facts: SideFacts) -> str:
    return f", {facts.runtime}" if facts.runtime else ""


def _command(case: Case, name: str) -> str:
    """Returns a command of the official tool that a reader can run."""
    words = ["taskset", case.affinity] if case.affinity else []
    words += ["benchmark_model", f"--graph={name}", f"--num_threads={case.threads}"]
    words += _FLAGS.get(case.delegate, ())
    if case.delegate is Delegate.EXTERNAL:
        words.append("--external_delegate_path=LIBRARY")
        if case.library_options:
            words.append(f"--external_delegate_options='{case.library_options}'")
    return " ".join((*words, "--enable_op_profiling=true"))
