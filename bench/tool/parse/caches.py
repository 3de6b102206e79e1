"""What the log of a process shows of a delegate's cache.

Android prints these lines; elsewhere the runtime's least level of messages hides most of them.
"""

from __future__ import annotations

import re

from bench.core.device_state.caches import CacheUse

# A process with several graphs prints one of these for each; one that was written counts.
_WEIGHTS = {
    CacheUse.WRITTEN: re.compile(
        r"XNNPack weight cache build for .* started|XNNPack weight cache: written to"
    ),
    CacheUse.IGNORED: re.compile(
        r"XNNPack weight cache could neither be loaded|XNNPack weight cache not enabled"
    ),
    CacheUse.READ: re.compile(r"XNNPack weight cache loaded from"),
}
# Of the GPU's and NNAPI's programs, by TFLite's delegate and by LiteRT's.
_PROGRAMS = {
    CacheUse.WRITTEN: re.compile(r"Wrote serialized data for model"),
    CacheUse.IGNORED: re.compile(r"Failed to save serialized data"),
    CacheUse.READ: re.compile(
        r"Found serialized data for model \S* \([1-9]\d* B\)|"
        r"Initialized InferenceContext from serialized data"
    ),
}


def cache_use(text: str, *, weights: bool) -> CacheUse | None:
    """Returns what a process did with a cache, by its log; ``None`` if that shows nothing.

    Args:
        text: its stdout and stderr.
        weights: of XNNPACK's weights, else of the GPU's or NNAPI's programs.
    """
    patterns = _WEIGHTS if weights else _PROGRAMS
    return next((use for use, pattern in patterns.items() if pattern.search(text)), None)
