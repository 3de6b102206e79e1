"""Why a format of a model cannot be made: in words, with the operator that stops it."""

from __future__ import annotations

import re
from pathlib import Path

from bench.core.errors import BenchError
from models.tflite import contents

_CALLS = ("IF", "WHILE", "CALL_ONCE", "CALL")
_NODE = re.compile(r"[Nn]ode number (\d+) \((\w+)\)")


def why_refused(error: BenchError, path: Path, name: str) -> str:
    """Returns why a format was refused; names the operator where the tools name its tensor.

    Args:
        error: of the quantiser or of LiteRT.
        path: the float32 file.
        name: what to call it instead of its path.
    """
    folder = f"{path.parent}/"
    message = re.sub(re.escape(folder) + r"\w+\.tflite(: )?", "", error.message).strip()
    if found := _NODE.search(message):
        return f"operator {found[2]} (number {found[1]}): {message}"
    try:
        layers = contents.layers(path)
    except BenchError:
        return message
    calls = sorted({op for op, _, _ in layers if op in _CALLS})
    if calls and re.search(r"\bgraph\d+_", message):  # as models/own/quantisable.py names them
        return f"operator {calls[0]}, whose graphs are not calibrated: {message}"
    named = [(op, tensor) for op, tensor, _ in layers if tensor and tensor in message]
    if named:
        op, tensor = max(named, key=lambda each: len(each[1]))
        return f"operator {op}, whose result is {tensor}: {message}"
    return message
