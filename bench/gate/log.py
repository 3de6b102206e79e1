"""The append-only log of a gate: what was done, in order, one JSON object a line.

A line counts once its line feed is written, so a last line without one, of a gate that was killed,
is no part of the log. No record of a discarded block has a place for a latency.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import isfinite

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.gate.records import (
    Block,
    Closed,
    CloseReason,
    Discarded,
    Entry,
    Explained,
    Failed,
    Lost,
    Opened,
    Resumed,
    Scored,
)

VERSION = 1

_KINDS: dict[str, type[Opened] | type[Entry]] = {
    "opened": Opened,
    "block": Block,
    "discarded": Discarded,
    "failed": Failed,
    "scored": Scored,
    "explained": Explained,
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
        told: set[tuple[type[Entry], str]] = set()
        last: Entry | None = None
        for line, entry in enumerate(self.entries, 2):
            problem = None
            if isinstance(last, Closed) and not isinstance(entry, Resumed):
                problem = "goes on after it was closed"
            elif isinstance(entry, Block | Discarded):
                problem = self._misfit(entry, measured.get(entry.model))
                measured[entry.model] = entry.index + 1
            elif isinstance(entry, Scored | Explained):
                about = (type(entry), entry.model)
                problem = self._unknown(entry, about in told)
                told.add(about)
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

    def _unknown(self, entry: Scored | Explained, again: bool) -> str | None:
        if all(pair.key != entry.model for pair in self.opened.models):
            return f"nobody opened {entry.model}"
        return f"says it of {entry.model} twice" if again else None

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
