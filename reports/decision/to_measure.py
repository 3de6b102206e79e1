"""What would have to be measured to make an answer surer, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.core.units import counted
from reports.decision.budgets import Keeps, Kept, Measure
from reports.decision.intervals import Less
from reports.decision.pick import Answer, Candidate, Option

_MOST = 6  # sentences
_FAR = 100  # times as much as was measured: not worth asking for
_TIMED = (Measure.LATENCY, Measure.INFERENCE, Measure.CORE)


def to_measure(answer: Answer) -> list[str]:
    """Returns what would make the answer surer, the most useful first."""
    found = list(dict.fromkeys(_all(answer)))
    left = len(found) - _MOST
    return [*found[:_MOST], *([f"and {left} more like these"] if left > 0 else [])]


def _all(answer: Answer) -> Iterator[str]:
    chosen, runner_up = answer.chosen, answer.runner_up
    if chosen is not None:
        yield from _of_option(chosen)
    if chosen is not None and runner_up is not None and answer.less is not None:
        yield from _clips(chosen, runner_up, answer.less)
    for option in answer.options:
        if option.keeps is Keeps.UNCLEAR and _could_be_better(option, chosen):
            yield from _of_option(option)


def _could_be_better(option: Option, chosen: Option | None) -> bool:
    """Returns whether an option is perhaps more accurate than the chosen one."""
    if chosen is None or option.score is None:
        return True
    high = option.parts[0].row.score_high
    return (option.score if high is None else high) > (chosen.score or 0.0)


def _of_option(option: Option) -> Iterator[str]:
    several = len(option.parts) > 1
    for part in option.parts:
        where = f" on {part.row.setup.device}" if several else ""
        for kept in part.kept:
            yield from _of_budget(part, kept, where)


def _of_budget(part: Candidate, kept: Kept, where: str) -> Iterator[str]:
    if kept.keeps not in (Keeps.PROBABLY, Keeps.UNCLEAR):
        return
    if kept.value is None:
        yield f"{part.name}{where}: {kept.budget.measure}: {kept.why}"
    elif kept.budget.measure is Measure.CORE and kept.why:
        yield f"{part.name}{where}: {kept.why}: frill-bench run --streaming"
    elif kept.budget.measure in _TIMED:
        yield f"{part.name}{where}: {_processes(part, kept)}"
    elif kept.budget.measure is not Measure.MEMORY:  # whose highest value needs no more of it
        clips = None if part.row.answers is None else len(part.row.answers.right)
        yield f"{part.name}: {_more_clips(_times_as_much(kept), clips)} for {kept.budget.measure}"


def _processes(part: Candidate, kept: Kept) -> str:
    times = _times_as_much(kept)
    now = counted(part.row.processes, "process")
    if times is None:
        return f"more processes (now {now}), for an interval: frill-bench run --processes 10"
    if times > _FAR:
        return "its latency is the budget itself: no number of processes helps"
    wanted = math.ceil(times * part.row.processes) + 1
    return f"about {wanted} processes instead of {part.row.processes}: --processes {wanted}"


def _clips(chosen: Option, runner_up: Option, less: Less) -> Iterator[str]:
    """Yields how many test clips or voices would show which of both is more accurate."""
    change = less.change
    if change.ends is None or change.ends[0] > 0 or change.value == 0:
        return
    times = ((change.value - change.ends[0]) / change.value) ** 2
    needed = _more_voices(times, less.voices) if less.voices else _more_clips(times, less.clips)
    yield f"{needed} to distinguish {chosen.name} from {runner_up.name}"


def _more_voices(times: float, voices: int) -> str:
    """Returns how many voices are needed: more clips of the same ones show little of others."""
    if times > _FAR:
        return "more voices than anybody has (over 100 times as many) are needed"
    return f"clips of about {math.ceil(times * voices)} voices instead of {voices} are needed"


def _more_clips(times: float | None, clips: int | None) -> str:
    """Returns how many clips are needed: an interval is as narrow as the root of their number."""
    if times is None:
        return "a score with an interval is needed"
    if times > _FAR:
        return "more test clips than anybody has (over 100 times as many) are needed"
    if clips is None:
        return f"about {times:.1f} times as many test clips are needed"
    return f"about {math.ceil(times * clips)} test clips instead of {clips} are needed"


def _times_as_much(kept: Kept) -> float | None:
    """Returns how many times as much evidence would move the interval off the budget."""
    value = kept.value
    if value is None or value.ends is None:
        return None
    distance = abs(kept.budget.limit - value.value)
    above = kept.budget.limit >= value.value
    half = value.ends[1] - value.value if above else value.value - value.ends[0]
    return math.inf if distance == 0 else (half / distance) ** 2
