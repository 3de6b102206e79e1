"""Logs of nightly gates against a pinned baseline, as a gate writes them; their truth is known."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.artifact import Format
from bench.core.hashing import sha256_bytes
from bench.flow.gate.log_file import Journal
from bench.gate.records import Closed, Opened, Pair, Unmeasured
from bench.gate.rule import Rule
from bench.gate.schedule import Next, next_block
from bench.gate.verdict import ModelKey, Verdict
from bench.plan.device import DeviceRecord, Kind
from lab.simulated import SETUP, block

FIRST = datetime(2026, 5, 1, 3, tzinfo=UTC)
_BLOCK_SD = 0.012
_SESSION_SD = 0.03  # of the device that night, which is in both files


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """One night.

    Args:
        ratios: of models, by name, to their anchors in truth.
        files: of models, by name, what the candidate is, in a word; another every night if absent.
        unchanged: models that are listed as such.
    """

    number: int
    ratios: Mapping[str, float]
    files: Mapping[str, str] = field(default_factory=dict)
    unchanged: Sequence[str] = ()
    device: Mapping[str, Any] = field(default_factory=dict)
    observed: Mapping[str, Any] = field(default_factory=dict)
    changed: Mapping[str, Any] = field(default_factory=dict)


def key_of(name: str) -> ModelKey:
    """Returns the key of a model."""
    return ModelKey(name=name, format=Format.FLOAT32)


def anchor_of(name: str) -> str:
    """Returns the SHA-256 of a model's anchor."""
    return sha256_bytes(f"anchor of {name}".encode())


def opened(night: Gated, *, rule: Rule | None = None) -> Opened:
    """Returns the first record of a night's log."""
    facts: dict[str, Any] = {
        "kind": Kind.PHONE, "name": "Pixel 6 (21081FDF6001AB)", "model": "Pixel 6", "cpu": "GS101",
        "cores": 8, "os_build": "google/oriole:16/BP2A.250605.031", "abi": "arm64-v8a",
        "serial": "21081FDF6001AB", "boot_id": None,
        **night.device,
    }  # fmt: skip
    others: dict[str, Any] = {
        "started_at": (FIRST + timedelta(days=night.number)).isoformat(),
        "revision": f"r{night.number:02}",
        "unmeasured": tuple(
            Unmeasured(model=key_of(name), verdict=Verdict.UNCHANGED) for name in night.unchanged
        ),
        **night.changed,
    }
    return Opened(
        gate_id=f"gate {night.number} on {facts['serial']}",
        session_id=f"session {night.number} on {facts['serial']}",
        seed=night.number,
        rule=rule or Rule(),
        device=DeviceRecord(**facts),
        models=tuple(
            Pair(
                model=key_of(name),
                baseline_sha256=anchor_of(name),
                candidate_sha256=sha256_bytes(
                    f"{name} {night.files.get(name, night.number)}".encode()
                ),
                observed=replace(SETUP, tool_sha256="a" * 64, affinity="4-7", **night.observed),
            )
            for name in night.ratios
        ),
        **others,
    )


def write_night(folder: Path, night: Gated) -> Path:
    """Returns the log of a gate that went on until all models were decided."""
    rng = np.random.default_rng([night.number, 11])
    first = opened(night)
    truth = {key_of(name): ratio for name, ratio in night.ratios.items()}
    session = np.exp(rng.normal(0, _SESSION_SD))
    path = folder / f"{first.session_id}.jsonl"
    folder.mkdir(exist_ok=True)
    with closing(Journal(path, first)) as journal:
        while isinstance(due := next_block(journal.log), Next):
            ratio = truth[due.model] * float(np.exp(rng.normal(0, _BLOCK_SD)))
            journal.add(
                block(
                    due.model,
                    due.index,
                    candidate_first=due.candidate_first,
                    baseline_us=float(20_000 * session),
                    candidate_us=float(20_000 * session * ratio),
                )
            )
        journal.add(Closed(reason=due))
    return path
