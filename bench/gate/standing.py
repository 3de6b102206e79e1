"""What a gate's log has of each model so far.

It follows from the entries. Each new entry changes it at the same cost, however long the log is, so
that the time between two blocks does not grow with a gate of hundreds of models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.core.errors import ConfigurationError
from bench.gate.records import (
    DAMAGED,
    Block,
    Closed,
    CloseReason,
    Discarded,
    Entry,
    Explained,
    ModelFailed,
    Opened,
    Resumed,
    Scored,
)
from bench.gate.verdict import ModelKey

_FIRST_LINE = 2  # of the entries; line 1 opens the gate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """What a log has of one model. Equal to itself only, so that what follows from it can be kept.

    Args:
        opened: the first record of its log.
        blocks: the valid ones, in order.
        discarded: the others, in order.
        failure: why it does not run as requested; ``None`` if it does.
        time_limits: how many valid blocks it had at each time limit, in order.
    """

    opened: Opened
    blocks: tuple[Block, ...] = ()
    discarded: tuple[Discarded, ...] = ()
    failure: str | None = None
    scored: Scored | None = None
    explained: Explained | None = None
    time_limits: tuple[int, ...] = ()

    @property
    def attempts(self) -> int:
        """How many blocks were attempted, which is the index of the next one."""
        return len(self.blocks) + len(self.discarded)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standings:
    """What a log has of all its models.

    Args:
        opened, entries: that it follows from.
        of: by model, in the order of ``opened``.
        attempted: the model of the last block, valid or not.
        valid, discarded: numbers of blocks.
    """

    opened: Opened | None = None
    entries: tuple[Entry, ...] = ()
    of: Mapping[ModelKey, Standing] = field(default_factory=dict)
    attempted: ModelKey | None = None
    valid: int = 0
    discarded: int = 0

    def after(self, entry: Entry) -> Standings:
        """Returns the standings with one more entry.

        Raises:
            ConfigurationError: it cannot follow the earlier ones; names its line.
        """
        problem = self._problem(entry)
        if problem:
            line = _FIRST_LINE + len(self.entries)
            raise ConfigurationError(f"line {line}: {problem}", hint=DAMAGED)
        entries = (*self.entries, entry)
        match entry:
            case Block():
                blocks = (*self.of[entry.model].blocks, entry)
                changed = self._with(entry.model, blocks=blocks)
                return replace(
                    changed, entries=entries, attempted=entry.model, valid=self.valid + 1
                )
            case Discarded():
                discarded = (*self.of[entry.model].discarded, entry)
                changed = self._with(entry.model, discarded=discarded)
                return replace(
                    changed, entries=entries, attempted=entry.model, discarded=self.discarded + 1
                )
            case _:
                return replace(self._noted(entry), entries=entries)

    def _noted(self, entry: Entry) -> Standings:
        match entry:
            case ModelFailed():
                return self._with(entry.model, failure=entry.reason)
            case Scored():
                return self._with(entry.model, scored=entry)
            case Explained():
                return self._with(entry.model, explained=entry)
            case Closed(reason=CloseReason.OUT_OF_TIME):
                limited = {
                    model: replace(each, time_limits=(*each.time_limits, len(each.blocks)))
                    for model, each in self.of.items()
                }
                return replace(self, of=limited)
            case _:
                return self

    def _with(self, model: ModelKey, **changes: object) -> Standings:
        changed = replace(self.of[model], **changes)  # type: ignore[arg-type]  # its fields
        return replace(self, of={**self.of, model: changed})

    def _problem(self, entry: Entry) -> str | None:
        last = self.entries[-1] if self.entries else None
        if isinstance(last, Closed) and not isinstance(entry, Resumed):
            return "continues after the gate was closed"
        if isinstance(entry, Block | Discarded):
            return self._gap(entry)
        if isinstance(entry, ModelFailed | Scored | Explained):
            standing = self.of.get(entry.model)
            if standing is None:
                return f"{entry.model} is not in the first line"
            twice = (standing.scored and isinstance(entry, Scored)) or (
                standing.explained and isinstance(entry, Explained)
            )
            return f"{entry.model} has this record twice" if twice else None
        return None

    def _gap(self, entry: Block | Discarded) -> str | None:
        standing = self.of.get(entry.model)
        if standing is None or standing.failure is not None:
            return f"{entry.model} is not in the first line, or failed before"
        if entry.index != standing.attempts:
            return f"attempt {entry.index} of {entry.model} where {standing.attempts} was due"
        per_side = self.opened.rule.processes_per_side if self.opened else 0
        if isinstance(entry, Block) and len(entry.baseline) != per_side:
            return f"{len(entry.baseline)} processes per side where the rule has {per_side}"
        return None


def standings_of(opened: Opened, entries: tuple[Entry, ...]) -> Standings:
    """Returns what follows from these entries.

    Raises:
        ConfigurationError: one cannot follow those before it; names its line.
    """
    standings = Standings(
        opened=opened, of={pair.model: Standing(opened=opened) for pair in opened.models}
    )
    for entry in entries:
        standings = standings.after(entry)
    return replace(standings, entries=entries)
