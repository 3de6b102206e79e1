"""SHA-256 of many files, remembered by path, size and time, so that a data set is read once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.core import atomic
from bench.core.hashing import sha256_file, sha256_value
from bench.core.progress import OnProgress, ignore


def sums_of(
    paths: Sequence[Path], *, key: str, cache: Path, on_progress: OnProgress = ignore
) -> list[str]:
    """Returns the SHA-256 of each file, read again only where its size or its time changed.

    Args:
        key: names the files' collection; it has a list of its own in the cache.
        on_progress: called with the files done and all of them.
    """
    stored = cache / "sums" / f"{sha256_value(key)}.json"
    known = _read(stored)

    def entry(path: Path) -> list[object]:
        status = path.stat()
        state = [status.st_size, status.st_mtime_ns]
        own = known.get(str(path), [])
        return own if own[:2] == state else [*state, sha256_file(path)]

    entries: dict[str, list[object]] = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done, (path, found) in enumerate(zip(paths, pool.map(entry, paths), strict=True)):
            on_progress(done, len(paths))
            entries[str(path)] = found
    if entries != known:
        with atomic.replacing(stored) as partial:
            partial.write_text(json.dumps(entries))
    return [str(entries[str(path)][2]) for path in paths]


def _read(stored: Path) -> dict[str, list[object]]:
    try:
        content = json.loads(stored.read_text())
    except (OSError, ValueError):
        return {}
    return dict(content)
