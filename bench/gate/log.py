"""The append-only log of a gate: what was done, in order, one JSON object per line.

A line is valid once its line feed is written. The last line of a gate that was killed may lack it,
and is then not part of the log. The record of a discarded block has no field for a latency.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.gate import log_v1
from bench.gate.records import (
    DAMAGED,
    Block,
    Closed,
    CloseReason,
    Discarded,
    Entry,
    Explained,
    Lost,
    ModelFailed,
    Opened,
    Resumed,
    Scored,
)
from bench.gate.standing import Standings, standings_of
from bench.gate.verdict import ModelKey

VERSION = 2

_KINDS: dict[str, type[Opened] | type[Entry]] = {
    "opened": Opened,
    "block": Block,
    "discarded": Discarded,
    "failed": ModelFailed,
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
        torn: whether a last line without line feed was ignored.
        version: of the file that it was read from; it is always written as ``VERSION``.
        standings: what follows from the entries; made from them.
    """

    opened: Opened
    entries: tuple[Entry, ...] = ()
    torn: bool = False
    version: int = VERSION
    standings: Standings = field(default_factory=Standings, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = self.standings
        if known.entries is not self.entries or known.opened is not self.opened:
            object.__setattr__(self, "standings", standings_of(self.opened, self.entries))

    def then(self, entry: Entry) -> Log:
        """Returns the log with one more entry.

        Raises:
            ConfigurationError: it cannot follow the earlier entries.
        """
        standings = self.standings.after(entry)
        return replace(self, entries=standings.entries, standings=standings)

    @property
    def closed(self) -> CloseReason | None:
        """Why it ended; ``None`` while it is open."""
        last = self.entries[-1] if self.entries else None
        return last.reason if isinstance(last, Closed) else None

    def blocks(self, model: ModelKey) -> tuple[Block, ...]:
        """Returns the valid blocks of a model, in order."""
        return self.standings.of[model].blocks


def to_line(record: Opened | Entry) -> str:
    """Returns a record as a line with its line feed; the same bytes for the same record."""
    cls = type(record)
    # Structured once first: a whole number in a field of floats is written as it will be read.
    plain = config.unstructure(config.structure(config.unstructure(record), cls, source="the gate"))
    labelled = {"version": VERSION, "kind": _KIND_OF[cls], **plain}
    return json.dumps(labelled, separators=(",", ":"), allow_nan=False) + "\n"


def from_bytes(content: bytes, *, source: str) -> Log:
    """Returns the log in ``content``, of this version or version 1.

    Args:
        source: a name for it in errors, such as its path.

    Raises:
        ConfigurationError: a line is damaged, of another version, or out of place; names it.
    """
    *lines, rest = content.split(b"\n")
    plain = [_plain(line, f"{source}: line {n}") for n, line in enumerate(lines, 1)]
    version = plain[0]["version"] if plain else VERSION
    records = [
        _record(line, f"{source}: line {n}", version=version) for n, line in enumerate(plain, 1)
    ]
    opened = records[0] if records else None
    if not isinstance(opened, Opened):
        raise ConfigurationError(
            f"{source}: line 1 does not open a gate", hint="give the whole log of a gate"
        )
    entries: list[Entry] = []
    for n, record in enumerate(records[1:], 2):
        if isinstance(record, Opened):
            raise ConfigurationError(
                f"{source}: line {n} opens another gate", hint="give the log of one gate"
            )
        entries.append(record)
    try:
        return Log(opened=opened, entries=tuple(entries), torn=bool(rest), version=version)
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}: {error.message}", hint=error.hint) from error


def _plain(line: bytes, where: str) -> dict[str, Any]:
    """Returns a line as a mapping, after checking its version."""
    try:
        plain = json.loads(line, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where} is not JSON", hint=DAMAGED) from error
    if not isinstance(plain, dict):
        raise ConfigurationError(f"{where} is not a JSON object", hint=DAMAGED)
    version = plain.get("version")
    if isinstance(version, bool) or version not in (log_v1.VERSION, VERSION):
        raise ConfigurationError(
            f"{where} has version {version}, not {log_v1.VERSION} or {VERSION}",
            hint="replay it with the frill-bench that wrote it",
        )
    return plain


def _record(plain: dict[str, Any], where: str, *, version: int) -> Opened | Entry:
    fields, kind = dict(plain), plain.get("kind")
    if fields.pop("version") != version:
        raise ConfigurationError(f"{where} has another version than line 1", hint=DAMAGED)
    if not isinstance(kind, str) or kind not in _KINDS:
        kinds = list(_KINDS)
        raise ConfigurationError(
            f"{where}: {kind!r} is not one of {', '.join(kinds)}{config.near(str(kind), kinds)}",
            hint=DAMAGED,
        )
    del fields["kind"]
    if version == log_v1.VERSION:
        fields = log_v1.upgrade(kind, fields, where=where)
    return config.structure(fields, _KINDS[kind], source=where)


def _finite(number: str) -> float:
    if not isfinite(float(number)):
        raise ValueError(number)
    return float(number)
