"""The folders of this program: cache, state, device profiles, and those beside a database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

# Folders beside a database: logs of gates, those of A/B comparisons, and calibrations of devices.
GATES, AB, CALIBRATIONS = "gates", "ab", "calibrations"


def cache_dir() -> Path:
    """Returns ``$FRILL_BENCH_CACHE``, else ``frill-bench`` in the user's cache folder."""
    return _folder("FRILL_BENCH_CACHE", "cache")


def state_dir() -> Path:
    """Returns ``$FRILL_BENCH_STATE``, else ``frill-bench`` in the user's state folder."""
    return _folder("FRILL_BENCH_STATE", "state")


def device_profiles_dir() -> Path:
    """Returns ``$FRILL_BENCH_PROFILES``, else a folder among the user's settings."""
    return _folder("FRILL_BENCH_PROFILES", "config", "device_profiles")


def folder_beside(db: str, name: str = "") -> Path:
    """Returns a folder beside a database, or the one that the database is in."""
    return (Path() if "://" in db else Path(db).parent) / name


def _folder(variable: str, kind: Literal["cache", "state", "config"], below: str = "") -> Path:
    if named := os.environ.get(variable):
        return Path(named).expanduser()
    from platformdirs import PlatformDirs

    folders = PlatformDirs("frill-bench", appauthor=False)
    named_by_system: Path = getattr(folders, f"user_{kind}_path")
    return named_by_system / below
