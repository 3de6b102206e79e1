"""The next block of a gate: a pure function of its log, so that a gate can be resumed."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes
from bench.gate.findings import is_open
from bench.gate.log import Log
from bench.gate.records import Block, CloseReason, Discarded
from bench.gate.verdict import ModelKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The block to measure.

    Args:
        index: number of the attempt at a block of this model, from 0.
        candidate_first: the coin; processes alternate sides, starting with this one.
    """

    model: ModelKey
    index: int
    candidate_first: bool


def next_block(log: Log) -> Next | CloseReason:
    """Returns the next block, or why there is none.

    Undecided models take turns, so that heat affects them equally. The budget of discarded blocks
    is a share of the valid blocks, or of the minimum that the gate needs, whichever is more.
    """
    if log.closed is not None:
        return log.closed
    standings = log.standings
    models = list(standings.of)
    turn = models.index(standings.attempted) + 1 if standings.attempted else 0
    for model in models[turn:] + models[:turn]:
        attempts = standings.of[model].attempts
        if is_open(log, model):
            if _discards_spent(log):
                return CloseReason.ENVIRONMENT
            first = candidate_first(log.opened.seed, model, attempts)
            return Next(model=model, index=attempts, candidate_first=first)
    return CloseReason.DECIDED


def candidate_first(seed: int, model: ModelKey, index: int) -> bool:
    """Returns the coin of an attempt: the last bit of a SHA-256, always the same."""
    return int(sha256_bytes(f"{seed}/{model}/{index}".encode()), 16) % 2 == 1


def check_coins(log: Log, *, source: str) -> None:
    """Checks that all blocks are in the order of their coin.

    Raises:
        ConfigurationError: a block is not.
    """
    for entry in log.entries:
        if isinstance(entry, Block | Discarded):
            coin = candidate_first(log.opened.seed, entry.model, entry.index)
            if entry.candidate_first is not coin:
                raise ConfigurationError(
                    f"{source}: attempt {entry.index} of {entry.model} is not in the order of the "
                    "seed's coin",
                    hint="give the log as the gate wrote it",
                )


def _discards_spent(log: Log) -> bool:
    rule, standings = log.opened.rule, log.standings
    least = max(rule.analyses[0] * len(log.opened.models), rule.cap_blocks)
    return standings.discarded > rule.discard_budget * max(standings.valid, least)
