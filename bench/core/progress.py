"""Callbacks that say how far a long task is."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[int, int], None]  # done, total
OnStepProgress = Callable[[str, int, int], None]  # what is done now, done, total


def ignore(*_: object) -> None:
    """Takes any progress and does nothing with it."""
