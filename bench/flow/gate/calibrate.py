"""Calibrations of devices: made from the logs of A/A runs, stored, and found again for gates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from bench.flow.gate.references import Comparison, Side, pair_up
from bench.gate.calibration.device_noise import LEAST_BLOCKS, Calibration, classes
from bench.gate.history.series import Environment, environment_of
from bench.gate.log import Log
from bench.gate.records import Block
from bench.gate.verdict import ModelKey
from bench.store.records import Invocation, Session
from bench.store.store import Store

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
