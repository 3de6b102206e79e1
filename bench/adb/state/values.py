"""Values in the answers of a phone, or why they are missing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace

from bench.adb.batch import Answer
from bench.core.device_state.state import Reading

ABSENT = "the phone does not show it"
_PLAUSIBLE_C = (-40.0, 150.0)


def why(answer: Answer) -> str:
    """Returns why a value is missing in an answer."""
    if answer.exit_status is None:
        return "the phone did not answer in time"
    lines = answer.lines
    if not lines:
        return "the phone prints nothing"
    return lines[-1] if answer.exit_status or len(lines) == 1 else ABSENT


def text_of(answer: Answer, text: str | None) -> Reading:
    """Returns a text found in an answer; ``None`` or empty is missing."""
    return Reading(value=text) if text else Reading(unavailable=why(answer))


def number_of(answer: Answer, text: str | None, scale: float = 1.0) -> Reading:
    """Returns a number found in an answer, times ``scale``; what is not a number is missing."""
    value = parse_number(text)
    return (
        Reading(unavailable=why(answer))
        if value is None
        else Reading(value=round(value * scale, 3))
    )


def search(pattern: str, answer: Answer) -> str | None:
    """Returns the first group of a pattern in an answer."""
    match = re.search(pattern, answer.text)
    return match[1] if match else None


def fields_of(answer: Answer) -> dict[str, str]:
    """Returns the ``key: value`` lines; the first of each key counts."""
    fields: dict[str, str] = {}
    for line in answer.lines:
        key, colon, value = line.partition(": ")
        if colon:
            fields.setdefault(key, value.strip())
    return fields


def lines_about(answer: Answer, path: str) -> Answer:
    """Returns the lines about files whose paths begin with ``path``; all lines if none do."""
    lines = [line for line in answer.lines if line.removeprefix("grep: ").startswith(path)]
    return replace(answer, text="\n".join(lines)) if lines else answer


def parse_number(text: str | None) -> float | None:
    """Returns a finite number; ``None`` if the text is not one."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_plausible_c(value: float | None) -> bool:
    """Returns whether a value can be a temperature, in C; broken sensors give 0 or -99.9."""
    low, high = _PLAUSIBLE_C
    return value is not None and value != 0 and low < value < high


def hottest(values_c: Iterable[float | None], *, otherwise: str) -> Reading:
    """Returns the highest plausible temperature, in C."""
    plausible = [value for value in values_c if value is not None and is_plausible_c(value)]
    return Reading(value=max(plausible)) if plausible else Reading(unavailable=otherwise)
