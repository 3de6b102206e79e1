"""Parses the result file of the C++ tools: ``tflite.tools.benchmark.BenchmarkResult``.

The wire format is read here, because four kinds of fields do not need a schema compiler.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from bench.tool.parse import failures
from bench.tool.parse.toollog import Dialect, ToolLog, summary

Value = int | float | bytes

_LATENCY = {
    1: "avg",
    2: "min",
    3: "max",
    4: "std",
    5: "median",
    6: "p5",
    7: "p95",
    8: "init",
    9: "warmup_first",
    10: "warmup_avg",
}
_LIMIT = 1e18
_MEMORY_KB = {1: "init", 2: "overall"}


def find(content: bytes, exit_status: int | None = None) -> ToolLog | None:
    """Returns the log that a binary result file holds; ``None`` if ``content`` is not one."""
    try:
        top = _fields(content)
        parts = {number: _fields(value) for number, value in top.items() if number != 1}  # type: ignore[arg-type]  # not bytes: TypeError
    except (ValueError, TypeError):
        return None
    if not parts or not top.keys() <= {1, 2, 3, 4}:
        return None
    return _log(parts, exit_status)


def _log(parts: dict[int, dict[int, Value]], exit_status: int | None) -> ToolLog:
    latency_us = {
        _LATENCY[number]: _float(value) * 1000
        for number, value in parts.get(2, {}).items()
        if number in _LATENCY
    }
    misc = parts.get(4, {})
    runs, warmup_runs = int(_float(misc.get(2, 0))), int(_float(misc.get(3, 0)))
    failure = failures.exit_status(exit_status)
    if failure is None and runs <= 0:
        failure = "dry-run: no inference was measured"
    elif failure is None and not latency_us.get("avg"):
        failure = "incomplete: the result file lacks its latencies"
    return replace(
        summary(Dialect.RESULT_PROTO, failure, latency_us, runs=runs, warmup_runs=warmup_runs),
        memory_mb=_memory(parts.get(3, {})),
        model_size_mb=_float(misc[1]) if 1 in misc else None,
    )


def _memory(fields: dict[int, Value]) -> dict[str, float] | None:
    memory_mb = {name: _float(fields[n]) / 1024 for n, name in _MEMORY_KB.items() if n in fields}
    if 3 in fields:
        memory_mb["peak"] = _float(fields[3])
    return memory_mb or None


def _float(value: Value) -> float:
    if isinstance(value, bytes):
        raise TypeError("a number was expected")
    return float(value)


def _fields(content: bytes) -> dict[int, Value]:
    """Returns a message's fields by number, the last of each; ``ValueError`` if malformed."""
    fields: dict[int, Value] = {}
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        match key & 7:
            case 0:
                value, at = _varint(content, at)
                fields[key >> 3] = value - (1 << 64) if value >> 63 else value
            case 1 | 5 as kind:
                width, form = (8, "<d") if kind == 1 else (4, "<f")
                (number,) = struct.unpack(form, _take(content, at, width))
                if not abs(number) < _LIMIT:  # also false for NaN
                    raise ValueError("not a measured number")
                # Only the digits of a 32-bit float: 0.465, not 0.46500000357627869.
                fields[key >> 3] = number if width == 8 else float(f"{number:.7g}")
                at += width
            case 2:
                size, at = _varint(content, at)
                fields[key >> 3] = _take(content, at, size)
                at += size
            case _:
                raise ValueError("not a wire type of a result file")
    return fields


def _take(content: bytes, at: int, size: int) -> bytes:
    if at + size > len(content):
        raise ValueError("the message is cut off")
    return content[at : at + size]


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = _take(content, at, 1)[0]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & ((1 << 64) - 1), at
    raise ValueError("a number has no end")
