"""Callbacks that report the progress of a long task."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[int, int], None]  # done, total
OnStepProgress = Callable[[str, int, int], None]  # the current step, done, total


def ignore(*_: object) -> None:
    """Ignores all progress."""
