"""Histories at low counts; tests/evidence/test_gate_history.py counts to a thousand series."""

import numpy as np
from lab import nightly_series as nightly
from lab.detectors import DETECTORS, ours, run_by_run

ROWS = 150


def test_unchanged_histories_stay_quiet_and_steps_and_creeps_are_found() -> None:
    rng = np.random.default_rng(20261122)
    series = {kind: nightly.anchored(rng, kind, ROWS) for kind in ("unchanged", "step", "creep")}
    assert ours(series["unchanged"]).any(axis=1).sum() <= 3  # 1 % would be 1.5
    near = ours(series["step"])[:, nightly.STEP_AT - 2 : nightly.STEP_AT + 16]
    assert near.any(axis=1).mean() >= 0.99
    creep = ours(series["creep"])[:, round(nightly.CREEP_AT[0]) :]
    assert creep.any(axis=1).mean() >= 0.99
    assert np.median(creep.argmax(axis=1)) <= 15


def test_after_every_run_only_settled_steps_are_reported() -> None:
    rng = np.random.default_rng(7)
    at_once, settled = run_by_run(nightly.anchored(rng, "unchanged", 12))
    assert settled.sum() <= at_once.sum()
    assert settled.any(axis=1).sum() <= 1
    at_once, settled = run_by_run(nightly.anchored(rng, "step", 4))
    soon = slice(nightly.STEP_AT, nightly.STEP_AT + 16)
    assert at_once[:, soon].any(axis=1).all()
    assert settled[:, soon].any(axis=1).all()


def test_every_detector_finds_an_obvious_step() -> None:
    rng = np.random.default_rng(1)
    series = rng.normal(0, 0.002, (20, nightly.NIGHTS))
    series[:, nightly.STEP_AT :] += 0.3
    for name, detector in DETECTORS.items():
        alarms = detector(series)
        assert alarms.shape == series.shape
        # Not all: after a false alarm a CUSUM learns anew.
        assert alarms[:, nightly.STEP_AT : nightly.STEP_AT + 2].any(axis=1).mean() >= 0.9, name
