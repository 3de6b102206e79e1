"""Budgets: what a file may cost or lose, read from text, and how surely a row keeps each.

A row keeps a budget *surely* if its whole 95 % interval does, and *probably* if its estimate does;
then the probability is beside it. It does not if its whole interval is outside. Between, and where
something was not measured, it is *unclear*. What was not measured never passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.core import units
from bench.core.config import near
from bench.core.errors import ConfigurationError
from reports.decision.intervals import Estimate, score_less, share_above
from reports.rows.frontier import unpaid_frontend
from reports.rows.membership import below
from reports.rows.schema import Row, Stream

_NUMBER = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+) ?(?P<unit>\D*)")
_TIMES_US = {"us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6}
_SIZES = {
    "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30,
}  # fmt: skip

# What has one budget at most; a latency may have two.
NAMES = ("size", "core", "memory", "lost", "accuracy")
_EXAMPLE = "frill-bench pick --latency 5ms/s --size 2MB --core 5% --db results.db"


class Measure(StrEnum):
    """What a budget limits."""

    LATENCY = "latency per second of audio"
    INFERENCE = "latency per inference"
    SIZE = "size"
    CORE = "core share"
    MEMORY = "memory"
    LOST = "accuracy lost against the best"
    ACCURACY = "accuracy"


class Keeps(StrEnum):
    """How surely a row keeps a budget, the surest first."""

    SURELY = "surely"
    PROBABLY = "probably"
    UNCLEAR = "unclear"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit.

    Args:
        limit: at most this, and at least this for ``ACCURACY``: us per second of audio, us, bytes,
            or a share in [0, 1].
    """

    measure: Measure
    limit: float

    @property
    def text(self) -> str:
        """The budget in words, such as ``latency per second of audio: at most 5.00 ms/s``."""
        bound = "at least" if self.measure is Measure.ACCURACY else "at most"
        return f"{self.measure}: {bound} {amount_text(self.measure, self.limit)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A row against a budget.

    Args:
        value: what the row has, in the units of the limit; ``None`` where it was not measured.
        probability: that it keeps the budget; ``None`` where it is not known.
        why: why it is unclear or less than sure, beyond the interval; may be empty.
    """

    budget: Budget
    keeps: Keeps
    value: Estimate | None
    probability: float | None
    why: str = ""


def latency(text: str) -> Budget:
    """Returns the budget ``5ms/s`` (per second of audio) or ``2ms`` (per inference).

    Raises:
        ConfigurationError: it is not one.
    """
    example = "a latency such as 5ms/s or 300us/s (per second of audio), or 2ms (per inference)"
    number, unit = _read(text, "--latency", example)
    per_second = unit.endswith("/s")
    factor = _TIMES_US.get(unit.removesuffix("/s"))
    if factor is None:
        raise _refused(text, "--latency", example)
    measure = Measure.LATENCY if per_second else Measure.INFERENCE
    return Budget(measure=measure, limit=number * factor)


def size(text: str) -> Budget:
    """Returns the budget ``2MB``; raises ConfigurationError as ``latency`` does."""
    return Budget(measure=Measure.SIZE, limit=_bytes(text, "--size", "a size such as 2MB or 800kB"))


def memory(text: str) -> Budget:
    """Returns the budget ``40MB``; raises ConfigurationError as ``latency`` does."""
    limit = _bytes(text, "--memory", "a memory such as 40MB or 64MiB")
    return Budget(measure=Measure.MEMORY, limit=limit)


def core(text: str) -> Budget:
    """Returns the budget ``5%`` of one core; raises ConfigurationError as ``latency`` does."""
    example = "a share of one core such as 5%"
    number, unit = _read(text, "--core", example)
    if unit != "%":
        raise _refused(text, "--core", example)
    return Budget(measure=Measure.CORE, limit=number / 100)


def lost(text: str) -> Budget:
    """Returns the budget ``2`` or ``2 points``; raises ConfigurationError as ``latency`` does."""
    example = "percentage points such as 2 or 1.5"
    number, unit = _read(text, "--lost", example)
    if unit not in ("", "points", "point"):
        raise _refused(text, "--lost", example)
    return Budget(measure=Measure.LOST, limit=number / 100)


def accuracy(text: str) -> Budget:
    """Returns the budget ``70%``; raises ConfigurationError as ``latency`` does."""
    example = "an accuracy from 0% to 100% such as 70%"
    number, unit = _read(text, "--accuracy", example)
    if unit != "%" or number > 100:
        raise _refused(text, "--accuracy", example)
    return Budget(measure=Measure.ACCURACY, limit=number / 100)


def read_all(latencies: Iterable[str], others: Mapping[str, str | None]) -> list[Budget]:
    """Returns the budgets that texts state; those that are ``None`` are left out.

    Args:
        others: each of ``NAMES`` to its text.

    Raises:
        ConfigurationError: a text is not a budget, or there is none.
    """
    read = dict(zip(NAMES, (size, core, memory, lost, accuracy), strict=True))
    found = [latency(text) for text in latencies]
    for name in others:
        if name not in read:
            raise ConfigurationError(
                f"unknown budget {name}{near(name, list(NAMES))}",
                hint=f"there are: {', '.join(NAMES)}",
            )
    found += [read[name](text) for name, text in others.items() if text is not None]
    if not found:
        raise ConfigurationError("no budget: what may the file cost?", hint=_EXAMPLE)
    return found


def keep(row: Row, budget: Budget, *, best: Row | None, stream: Stream | None = None) -> Kept:
    """Returns how surely a row keeps a budget.

    Args:
        best: the most accurate row that it may be compared with.
        stream: the same case in the streaming mode, if it was timed.
    """
    if budget.measure is Measure.CORE:
        return _keep_core(row, budget, stream)
    value, gap = _amount(row, budget.measure, best)
    if value is None:
        return Kept(budget=budget, keeps=Keeps.UNCLEAR, value=None, probability=None, why=gap)
    match budget.measure:
        case Measure.SIZE:
            return _exact(budget, value)
        case Measure.MEMORY:
            return _keep_memory(budget, value)
        case Measure.ACCURACY:
            return _graded(budget, value, share_above(value, budget.limit))
        case Measure.LOST:
            if best is row:
                return _exact(budget, value)
            return _graded(budget, value, share_above(_negative(value), -budget.limit))
        case _:
            return _graded(budget, value, below(value.value, value.low, value.high, budget.limit))


def streamed(rows: Sequence[Row], streams: Sequence[Stream]) -> dict[Row, Stream]:
    """Returns the case of each row in the streaming mode, where it was timed at that hop."""
    found: dict[Row, Stream] = {}
    for row in rows:
        for stream in streams:
            alike = (stream.file, stream.hop_s) == (row.file, row.audio_s_per_inference)
            if alike and not differing(row, stream, but=("protocol",)):
                found[row] = stream
    return found


def differing(one: Row | Stream, other: Row | Stream, *, but: Sequence[str] = ()) -> list[str]:
    """Returns the fields of the setup in which two rows differ, except ``but``."""
    names = [name for name in one.setup.__dataclass_fields__ if name not in but]
    return [name for name in names if getattr(one.setup, name) != getattr(other.setup, name)]


def amount_text(measure: Measure, value: float) -> str:
    """Returns a value of a measure with its unit."""
    match measure:
        case Measure.LATENCY:
            return f"{units.duration(value)}/s"
        case Measure.INFERENCE:
            return units.duration(value)
        case Measure.SIZE | Measure.MEMORY:
            return units.size(value)
        case Measure.LOST:
            return f"{units.points(value).lstrip('+')} points"
        case Measure.CORE:
            return f"{units.significant(100 * value)} %"
        case Measure.ACCURACY:
            return f"{units.percent(value)} %"


def _amount(row: Row, measure: Measure, best: Row | None) -> tuple[Estimate | None, str]:
    """Returns what a row has of a measure, or why there is nothing."""
    amounts: Mapping[Measure, Callable[[], tuple[Estimate | None, str]]] = {
        Measure.LATENCY: lambda: _per_audio_s(row),
        Measure.INFERENCE: lambda: _per_inference(row),
        Measure.SIZE: lambda: (Estimate(value=float(row.size_bytes)), ""),
        Measure.MEMORY: lambda: _memory(row),
        Measure.ACCURACY: lambda: _score(row),
        Measure.LOST: lambda: _lost(row, best),
    }
    return amounts[measure]()


def _per_audio_s(row: Row) -> tuple[Estimate | None, str]:
    if row.latency_us_per_audio_s is None:
        return None, "its latency was not measured"
    if unpaid_frontend(row):
        return None, "its latency leaves out the log-mel front-end"
    return Estimate(
        value=row.latency_us_per_audio_s,
        low=row.latency_us_per_audio_s_low,
        high=row.latency_us_per_audio_s_high,
    ), ""


def _per_inference(row: Row) -> tuple[Estimate | None, str]:
    """Returns the latency of a hop: its front-end and one inference of the file."""
    hop_s = row.audio_s_per_inference
    value, gap = _per_audio_s(row)
    if value is not None and hop_s:
        return _scaled(value, hop_s), ""
    if gap and row.latency_us_median is not None and hop_s is None and not unpaid_frontend(row):
        return Estimate(
            value=row.latency_us_median, low=row.latency_us_low, high=row.latency_us_high
        ), ""
    return None, gap


def _scaled(found: Estimate, factor: float) -> Estimate:
    def times(value: float | None) -> float | None:
        return None if value is None else value * factor

    return Estimate(value=found.value * factor, low=times(found.low), high=times(found.high))


def _negative(found: Estimate) -> Estimate:
    return Estimate(
        value=-found.value,
        low=None if found.high is None else -found.high,
        high=None if found.low is None else -found.low,
    )


def _memory(row: Row) -> tuple[Estimate | None, str]:
    if row.memory_mb_peak is None:
        return None, "its memory was not measured"
    return Estimate(value=row.memory_mb_peak * 2**20), ""


def _score(row: Row) -> tuple[Estimate | None, str]:
    if row.score_mean is None:
        return None, "it was not scored"
    return Estimate(value=row.score_mean, low=row.score_low, high=row.score_high), ""


def _lost(row: Row, best: Row | None) -> tuple[Estimate | None, str]:
    less = None if best is None else score_less(best, row)
    return (less.change, "") if less else (None, "it was not scored")


def _exact(budget: Budget, value: Estimate) -> Kept:
    keeps = Keeps.SURELY if value.value <= budget.limit else Keeps.NO
    return Kept(budget=budget, keeps=keeps, value=value, probability=float(keeps is Keeps.SURELY))


def _keep_memory(budget: Budget, value: Estimate) -> Kept:
    """Returns how a highest value is kept: what was seen above a limit is a fact."""
    if value.value > budget.limit:
        return Kept(budget=budget, keeps=Keeps.NO, value=value, probability=0.0)
    why = "a highest value seen has no interval"
    return Kept(budget=budget, keeps=Keeps.PROBABLY, value=value, probability=None, why=why)


def _graded(budget: Budget, value: Estimate, probability: float | None) -> Kept:
    if probability is None or value.ends is None:
        why = "it has no interval: too few processes or clips"
        return Kept(budget=budget, keeps=Keeps.UNCLEAR, value=value, probability=None, why=why)
    at_least = budget.measure is Measure.ACCURACY
    low, high = value.ends
    inside = low >= budget.limit if at_least else high <= budget.limit
    outside = high < budget.limit if at_least else low > budget.limit
    estimated = value.value >= budget.limit if at_least else value.value <= budget.limit
    if inside:
        keeps = Keeps.SURELY
    elif outside:
        keeps = Keeps.NO
    else:
        keeps = Keeps.PROBABLY if estimated else Keeps.UNCLEAR
    return Kept(budget=budget, keeps=keeps, value=value, probability=probability)


def _keep_core(row: Row, budget: Budget, stream: Stream | None) -> Kept:
    """Returns how the cores that a stream keeps busy fit; they are an upper bound."""
    value, gap = _core_share(row, stream)
    if value is None:
        return Kept(budget=budget, keeps=Keeps.UNCLEAR, value=None, probability=None, why=gap)
    share = below(value.value, value.low, value.high, budget.limit)
    found = _graded(budget, value, share)
    keeps, why = found.keeps, found.why
    if keeps is Keeps.NO and row.setup.threads != 1:
        keeps, why = Keeps.UNCLEAR, "of several threads only an upper bound is known"
    elif keeps is Keeps.SURELY and stream is None:
        keeps, why = Keeps.PROBABLY, "it was timed back to back; a stream idles and is slower"
    return Kept(budget=budget, keeps=keeps, value=value, probability=found.probability, why=why)


def _core_share(row: Row, stream: Stream | None) -> tuple[Estimate | None, str]:
    if stream is not None:
        share, low, high = stream.core_share, stream.core_share_low, stream.core_share_high
        return Estimate(value=share, low=low, high=high), ""
    per_s, gap = _per_audio_s(row)
    if row.setup.threads is None:
        return None, "its number of threads is not known"
    return None if per_s is None else _scaled(per_s, row.setup.threads / 1e6), gap


def _bytes(text: str, flag: str, example: str) -> float:
    number, unit = _read(text, flag, example)
    if unit not in _SIZES:
        raise _refused(text, flag, example)
    return number * _SIZES[unit]


def _read(text: str, flag: str, example: str) -> tuple[float, str]:
    """Returns the number and the unit of a budget."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise _refused(text, flag, example)
    return float(found["number"]), found["unit"].strip()


def _refused(text: str, flag: str, example: str) -> ConfigurationError:
    return ConfigurationError(f"{flag}: {text!r} is not a budget", hint=f"give {example}")
