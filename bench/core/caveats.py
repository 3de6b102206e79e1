"""Doubts that travel with results: a kind, its evidence, and what it does to a row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a caveat does: notes are read, degraded rows hollow, invalid ones off the frontier."""

    NOTE = "note"
    DEGRADE = "degrade"
    INVALIDATE = "invalidate"


class CaveatKind(StrEnum):
    """Every doubt this program knows. Its effect and stickiness are in ``_RULES``."""

    UNTRAINED = "untrained"
    QUICK = "quick"
    VIRTUAL = "virtual"
    FORCE_UNFIT = "force_unfit"
    BELOW_BOUND = "below_bound"
    UNCHECKED = "unchecked"
    PARTLY_DELEGATED = "partly_delegated"
    NO_FRONTEND = "no_frontend"
    FRONTEND_ADDED = "frontend_added"
    SCORED_ON_HOST = "scored_on_host"
    SEVERAL_SESSIONS = "several_sessions"
    FEW_PROCESSES = "few_processes"
    BUSY_MACHINE = "busy_machine"
    CORES_LEFT_OUT = "cores_left_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a kind of caveat does and whether a report may ever drop it."""

    effect: Effect
    sticky: bool
    text: str


_RULES: dict[CaveatKind, Rule] = {
    CaveatKind.UNTRAINED: Rule(
        effect=Effect.DEGRADE, sticky=True, text="random weights: shows the machinery, not a model"
    ),
    CaveatKind.QUICK: Rule(
        effect=Effect.DEGRADE, sticky=True, text="scored on a small seeded subset of the task set"
    ),
    CaveatKind.VIRTUAL: Rule(
        effect=Effect.DEGRADE, sticky=True, text="measured on a virtual handset, not on a phone"
    ),
    CaveatKind.FORCE_UNFIT: Rule(
        effect=Effect.DEGRADE, sticky=True, text="measured although the device was unfit"
    ),
    CaveatKind.BELOW_BOUND: Rule(
        effect=Effect.DEGRADE,
        sticky=True,
        text="the conversion lost more of the embedding than its bound allows",
    ),
    CaveatKind.UNCHECKED: Rule(
        effect=Effect.DEGRADE, sticky=True, text="the conversion was not checked on real audio"
    ),
    CaveatKind.PARTLY_DELEGATED: Rule(
        effect=Effect.NOTE,
        sticky=False,
        text="the delegate took only part of the graph, in several partitions",
    ),
    CaveatKind.NO_FRONTEND: Rule(
        effect=Effect.INVALIDATE, sticky=False, text="the latency leaves out the log-mel front-end"
    ),
    CaveatKind.FRONTEND_ADDED: Rule(
        effect=Effect.NOTE,
        sticky=False,
        text="the front-end was timed as a graph of its own and added",
    ),
    CaveatKind.SCORED_ON_HOST: Rule(
        effect=Effect.INVALIDATE,
        sticky=False,
        text="scored on the host; the outputs of this delegate were not checked",
    ),
    CaveatKind.SEVERAL_SESSIONS: Rule(
        effect=Effect.DEGRADE, sticky=False, text="the frontier joins several sessions"
    ),
    CaveatKind.FEW_PROCESSES: Rule(
        effect=Effect.DEGRADE, sticky=False, text="too few processes for a 95 % interval"
    ),
    CaveatKind.BUSY_MACHINE: Rule(
        effect=Effect.DEGRADE, sticky=False, text="other processes competed for the cores"
    ),
    CaveatKind.CORES_LEFT_OUT: Rule(
        effect=Effect.NOTE,
        sticky=False,
        text="adb's shell may not use the phone's fastest cores; an app may be faster",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Caveat:
    """One doubt about one result.

    Args:
        kind: which doubt.
        evidence: the fact that raised it, in words with units; empty where the kind says all.
    """

    kind: CaveatKind
    evidence: str = ""

    @property
    def effect(self) -> Effect:
        """What it does to the row."""
        return _RULES[self.kind].effect

    @property
    def sticky(self) -> bool:
        """Whether no report may drop it."""
        return _RULES[self.kind].sticky

    @property
    def text(self) -> str:
        """The footnote."""
        return _RULES[self.kind].text
