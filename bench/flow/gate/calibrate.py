"""Calibrations of devices: out of the logs of A/A runs, on disk, and where a gate may use one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.core import config
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from bench.flow.gate.references import Paired, Side, paired
from bench.gate.calibration import LEAST_BLOCKS, Calibration, classes
from bench.gate.log import Log
from bench.gate.records import Block
from bench.gate.series import Environment, changes, environment
from bench.store.records import Invocation, Session
from bench.store.store import Store

_SHORT_S = 120.0
# What of an environment tells one device from another; the rest of it may change there.
_DEVICE = {"device_unit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is stored for an environment.

    Args:
        calibration: that fits it.
        refused: why others of this device do not, a sentence each.
    """

    calibration: Calibration | None
    refused: tuple[str, ...] = ()


def with_themselves(sides: Sequence[Side]) -> Paired:
    """Returns each file of these sides as its own baseline.

    Raises:
        ConfigurationError: a file is no model, or two files have one name and format.
    """
    both = Side(targets=tuple(target for side in sides for target in side.targets))
    return paired(both, both, unchanged_too=True)


def calibrated(log: Log, path: Path, session: Session, store: Store) -> Calibration:
    """Returns what an A/A run says.

    Args:
        path: of its log.

    Raises:
        ConfigurationError: no model has enough blocks.
    """
    found = classes(log, _process_s(log, store.invocations(session.id)))
    if not found:
        blocks = sum(isinstance(each, Block) for each in log.entries)
        raise ConfigurationError(
            f"no model has {LEAST_BLOCKS} blocks, all together have {blocks}: that is no "
            "calibration",
            hint="run the same command again, it goes on with them; or give it more time",
        )
    opened = log.opened
    kinds = {kind for each in opened.models for kind in each.observed.get("caveats", "").split()}
    return Calibration(
        environment=environment(opened, opened.models[0]),
        device=str(opened.device.get("name")),
        measured_at=opened.started_at,
        session_id=session.id,
        log=str(path),
        program=session.program,
        ended=log.closed or "",
        caveats=tuple(Caveat(kind=CaveatKind(kind)) for kind in sorted(kinds)),
        classes=found,
    )


def save(folder: Path, calibration: Calibration) -> Path:
    """Writes a calibration in the place of an older one of its environment; returns where."""
    key = sha256_value(config.unstructure(calibration.environment))[:16]
    path = folder / f"{key}.json"
    config.save(path, calibration)
    return path


def fitting(folder: Path, wanted: Environment) -> Found:
    """Returns the calibration of an environment; one of another is not used, and it is said why."""
    refused = []
    for path in sorted(folder.glob("*.json")):
        try:
            found = config.load(path, Calibration)
        except ConfigurationError as error:
            refused.append(f"calibration not used: {error.message}")
            continue
        differing = changes(found.environment, wanted)
        if not differing:
            return Found(calibration=found)
        if _DEVICE.isdisjoint(differing):
            names = ", ".join(name.removesuffix("_sha256").replace("_", " ") for name in differing)
            refused.append(
                f"calibration of {day(found)} not used, for this differs: {names}; frill-bench "
                "calibrate makes one for it"
            )
    return Found(calibration=None, refused=tuple(refused))


def _process_s(log: Log, invocations: Sequence[Invocation]) -> dict[str, float]:
    """Returns how long it is from one process to the next, the median of each model's."""
    took = {each.id: each.wall_s for each in invocations}
    for each, after in pairwise(invocations):
        began, ended = map(datetime.fromisoformat, (each.started_at, after.started_at))
        took[each.id] = max(each.wall_s, (ended - began).total_seconds())
    found: dict[str, list[float]] = {}
    for block in log.entries:
        if isinstance(block, Block):
            both = (*block.baseline, *block.candidate)
            found.setdefault(block.model, []).extend(took[each.invocation] for each in both)
    return {model: median(own) for model, own in found.items()}


def day(calibration: Calibration) -> str:
    """Returns when it was measured, as in ``2026-11-29``."""
    return calibration.measured_at[:10]
