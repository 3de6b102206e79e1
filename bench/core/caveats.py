"""Caveats of results: known reasons to trust a result less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

APART = " | "  # between the evidence of two caveats


class Effect(StrEnum):
    """The effect of a caveat: a note only, a hollow marker, or exclusion from the frontier."""

    NOTE = "note"
    DEGRADE = "degrade"
    INVALIDATE = "invalidate"


class CaveatKind(StrEnum):
    """All kinds of caveats; their effect and text are in ``_FOOTNOTES``."""

    UNTRAINED = "untrained"
    QUICK = "quick"
    SPEAKERS_SHARED = "speakers_shared"
    SPEAKERS_UNKNOWN = "speakers_unknown"
    CLIPS_LEFT_OUT = "clips_left_out"
    ODD_AUDIO = "odd_audio"
    ONE_CLASS_TESTED = "one_class_tested"
    ONE_VOICE = "one_voice"
    TWO_VOICES = "two_voices"
    HEARD_IN_TRAINING = "heard_in_training"
    INCOMPLETE_DATA = "incomplete_data"
    BEST_ON_TEST = "best_on_test"
    IMPORTED = "imported"
    VIRTUAL = "virtual"
    FORCE_UNFIT = "force_unfit"
    FIXED_PERFORMANCE = "fixed_performance"
    WARM_CACHE = "warm_cache"
    CACHE_NOT_READ = "cache_not_read"
    CONDITIONS_REFUSED = "conditions_refused"
    MAKERS_MODE = "makers_mode"
    BELOW_BOUND = "below_bound"
    BELOW_FLOOR = "below_floor"
    UNCHECKED = "unchecked"
    MISSING_OPERATOR = "missing_operator"
    OTHER_RATE = "other_rate"
    INPUT_SHAPE = "input_shape"
    INPUT_VALUES = "input_values"
    SIGNATURE = "signature"
    PARTLY_DELEGATED = "partly_delegated"
    NO_FRONTEND = "no_frontend"
    FRONTEND_ADDED = "frontend_added"
    WHOLE_WINDOW = "whole_window"
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
    CAP_STANDS = "cap_stands"
    CLOCK_BELOW_CAP = "clock_below_cap"
    CLOCK_BELOW_PIN = "clock_below_pin"
    CORE_STOLEN = "core_stolen"
    RAN_ELSEWHERE = "ran_elsewhere"
    BATTERY_LOW = "battery_low"
    SCREEN_CHANGED = "screen_changed"
    SCREEN_OFF = "screen_off"
    STATE_HIDDEN = "state_hidden"
    PROBE_DRIFTED = "probe_drifted"


# The footnote of each kind, by its effect.
_FOOTNOTES: dict[Effect, dict[CaveatKind, str]] = {
    Effect.NOTE: {
        CaveatKind.MISSING_OPERATOR: "needs an operator that no runtime here has",
        CaveatKind.OTHER_RATE: "takes audio at another rate than the 16 kHz of all audio here",
        CaveatKind.INPUT_SHAPE: "an input has a shape that was set, by a flag or by the role",
        CaveatKind.INPUT_VALUES: "its input was not the tool's usual random values",
        CaveatKind.SIGNATURE: "the file has several signatures; one was measured",
        CaveatKind.FIXED_PERFORMANCE: "Android's fixed performance mode was on",
        CaveatKind.WARM_CACHE: (
            "an earlier process had written the delegate's cache, so the start-up is a warm one"
        ),
        CaveatKind.CONDITIONS_REFUSED: "the phone refused some of the settings for measuring",
        CaveatKind.MAKERS_MODE: "a power mode of the phone's maker was on",
        CaveatKind.PARTLY_DELEGATED: (
            "the delegate took only part of the graph, in several partitions"
        ),
        CaveatKind.FRONTEND_ADDED: "the front-end was timed as a graph of its own and added",
        CaveatKind.WHOLE_WINDOW: (
            "each inference computes the front-end of its whole window; a stream file computes "
            "only the new frames of a hop"
        ),
        CaveatKind.SPEAKERS_UNKNOWN: (
            "no speakers were named, so the same voice may be trained on and tested"
        ),
        CaveatKind.CLIPS_LEFT_OUT: "some files of the task's audio were left out",
        CaveatKind.ODD_AUDIO: "some clips of the task are odd",
        CaveatKind.HEARD_IN_TRAINING: (
            "audio of the task is among the packages that students are trained on, without labels"
        ),
        CaveatKind.ONE_CLASS_TESTED: "a single class is tested, so the score is its recall",
        CaveatKind.ONE_VOICE: (
            "a task is tested on one voice, so its score holds for that voice only"
        ),
        CaveatKind.TWO_VOICES: (
            "a task is tested on two voices, which are too few for an interval over voices"
        ),
        CaveatKind.WIDE_INTERVAL: "the 95 % interval is wider than was asked for",
        CaveatKind.CONVENTION_DIFFERS: (
            "one process of fifty runs, benchmark_model's default, gives another latency"
        ),
        CaveatKind.THREADS_CHANGE_NOTHING: "more threads made no difference",
        CaveatKind.INTERRUPTED: "the sustained run paused, and the device cooled",
        CaveatKind.CORES_LEFT_OUT: (
            "cores of the phone, perhaps its fastest, were offline or closed to adb's shell; "
            "an app may be faster"
        ),
        CaveatKind.CAP_STANDS: (
            "the cores could not reach their full clock, from the start on and on a cool device"
        ),
        CaveatKind.CLOCK_BELOW_CAP: "the cores ran below their full clock for some of the time",
        CaveatKind.STATE_HIDDEN: "the device shows neither its heat nor its clocks",
        CaveatKind.PROBE_DRIFTED: (
            "a tiny fixed model that was timed between the processes did not stay as fast"
        ),
    },
    Effect.DEGRADE: {
        CaveatKind.UNTRAINED: "random weights: shows the machinery, not a model",
        CaveatKind.QUICK: "scored on a small seeded subset of the task set",
        CaveatKind.SPEAKERS_SHARED: (
            "the head was trained on speakers that are tested: new voices score less"
        ),
        CaveatKind.INCOMPLETE_DATA: "the copy of the data differs from the published one",
        CaveatKind.BEST_ON_TEST: (
            "the best of several heads on the very clips that it is tested on, as NOSS reports: "
            "new clips score less, and the interval leaves out the choice of the head"
        ),
        CaveatKind.IMPORTED: "from a log that was imported: what was not in it is unknown",
        CaveatKind.VIRTUAL: "measured on a virtual handset, not on a phone",
        CaveatKind.FORCE_UNFIT: "measured although the device was unfit",
        CaveatKind.BELOW_BOUND: "the conversion lost more of the embedding than its bound allows",
        CaveatKind.UNCHECKED: "the conversion was not checked on real audio",
        CaveatKind.SEVERAL_SESSIONS: "the frontier joins several sessions",
        CaveatKind.CACHE_NOT_READ: (
            "not every process read the delegate's cache, so the start-up is partly a cold one"
        ),
        CaveatKind.FEW_PROCESSES: "too few processes for a 95 % interval",
        CaveatKind.BUSY_MACHINE: "other processes competed for the cores",
        CaveatKind.SCREEN_OFF: "the phone was not awake, so it may have lost cores and clocks",
    },
    Effect.INVALIDATE: {
        CaveatKind.NO_FRONTEND: "the latency leaves out the log-mel front-end",
        CaveatKind.SCORED_ON_HOST: (
            "scored on the host; the outputs of this delegate were not checked"
        ),
        CaveatKind.BELOW_FLOOR: "scores less than mean and deviation of a log-mel spectrogram do",
        CaveatKind.WRONG_OUTPUT: "the device does not compute what the host does",
        CaveatKind.THROTTLED: "the device was so hot that it was throttled, or nearly",
        CaveatKind.THERMAL_OVERRIDE: "the thermal status was set by hand",
        CaveatKind.CAP_LOWERED: "the cores could not reach their full clock",
        CaveatKind.CLOCK_BELOW_PIN: "the cores did not hold the clock that was asked for",
        CaveatKind.CORE_STOLEN: "other processes used the cores meanwhile",
        CaveatKind.RAN_ELSEWHERE: "it ran on other cores than those that it was pinned to",
        CaveatKind.BATTERY_LOW: "the battery was so low that the device may save power",
        CaveatKind.SCREEN_CHANGED: "the screen went on or off meanwhile",
    },
}
_STICKY = frozenset(
    {
        CaveatKind.UNTRAINED,
        CaveatKind.QUICK,
        CaveatKind.INCOMPLETE_DATA,
        CaveatKind.BEST_ON_TEST,
        CaveatKind.IMPORTED,
        CaveatKind.VIRTUAL,
        CaveatKind.FORCE_UNFIT,
        CaveatKind.FIXED_PERFORMANCE,
        CaveatKind.WARM_CACHE,
        CaveatKind.CACHE_NOT_READ,
        CaveatKind.BELOW_BOUND,
        CaveatKind.BELOW_FLOOR,
        CaveatKind.UNCHECKED,
        CaveatKind.WRONG_OUTPUT,
    }
)
_EFFECTS = {kind: effect for effect, texts in _FOOTNOTES.items() for kind in texts}


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
        return _EFFECTS[self.kind]

    @property
    def sticky(self) -> bool:
        """Whether no report may leave it out."""
        return self.kind in _STICKY

    @property
    def text(self) -> str:
        """Its footnote."""
        return _FOOTNOTES[self.effect][self.kind]


def kinds_text(caveats: Iterable[Caveat]) -> str:
    """Returns the kinds, each once, joined by semicolons."""
    return ";".join(sorted({caveat.kind.value for caveat in caveats}))


def evidence_text(caveats: Iterable[Caveat]) -> str:
    """Returns ``kind: evidence`` of each caveat that has any."""
    return APART.join(
        f"{caveat.kind}: {caveat.evidence}" for caveat in sorted(set(caveats)) if caveat.evidence
    )
