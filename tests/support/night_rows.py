"""Nights as a phone gives them that got two changes and a new delegate."""

from datetime import UTC, datetime, timedelta

import numpy as np

from reports.history import Nightly

FIRST = datetime(2026, 5, 12, 3, tzinfo=UTC)
SLOWER_AT, FASTER_AT, DELEGATE_AT = 40, 75, 95


def nightly(number: int, **changed: object) -> Nightly:
    """Returns an unchanged night of the first series, so many days after the first."""
    known = {
        "model": "tiny int8",
        "device": "Pixel 6",
        "started_at": (FIRST + timedelta(days=number)).isoformat(),
        "session": f"session {number}",
        "revision": f"r{number}",
        "series": 1,
        "changed": "",
        "ratio": 1.0,
        "level_ratio": 1.0,
        **changed,
    }
    return Nightly(**known)  # type: ignore[arg-type]  # each as its field says


def nights(count: int = 120, *, seed: int = 5) -> list[Nightly]:
    """Returns a history with a step of +5 %, one of -3 %, and another delegate in the end."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        level = 1.0
        steps: dict[str, object] = {}
        if number >= SLOWER_AT:
            level = 1.05
        if number >= FASTER_AT:
            level = 1.05 * 0.97
        if number == SLOWER_AT:
            steps = {"step_ratio": 1.05, "step_ratio_low": 1.044, "step_ratio_high": 1.055}
        if number == FASTER_AT:
            steps = {"step_ratio": 0.97, "step_ratio_low": 0.965, "step_ratio_high": 0.976}
        if number >= DELEGATE_AT:
            level = 1.005
            steps = {"series": 2, "changed": "delegate" if number == DELEGATE_AT else ""}
        ratio = level * float(np.exp(rng.normal(0, 0.008)))
        width = float(rng.uniform(0.006, 0.014))
        anchor_us = 20_000 * float(np.exp(rng.normal(0, 0.03)))
        found.append(
            nightly(
                number,
                ratio=ratio,
                ratio_low=ratio * (1 - width),
                ratio_high=ratio * (1 + width),
                level_ratio=level,
                anchor_us=anchor_us,
                candidate_us=ratio * anchor_us,
                caveats="untrained" if number % 17 == 3 else "",
                **steps,
            )
        )
    return found
