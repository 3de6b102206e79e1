"""Collects facts on why a model regressed: operators, their times, and facts of its processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.core.errors import BenchError
from bench.flow.measure.session import SessionOnDevice
from bench.gate.records import Explained, Operator, SideFacts
from bench.gate.verdict import ModelKey
from bench.measure.outcome import Measured
from bench.plan.case import Case, Mode, Protocol, Runner
from bench.plan.order import Planned
from bench.tool.op_profile import OpProfile, OpRow, parse_op_profile
from models.tflite.contents import layers

_PROFILED = Protocol(mode=Mode.OP_PROFILE, processes=1)


def explain(model: ModelKey, sides: tuple[Case, Case], here: SessionOnDevice) -> Explained:
    """Returns the facts of both sides of a model, each profiled once where its tool can.

    Raises:
        DeviceError: the device was lost for good.
    """
    baseline, candidate = (_side_facts(case, here) for case in sides)
    return Explained(model=model, baseline=baseline, candidate=candidate)


def _side_facts(case: Case, here: SessionOnDevice) -> SideFacts:
    outcomes = [
        each.outcome
        for each in here.store.invocations(here.session.id)
        if each.case == case and isinstance(each.outcome, Measured)
    ]

    def median_of(name: str) -> float | None:
        values = [value for each in outcomes if (value := getattr(each, name)) is not None]
        return median(values) if values else None

    facts = SideFacts(
        layers=layers_of(here.sweep.paths[case.artifact_sha256]), operators=_profile(case, here)
    )
    if not outcomes:
        return facts
    return replace(
        facts,
        runtime=outcomes[-1].runtime,
        partitions=outcomes[-1].partitions,
        nodes=outcomes[-1].nodes_total,
        delegated_nodes=outcomes[-1].nodes_delegated,
        init_us=median_of("init_us"),
        peak_mb=median_of("memory_mb_peak"),
    )


def layers_of(path: Path) -> tuple[Operator, ...]:
    """Returns the operators of a file that was measured; none where it cannot be read."""
    try:
        operators = layers(path)
    except BenchError:  # the file was measured, so this is not a reason to end the gate
        return ()
    return tuple(Operator(node_type=kind, name=name, macs=macs) for kind, name, macs in operators)


def _profile(case: Case, here: SessionOnDevice) -> tuple[Operator, ...]:
    """Returns the operators of one profiled process; none where the tool does not time them."""
    if case.runner is Runner.LITERT_PYTHON:
        return ()
    profiled_case = replace(case, protocol=_PROFILED)
    invocation = here.run(Planned(case=profiled_case, ordinal=0))
    profile = (
        parse_op_profile(invocation.stdout) if isinstance(invocation.outcome, Measured) else None
    )
    return () if profile is None else operators_of(profile)


def operators_of(profile: OpProfile) -> tuple[Operator, ...]:
    """Returns the operators of an op profile with their times, each counted once."""
    return tuple(
        Operator(node_type=each.node_type, name=each.name, avg_us=each.avg_us)
        for each in profile.ops
        if not _is_sum(each, profile.ops)
    )


def _is_sum(row: OpRow, rows: tuple[OpRow, ...]) -> bool:
    """Returns whether a row is the total of a delegate's partition whose kernels have rows too."""
    has_kernels = any(each.within_delegate for each in rows)
    return has_kernels and not row.within_delegate and "delegate" in row.node_type.lower()
