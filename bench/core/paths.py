"""Where this program keeps what it can make or fetch again, and what it must remember."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Returns ``$FRILL_BENCH_CACHE``, else ``frill-bench`` in the user's cache folder."""
    return _folder("FRILL_BENCH_CACHE", "XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """Returns ``$FRILL_BENCH_STATE``, else ``frill-bench`` in the user's state folder."""
    return _folder("FRILL_BENCH_STATE", "XDG_STATE_HOME", ".local/state")


def _folder(own: str, base: str, below_home: str) -> Path:
    if named := os.environ.get(own):
        return Path(named).expanduser()
    if named := os.environ.get(base):
        return Path(named) / "frill-bench"
    return Path.home() / below_home / "frill-bench"
