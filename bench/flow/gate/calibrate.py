"""Calibrations: the protocols that they compare, made from A/A logs, stored, found for gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise, product
from pathlib import Path
from statistics import median

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from bench.flow.device.sweep import Sweep
from bench.flow.gate.references import Comparison, Side, pair_up
from bench.gate.calibration.device_noise import LEAST_BLOCKS, Calibration, classes
from bench.gate.calibration.protocols import ProcessProtocol
from bench.gate.history.series import Environment, environment_of
from bench.gate.log import Log
from bench.gate.records import Block
from bench.gate.verdict import ModelKey
from bench.plan.case import Case, Runner
from bench.store.records import Invocation, Session
from bench.store.store import Store

# The longest warm-up is the yardstick: half a second, after which a phone's clocks are up. With
# more inferences no protocol was cheaper in simulation: docs/evidence/gate-protocols.md.
_OFFICIAL_WARMUPS_S = (0.05, 0.15, 0.35, 0.5)
_OFFICIAL_INFERENCES = ((3, 0.05), (7, 0.1))
# Our runner reports every inference, and its start alone takes as long as a phone's warm-up.
_OUR_WARMUPS_S = (0.05, 0.2, 0.5)
_OUR_INFERENCES = ((7, 0.0), (15, 0.0))

_MOST_BYTES = 16 << 20
_AGAIN = "run frill-bench calibrate again"
# The fields of an environment that identify the device; the others may change there.
_DEVICE_FIELDS = {"device_unit"}


def pair_with_themselves(sides: Sequence[Side]) -> Comparison:
    """Returns the comparison of each file of these sides with itself.

    Raises:
        ConfigurationError: a file is not a model, or two files have one name and format.
    """
    both = Side(targets=tuple(target for side in sides for target in side.targets))
    return pair_up(both, both, unchanged_too=True)


def calibration_of(log: Log, path: Path, session: Session, store: Store) -> Calibration:
    """Returns the calibration from an A/A run.

    Args:
        path: of its log.

    Raises:
        ConfigurationError: no model has enough blocks.
    """
    measured = classes(log, _process_s(log, store.invocations(session.id)))
    if not measured:
        blocks = sum(isinstance(each, Block) for each in log.entries)
        raise ConfigurationError(
            f"no model has {LEAST_BLOCKS} blocks, all together have {blocks}: too few for a "
            "calibration",
            hint="run the same command again, it continues; or give it more time",
        )
    opened = log.opened
    return Calibration(
        environment=environment_of(opened, opened.models[0]),
        device=opened.device.name,
        measured_at=opened.started_at,
        session_id=session.id,
        log=str(path),
        program=session.program,
        ended=log.closed or "",
        caveats=tuple(sorted({caveat for pair in opened.models for caveat in pair.caveats})),
        classes=measured,
    )


def save(folder: Path, calibration: Calibration) -> Path:
    """Writes a calibration, replacing an older one of its environment; returns its path."""
    key = sha256_value(config.unstructure(calibration.environment))[:16]
    path = folder / f"{key}.json"
    config.save(path, calibration)
    return path


def find_calibration(
    folder: Path, environment: Environment
) -> tuple[Calibration | None, list[str]]:
    """Returns the calibration of an environment, and a sentence for each other of this device.

    The sentences are why these do not fit; there are none where one fits.
    """
    calibrations, refused = stored_calibrations(folder)
    for stored in calibrations:
        differing = stored.environment.differences(environment)
        if not differing:
            return stored, []
        if _DEVICE_FIELDS.isdisjoint(differing):
            names = ", ".join(name.removesuffix("_sha256").replace("_", " ") for name in differing)
            refused.append(
                f"calibration of {day(stored)} not used, these differ: {names}; run frill-bench "
                "calibrate again"
            )
    return None, refused


def stored_calibrations(folder: Path) -> tuple[list[Calibration], list[str]]:
    """Returns the calibrations in a folder, and a sentence for each that cannot be read."""
    found, refused = [], []
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            found.append(_load(path))
        except ConfigurationError as error:
            refused.append(f"calibration not used: {error.message}")
    return found, refused


def _load(path: Path) -> Calibration:
    """Returns a stored calibration, of this version or version 1."""
    try:
        text = config.read_bytes(path, most=_MOST_BYTES).decode()
        plain = config.parse_json(text, finite=False)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}", hint=_AGAIN) from error
    if isinstance(plain, dict) and plain.get("schema_version") == 1:
        plain = config.parse_json(
            text.replace('"processes_per_arm"', '"processes_per_side"'), finite=False
        )
    return config.structure(plain, Calibration, source=str(path))


def _process_s(log: Log, invocations: Sequence[Invocation]) -> dict[ModelKey, float]:
    """Returns the median time from one process to the next, in seconds, by model."""
    took = {each.id: each.wall_s for each in invocations}
    for each, after in pairwise(invocations):
        began, ended = map(datetime.fromisoformat, (each.started_at, after.started_at))
        took[each.id] = max(each.wall_s, (ended - began).total_seconds())
    times_s: dict[ModelKey, list[float]] = {}
    for block in log.entries:
        if isinstance(block, Block):
            both = (*block.baseline, *block.candidate)
            times_s.setdefault(block.model, []).extend(took[each.invocation] for each in both)
    return {model: median(own) for model, own in times_s.items()}


def day(calibration: Calibration) -> str:
    """Returns the day of the measurement, such as ``2026-11-29``."""
    return calibration.measured_at[:10]


def protocols_for(runner: Runner) -> tuple[ProcessProtocol, ...]:
    """Returns the protocols that a calibration compares, the longest last."""
    ours = runner is Runner.LITERT_PYTHON
    inferences = _OUR_INFERENCES if ours else _OFFICIAL_INFERENCES
    warmups_s = _OUR_WARMUPS_S if ours else _OFFICIAL_WARMUPS_S
    return tuple(
        ProcessProtocol(warmup_s=warmup_s, num_runs=num_runs, min_s=min_s)
        for (num_runs, min_s), warmup_s in product(inferences, warmups_s)
    )


def protocol_of(case: Case) -> ProcessProtocol:
    """Returns the protocol of a gate's case."""
    protocol = case.protocol
    return ProcessProtocol(
        warmup_s=protocol.warmup_min_secs, num_runs=protocol.num_runs, min_s=protocol.min_secs
    )


def measured_by(case: Case, protocol: ProcessProtocol | None) -> Case:
    """Returns the case with a protocol; ``None`` keeps its own."""
    return (
        case
        if protocol is None
        else replace(
            case,
            protocol=replace(
                case.protocol,
                warmup_min_secs=protocol.warmup_s,
                num_runs=protocol.num_runs,
                min_secs=protocol.min_s,
            ),
        )
    )


def with_protocol(sweep: Sweep, protocol: ProcessProtocol) -> Sweep:
    """Returns the sweep of a gate with a protocol for all its cases."""
    cases, *sides = (
        tuple(measured_by(case, protocol) for case in side) for side in (sweep.cases, *sweep.sides)
    )
    return replace(sweep, cases=cases, sides=tuple(sides))


def with_each(comparison: Comparison, protocols: Sequence[ProcessProtocol]) -> Comparison:
    """Returns a comparison in which each pair is measured with each protocol in turn."""
    pairs = tuple(
        replace(pair, model=protocol.labelled(pair.model), protocol=protocol)
        for pair in comparison.pairs
        for protocol in protocols
    )
    return replace(comparison, pairs=pairs)


def least_s(comparison: Comparison, blocks: int) -> float:
    """Returns how long so many blocks of each pair warm up and measure at least, in seconds."""
    protocols = [pair.protocol for pair in comparison.pairs if pair.protocol]
    return 2 * blocks * sum(each.warmup_s + each.min_s for each in protocols)
