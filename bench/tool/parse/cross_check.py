"""Compares the text and the result file of one process."""

from __future__ import annotations

from bench.tool.parse.counts import agree
from bench.tool.parse.interpret import REPORT_STEP_US
from bench.tool.parse.toollog import PERCENTILES, Dialect, ToolLog

_NUMBERS = (
    "init_us",
    "first_us",
    "warmup_avg_us",
    "inference_avg_us",
    "inference_min_us",
    "inference_max_us",
    "inference_std_us",
)
_STEPS_US = {"inference_std_us": 2.0}  # truncated to a whole number


def contradiction(text: ToolLog, result: ToolLog) -> str | None:
    """Returns a sentence on the first difference beyond rounding; ``None`` if there is none.

    A number that one of them lacks is not a difference; an unusable result file is.

    Args:
        text: the log of the process's output.
        result: the log of its result file.
    """
    if result.dialect is not Dialect.RESULT_PROTO or not result.ok:
        return f"the result file cannot be used: {result.failure or result.dialect}"
    for name, one, other in (
        ("runs", text.runs, result.runs),
        ("warm-up runs", text.warmup_runs, result.warmup_runs),
    ):
        if None not in (one, other) and one != other:
            return f"the log has {one} {name}, the result file {other}"
    coarse = REPORT_STEP_US if text.dialect is Dialect.COMPILED_MODEL else 0.0
    in_file = _numbers(result)
    for name, value in _numbers(text).items():
        step = max(coarse, _STEPS_US.get(name, 0.0))
        if not agree(value, in_file.get(name), resolution=step):
            return f"the log has {value:.10g} as {name}, the result file {in_file[name]:.10g}"
    return None


def _numbers(log: ToolLog) -> dict[str, float]:
    percentiles = log.percentiles_us or {}
    numbers: dict[str, float | None] = {name: getattr(log, name) for name in _NUMBERS}
    numbers |= {f"{name}_us": percentiles.get(name) for name in PERCENTILES}
    return {name: value for name, value in numbers.items() if value is not None}
