"""The append-only log of a gate: what was done, in order, one JSON object a line.

A line counts once its line feed is written, so a last line without one, of a gate that was killed,
is no part of the log. No record of a discarded block has a place for a latency.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import isfinite

from bench.core import config
from bench.core.artifact import Format
from bench.core.errors import ConfigurationError
from bench.gate.rule import Rule

VERSION = 1


class CloseReason(StrEnum):
    """Why no more blocks were measured."""

    DECIDED = "decided"  # every model, or given up at the cap or for its noise
    OUT_OF_TIME = "out-of-time"
    INTERRUPTED = "interrupted"
    DEVICE_LOST = "device-lost"
    GUARDS = "guards-never-satisfied"


class Unmeasured(StrEnum):
    """Why a model is listed and not compared."""

    NEW = "new"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A model whose candidate is compared with its baseline.

    Args:
        observed: what is compared, as observed: the statistic, the runtime, the delegate, threads.
    """

    name: str
    format: Format
    baseline_sha256: str
    candidate_sha256: str
    observed: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its name in the log's other records."""
        return f"{self.name} {self.format}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The first line.

    Args:
        gate_id, session_id: UUIDs.
        seed: of all coins.
        device: facts of it, as they are shown.
        models: at least one, no two with one name and format.
        unmeasured: the other models of either side, by name and format.
    """

    gate_id: str
    session_id: str
    seed: int
    rule: Rule
    device: dict[str, float | str | None]
    models: tuple[Pair, ...]
    unmeasured: dict[str, Unmeasured] = field(default_factory=dict)

    def __post_init__(self) -> None:
        twice = [key for key, n in Counter(pair.key for pair in self.models).items() if n > 1]
        if twice or not self.models:
            raise ConfigurationError(
                f"{twice[0]} is there twice" if twice else "a gate without models",
                hint="give each pair of one name and format once",
            )
        self.rule.check(len(self.models))


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of the benchmark tool within a block. All times in us, above 0.

    Args:
        value_us: what is compared: the median of its inferences, or what ``Pair.observed`` says.
        min_us, p95_us: of its inferences; ``None`` where the tool does not tell.
        position: its place in the block, from 0.
        invocation: its id in the store.
    """

    value_us: float
    position: int
    invocation: int
    min_us: float | None = None
    p95_us: float | None = None

    def __post_init__(self) -> None:
        for time_us in (self.value_us, self.min_us, self.p95_us):
            if time_us is not None and not (isfinite(time_us) and time_us > 0):
                raise ConfigurationError(f"{time_us} us is no duration", hint="mend the log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A baseline and a candidate, back to back, in the order of a coin.

    Args:
        model: ``Pair.key``.
        index: which attempt at a block of this model, from 0, discarded ones too.
        candidate_first: the coin.
        baseline, candidate: equally many processes, at least one.
    """

    model: str
    index: int
    candidate_first: bool
    baseline: tuple[Process, ...]
    candidate: tuple[Process, ...]

    def __post_init__(self) -> None:
        first, second = self.baseline, self.candidate
        if self.candidate_first:
            first, second = second, first
        places = [each.position for each in (*first, *second)]
        if len(first) != len(second) or sorted(places) != list(range(2 * len(first))):
            raise ConfigurationError(
                "a block needs equally many processes of both, each in a place of its own",
                hint="mend the log",
            )
        if not any(each.position == 0 for each in first):
            raise ConfigurationError(
                "the process in place 0 is not the one that the coin put there", hint="mend the log"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """A block that the environment spoiled, both sides of it; decided without its latencies.

    Args:
        model, index, candidate_first: as of a ``Block``.
        reasons: at least one; each a stable kebab-case code, or one, a colon and a sentence.
    """

    model: str
    index: int
    candidate_first: bool
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ConfigurationError("a discarded block needs a reason", hint="mend the log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A model that does not run as it was asked to, which ends it.

    Args:
        model: ``Pair.key``.
        reason: which side, and why.
    """

    model: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The device went away."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The gate goes on, after a loss or in another process."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """No more blocks, unless it is resumed."""

    reason: CloseReason


Entry = Block | Discarded | Failed | Lost | Resumed | Closed

_KINDS: dict[str, type[Opened] | type[Entry]] = {
    "opened": Opened,
    "block": Block,
    "discarded": Discarded,
    "failed": Failed,
    "lost": Lost,
    "resumed": Resumed,
    "closed": Closed,
}
_KIND_OF = {cls: kind for kind, cls in _KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A gate's log.

    Args:
        torn: a last line without its line feed was left out.
    """

    opened: Opened
    entries: tuple[Entry, ...] = ()
    torn: bool = False

    def __post_init__(self) -> None:
        measured: dict[str, int | None] = {pair.key: 0 for pair in self.opened.models}
        last: Entry | None = None
        for line, entry in enumerate(self.entries, 2):
            problem = None
            if isinstance(last, Closed) and not isinstance(entry, Resumed):
                problem = "goes on after it was closed"
            elif isinstance(entry, Block | Discarded):
                problem = self._misfit(entry, measured.get(entry.model))
                measured[entry.model] = entry.index + 1
            elif isinstance(entry, Failed):
                problem = None if entry.model in measured else f"nobody opened {entry.model}"
                measured[entry.model] = None
            if problem:
                raise ConfigurationError(f"line {line}: {problem}", hint="mend the log")
            last = entry

    def then(self, entry: Entry) -> Log:
        """Returns the log with one more entry.

        Raises:
            ConfigurationError: it does not follow from what is there.
        """
        return replace(self, entries=(*self.entries, entry))

    @property
    def closed(self) -> CloseReason | None:
        """Why it ended; ``None`` while it goes on."""
        last = self.entries[-1] if self.entries else None
        return last.reason if isinstance(last, Closed) else None

    def _misfit(self, entry: Block | Discarded, expected: int | None) -> str | None:
        if expected is None:
            return f"nobody opened {entry.model}, or it failed before"
        if entry.index != expected:
            return f"attempt {entry.index} of {entry.model} where {expected} was due"
        k = self.opened.rule.processes_per_arm
        if isinstance(entry, Block) and len(entry.baseline) != k:
            return f"{len(entry.baseline)} processes an arm where the rule says {k}"
        return None


def to_line(record: Opened | Entry) -> str:
    """Returns a record as its line, line feed and all; the same bytes for the same record."""
    cls = type(record)
    # Through the types once: a whole number given for a float is written as it will be read.
    plain = config.unstructure(config.structure(config.unstructure(record), cls, source="the gate"))
    labelled = {"version": VERSION, "kind": _KIND_OF[cls], **plain}
    return json.dumps(labelled, separators=(",", ":"), allow_nan=False) + "\n"


def to_text(log: Log) -> str:
    """Returns all lines of a log, of a torn one those that count."""
    return "".join(map(to_line, (log.opened, *log.entries)))


def from_bytes(content: bytes, *, source: str) -> Log:
    """Returns the log that ``content`` holds.

    Args:
        source: a name for it in errors, such as its path.

    Raises:
        ConfigurationError: names the line that is broken, of another version, or out of place.
    """
    *lines, rest = content.split(b"\n")
    records = [_record(line, f"{source}: line {n}") for n, line in enumerate(lines, 1)]
    opened = records[0] if records else None
    if not isinstance(opened, Opened):
        raise ConfigurationError(f"{source}: line 1 opens no gate", hint="give the whole log")
    entries: list[Entry] = []
    for n, record in enumerate(records[1:], 2):
        if isinstance(record, Opened):
            raise ConfigurationError(f"{source}: line {n} opens another gate", hint="give one log")
        entries.append(record)
    try:
        return Log(opened=opened, entries=tuple(entries), torn=bool(rest))
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}: {error.message}", hint=error.hint) from error


def _record(line: bytes, where: str) -> Opened | Entry:
    try:
        found = json.loads(line, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where} is no JSON", hint="mend the log") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{where} is no JSON object", hint="mend the log")
    version, kind = found.pop("version", None), found.pop("kind", None)
    if version != VERSION or isinstance(version, bool):
        raise ConfigurationError(
            f"{where} has version {version}, not {VERSION}",
            hint="replay it with the frill-bench that wrote it",
        )
    if not isinstance(kind, str) or kind not in _KINDS:
        known = list(_KINDS)
        raise ConfigurationError(
            f"{where}: {kind!r} is none of {', '.join(known)}{config.near(str(kind), known)}",
            hint="mend the log",
        )
    return config.structure(found, _KINDS[kind], source=where)


def _finite(number: str) -> float:
    if not isfinite(float(number)):
        raise ValueError(number)
    return float(number)
