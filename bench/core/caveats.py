"""Caveats of results: known reasons to trust a result less."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """The effect of a caveat: a note only, a hollow marker, or exclusion from the frontier."""

    NOTE = "note"
    DEGRADE = "degrade"
    INVALIDATE = "invalidate"


class CaveatKind(StrEnum):
    """All kinds of caveats; their effect and text are in ``_RULES``."""

    UNTRAINED = "untrained"
    QUICK = "quick"
    VIRTUAL = "virtual"
    FORCE_UNFIT = "force_unfit"
    FIXED_PERFORMANCE = "fixed_performance"
    CONDITIONS_REFUSED = "conditions_refused"
    BELOW_BOUND = "below_bound"
    BELOW_FLOOR = "below_floor"
    UNCHECKED = "unchecked"
    PARTLY_DELEGATED = "partly_delegated"
    NO_FRONTEND = "no_frontend"
    FRONTEND_ADDED = "frontend_added"
    SCORED_ON_HOST = "scored_on_host"
    WRONG_OUTPUT = "wrong_output"
    SEVERAL_SESSIONS = "several_sessions"
    FEW_PROCESSES = "few_processes"
    WIDE_INTERVAL = "wide_interval"
    CONVENTION_DIFFERS = "convention_differs"
    THREADS_CHANGE_NOTHING = "threads_change_nothing"
    INTERRUPTED = "interrupted"
    BUSY_MACHINE = "busy_machine"
    CORES_LEFT_OUT = "cores_left_out"
    THROTTLED = "throttled"
    THERMAL_OVERRIDE = "thermal_override"
    CAP_LOWERED = "cap_lowered"
    CLOCK_BELOW_CAP = "clock_below_cap"
    CLOCK_BELOW_PIN = "clock_below_pin"
    CORE_STOLEN = "core_stolen"
    BATTERY_LOW = "battery_low"
    SCREEN_CHANGED = "screen_changed"
    STATE_HIDDEN = "state_hidden"
    PROBE_DRIFTED = "probe_drifted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The effect of a kind of caveat, whether a report may leave it out, and its footnote."""

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
    CaveatKind.FIXED_PERFORMANCE: Rule(
        effect=Effect.NOTE,
        sticky=True,
        text="the clocks were held at a level that the phone can sustain",
    ),
    CaveatKind.CONDITIONS_REFUSED: Rule(
        effect=Effect.NOTE,
        sticky=False,
        text="the phone refused some of the settings for measuring",
    ),
    CaveatKind.BELOW_BOUND: Rule(
        effect=Effect.DEGRADE,
        sticky=True,
        text="the conversion lost more of the embedding than its bound allows",
    ),
    CaveatKind.BELOW_FLOOR: Rule(
        effect=Effect.NOTE,
        sticky=True,
        text="scores less than mean and deviation of a log-mel spectrogram do",
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
    CaveatKind.WRONG_OUTPUT: Rule(
        effect=Effect.INVALIDATE,
        sticky=True,
        text="the device does not compute what the host does",
    ),
    CaveatKind.SEVERAL_SESSIONS: Rule(
        effect=Effect.DEGRADE, sticky=False, text="the frontier joins several sessions"
    ),
    CaveatKind.FEW_PROCESSES: Rule(
        effect=Effect.DEGRADE, sticky=False, text="too few processes for a 95 % interval"
    ),
    CaveatKind.WIDE_INTERVAL: Rule(
        effect=Effect.NOTE, sticky=False, text="the 95 % interval is wider than was asked for"
    ),
    CaveatKind.CONVENTION_DIFFERS: Rule(
        effect=Effect.NOTE,
        sticky=False,
        text="one process of fifty runs, benchmark_model's default, gives another latency",
    ),
    CaveatKind.THREADS_CHANGE_NOTHING: Rule(
        effect=Effect.NOTE, sticky=False, text="more threads made no difference"
    ),
    CaveatKind.INTERRUPTED: Rule(
        effect=Effect.NOTE, sticky=False, text="the sustained run paused, and the device cooled"
    ),
    CaveatKind.BUSY_MACHINE: Rule(
        effect=Effect.DEGRADE, sticky=False, text="other processes competed for the cores"
    ),
    CaveatKind.CORES_LEFT_OUT: Rule(
        effect=Effect.NOTE,
        sticky=False,
        text="adb's shell may not use the phone's fastest cores; an app may be faster",
    ),
    CaveatKind.THROTTLED: Rule(
        effect=Effect.INVALIDATE,
        sticky=False,
        text="the device was so hot that it was throttled, or nearly",
    ),
    CaveatKind.THERMAL_OVERRIDE: Rule(
        effect=Effect.INVALIDATE, sticky=False, text="the thermal status was set by hand"
    ),
    CaveatKind.CAP_LOWERED: Rule(
        effect=Effect.INVALIDATE, sticky=False, text="the cores could not reach their full clock"
    ),
    CaveatKind.CLOCK_BELOW_CAP: Rule(
        effect=Effect.NOTE,
        sticky=False,
        text="the cores ran below their full clock for some of the time",
    ),
    CaveatKind.CLOCK_BELOW_PIN: Rule(
        effect=Effect.INVALIDATE,
        sticky=False,
        text="the cores did not hold the clock that was asked for",
    ),
    CaveatKind.CORE_STOLEN: Rule(
        effect=Effect.INVALIDATE, sticky=False, text="other processes used the cores meanwhile"
    ),
    CaveatKind.BATTERY_LOW: Rule(
        effect=Effect.INVALIDATE,
        sticky=False,
        text="the battery was so low that the device may save power",
    ),
    CaveatKind.SCREEN_CHANGED: Rule(
        effect=Effect.INVALIDATE, sticky=False, text="the screen went on or off meanwhile"
    ),
    CaveatKind.STATE_HIDDEN: Rule(
        effect=Effect.NOTE, sticky=False, text="the device shows neither its heat nor its clocks"
    ),
    CaveatKind.PROBE_DRIFTED: Rule(
        effect=Effect.NOTE,
        sticky=False,
        text="a tiny fixed model that was timed between the processes did not stay as fast",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Caveat:
    """One known reason to trust one result less.

    Args:
        evidence: the fact that raised it, in words with units; empty if the kind is enough.
    """

    kind: CaveatKind
    evidence: str = ""

    @property
    def effect(self) -> Effect:
        """Its effect on the row."""
        return _RULES[self.kind].effect

    @property
    def sticky(self) -> bool:
        """Whether no report may leave it out."""
        return _RULES[self.kind].sticky

    @property
    def text(self) -> str:
        """Its footnote."""
        return _RULES[self.kind].text
