"""Gates and calibrations as jobs on a device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.artifact import Artifact
from bench.core.units import counted
from bench.flow.device.device import Contact, Device
from bench.flow.device.sweep import Sweep
from bench.flow.gate.blocks import host_limits
from bench.flow.gate.calibrate import StoredCalibration, day, find_calibration
from bench.flow.gate.gate import Gate
from bench.flow.measure.session import Progress
from bench.gate.history.series import Environment, environment_of
from bench.plan.device import Kind
from bench.plan.suite import GATE
from bench.store.records import Session
from bench.store.store import Store

# The step of both jobs; its progress is in blocks.
BLOCKS = "blocks"
_SHORT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateJob:
    """A gate; the device's calibration gives the processes per side.

    Args:
        calibrations: the folder of stored calibrations.
        processes_per_side: overrides that of the calibration.
    """

    gate: Gate
    calibrations: Path
    processes_per_side: int | None = None

    @property
    def artifacts(self) -> Sequence[Artifact]:
        """The manifests of both sides' files."""
        return _artifacts(self.gate)

    def open(self, sweep: Sweep, store: Store) -> OpenGateJob:
        """Returns the gate with its session."""
        stored = find_calibration(self.calibrations, _environment(self.gate, sweep))
        per_side = self.processes_per_side
        if per_side is None:
            per_side = stored.calibration.processes_per_side if stored.calibration else 1
        gate = replace(self.gate, rule=replace(self.gate.rule, processes_per_side=per_side))
        opened = _open(gate, sweep, store)
        for line in _messages(stored, gate):
            gate.on_message(line)
        return opened


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationJob:
    """A gate of files against themselves."""

    gate: Gate

    @property
    def artifacts(self) -> Sequence[Artifact]:
        """The manifests of the files that have one."""
        return _artifacts(self.gate)

    def open(self, sweep: Sweep, store: Store) -> OpenGateJob:
        """Returns the gate with its session."""
        return _open(self.gate, sweep, store)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGateJob:
    """A gate that is being measured."""

    gate: Gate
    sweep: Sweep
    session: Session
    store: Store

    def run(self, device: Device, contact: Contact) -> None:
        """Waits until the device is ready, then measures blocks until the gate ends."""

        def on_progress(progress: Progress) -> None:
            contact.on_progress(BLOCKS, progress.done, progress.total)

        device.require_ready()
        self.gate.measure(self.sweep, self.session, self.store, device, on_progress=on_progress)


def _open(gate: Gate, sweep: Sweep, store: Store) -> OpenGateJob:
    if sweep.device.kind is Kind.HOST:
        sweep = replace(sweep, limits=host_limits(sweep))
    session = gate.open_session(sweep, store)
    return OpenGateJob(gate=gate, sweep=sweep, session=session, store=store)


def _artifacts(gate: Gate) -> list[Artifact]:
    targets = [each for pair in gate.comparison.pairs for each in (pair.baseline, pair.candidate)]
    return [target.artifact for target in targets if target.artifact is not None]


def _environment(gate: Gate, sweep: Sweep) -> Environment:
    """Returns the environment that a gate will be measured in, with one process per side."""
    session = Session(
        id="", device=sweep.device, suite=GATE, plan_sha256="", seed=0, started_at="", program=""
    )
    opened = replace(gate, rule=replace(gate.rule, processes_per_side=1)).first_record(
        sweep, session
    )
    return environment_of(opened, opened.models[0])


def _messages(stored: StoredCalibration, gate: Gate) -> Sequence[str]:
    calibration = stored.calibration
    if calibration is None:
        return stored.refused
    models = [str(pair.model) for pair in gate.comparison.pairs]
    per_side = gate.rule.processes_per_side
    gate_s = calibration.gate_s(models, margin=gate.rule.margin, processes_per_side=per_side)
    processes = f"{per_side} process{'es' * (per_side > 1)} per side"
    line = f"calibrated on {day(calibration)}: {processes}"
    if math.isnan(gate_s):
        return (line,)
    duration = f"{gate_s:.0f} s" if gate_s < _SHORT_S else f"{gate_s / 60:.0f} min"
    count = counted(len(models), "model")
    return (f"{line}; about {duration} for {count}, if none is slower",)
