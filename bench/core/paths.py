"""Where this program keeps what it can make or fetch again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Returns ``$FRILL_BENCH_CACHE``, else ``frill-bench`` in the user's cache folder."""
    own = os.environ.get("FRILL_BENCH_CACHE")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "frill-bench"
