"""A gate as a job on a device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.core.units import counted, percent
from bench.flow.device.device import Contact, Device
from bench.flow.device.sweep import Sweep
from bench.flow.gate.calibrate import (
    day,
    find_calibration,
    least_s,
    protocol_of,
    protocols_for,
    with_each,
    with_protocol,
)
from bench.flow.gate.gate import Gate, first_record, sides_of
from bench.flow.gate.run_blocks import host_limits
from bench.flow.measure.session import new_session
from bench.gate.calibration.device_noise import Calibration, same_rule
from bench.gate.calibration.protocols import ProcessProtocol
from bench.gate.history.series import Environment, environment_of
from bench.plan.case import Delegate, Mode
from bench.plan.device import Kind
from bench.plan.suite import GATE, Suite, Target, host_suite, in_mode, phone_suite
from bench.store.records import Session
from bench.store.store import Store

# The step of a gate; its progress is in blocks.
_BLOCKS = "blocks"
_SHORT_S = 120.0
# Our runner reports every inference, and the minimum of more of them varies less.
_OURS: dict[str, Any] = {"num_runs": 15}
# In simulation of a phone the least time for a verdict: docs/evidence/gate-protocols.md.
_OFFICIAL: dict[str, Any] = {
    "mode": Mode.BLOCK, "num_runs": 7, "min_secs": 0.1, "warmup_runs": 1, "warmup_min_secs": 0.15,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GateJob:
    """A gate; the device's calibration gives the protocol and the processes per side.

    Args:
        calibrations: the folder of stored calibrations.
        processes_per_side: overrides that of the calibration.
        keeps_protocol: the protocol of the sweep overrides that of the calibration.
    """

    gate: Gate
    calibrations: Path
    processes_per_side: int | None = None
    keeps_protocol: bool = False

    @property
    def targets(self) -> Sequence[Target]:
        """The files of both sides."""
        return self.gate.comparison.targets

    def open(self, sweep: Sweep, store: Store) -> OpenGateJob:
        """Returns the gate with its session."""
        gate, sweep, lines = self.calibrated(sweep)
        opened = _open(gate, sweep, store)
        for line in lines:
            gate.on_message(line)
        return opened

    def calibrated(self, sweep: Sweep) -> tuple[Gate, Sweep, Sequence[str]]:
        """Returns gate and sweep as the calibration has them, and messages about it."""
        calibration, refused = find_calibration(self.calibrations, _environment(self.gate, sweep))
        per_side = self.processes_per_side
        if calibration is None:
            return _with_sides(self.gate, per_side or 1), sweep, refused
        if calibration.protocol is not None and not self.keeps_protocol:
            sweep = with_protocol(sweep, calibration.protocol)
        protocol = protocol_of(sweep.cases[0])
        gate = _with_sides(self.gate, per_side or calibration.sides_with(protocol))
        return gate, sweep, tuple(_describe(calibration, gate, protocol))


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationJob:
    """A gate of files against themselves, with several protocols in turn.

    Args:
        keeps_protocol: only with that of the sweep.
        on_message: takes a line on how long it will take.
    """

    gate: Gate
    keeps_protocol: bool = False
    on_message: Callable[[str], None] = lambda line: None

    @property
    def targets(self) -> Sequence[Target]:
        """The files."""
        return self.gate.comparison.targets

    def open(self, sweep: Sweep, store: Store) -> OpenGateJob:
        """Returns the gate with its session."""
        case = sweep.cases[0]
        protocols = (protocol_of(case),) if self.keeps_protocol else protocols_for(case.runner)
        gate, blocks = self.gate, self.gate.rule.cap_blocks
        comparison = with_each(gate.comparison, protocols)
        if gate.max_s is None:
            minutes = math.ceil(least_s(comparison, blocks) / 60)
            self.on_message(
                f"{counted(blocks, 'block')} of {counted(len(gate.comparison.pairs), 'model')}, "
                f"with {counted(len(protocols), 'protocol')} in turn: at least "
                f"{counted(minutes, 'minute')}; --minutes ends earlier, and cuts all alike"
            )
        rule = same_rule(blocks, pairs=len(comparison.pairs))
        return _open(replace(gate, comparison=comparison, rule=rule), sweep, store)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGateJob:
    """A gate that is being measured."""

    gate: Gate
    sweep: Sweep
    session: Session
    store: Store

    def run(self, device: Device, contact: Contact) -> None:
        """Waits until the device is ready, then measures blocks until the gate ends."""
        device.require_ready()
        on_progress = partial(contact.on_progress, _BLOCKS)
        self.gate.measure(self.sweep, self.session, self.store, device, on_progress=on_progress)


def gate_suite(
    kind: Kind, *, delegate: str | None, threads: int, ours: bool, sustained_min: float = 0.0
) -> Suite:
    """Returns the suite of a gate's processes.

    Args:
        delegate: its name; ``None`` for the packaged suite's.
        ours: our runner measures.
        sustained_min: minutes of each stretch of a sustained gate; 0 for single processes.
    """
    suite = host_suite() if kind is Kind.HOST else phone_suite()
    suite = replace(
        suite,
        name=GATE,
        delegates=(Delegate(delegate),) if delegate else suite.delegates,
        threads=(threads,),
        conventional=False,
        protocol=replace(suite.protocol, **(_OURS if ours else _OFFICIAL)),
        sustained_min=sustained_min,
    )
    if not sustained_min:
        return suite
    return replace(suite, protocol=in_mode(suite, Mode.SUSTAINED), sustained_min=0.0)


def _open(gate: Gate, sweep: Sweep, store: Store) -> OpenGateJob:
    if sweep.device.kind is Kind.HOST:
        sweep = replace(sweep, limits=host_limits(sweep))
    session = gate.open_session(sweep, store)
    return OpenGateJob(gate=gate, sweep=sweep, session=session, store=store)


def _environment(gate: Gate, sweep: Sweep) -> Environment:
    """Returns the environment that a gate will be measured in, with one process per side."""
    gate = replace(gate, rule=replace(gate.rule, processes_per_side=1))
    session = new_session(sweep.device, GATE, "", seed=0)
    sides = sides_of(gate.comparison.pairs, sweep)
    if gate.sides:  # the noise of a device is that of files against themselves, measured one way
        sides = {model: (baseline, baseline) for model, (baseline, _) in sides.items()}
    opened = first_record(gate, session, sides)
    return environment_of(opened, opened.models[0])


def _with_sides(gate: Gate, processes_per_side: int) -> Gate:
    return replace(gate, rule=replace(gate.rule, processes_per_side=processes_per_side))


def _describe(calibration: Calibration, gate: Gate, protocol: ProcessProtocol) -> Iterator[str]:
    """Yields lines on a gate by its calibration: how it measures, and how long it takes."""
    models = [str(pair.model) for pair in gate.comparison.pairs]
    per_side = gate.rule.processes_per_side
    known = calibration.protocol
    gate_s = calibration.gate_s(
        models,
        margin=gate.rule.margin,
        processes_per_side=per_side,
        protocol=known and protocol,
    )
    processes = f"{per_side} process{'es' * (per_side > 1)} per side, each of {protocol.text}"
    line = f"calibrated on {day(calibration)}: {processes}"
    if math.isnan(gate_s):
        yield line
    else:
        duration = f"{gate_s:.0f} s" if gate_s < _SHORT_S else f"{gate_s / 60:.0f} min"
        count = counted(len(models), "model")
        yield f"{line}; about {duration} for {count}, if none is slower"
    for each in calibration.classes:
        measured = each.measured(protocol)
        if measured and measured.rise and not measured.is_eligible:
            above = percent(measured.rise.value - 1)
            yield (
                f"{each.name}: with this protocol values are {above} % above those after the "
                "longest warm-up: the clocks have not risen"
            )
