"""An answer as lines of text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.core import units
from bench.core.caveats import Effect
from bench.core.units import counted
from reports.decision.budgets import Keeps, Kept, Measure, amount_text
from reports.decision.intervals import Estimate, Less
from reports.decision.pick import Answer, Candidate, Choice, Option
from reports.decision.to_measure import to_measure
from reports.rows.schema import Row, grouped

_MOST_NAMES = 3  # that were left out for one reason
_NEAREST = 3  # options to show where nothing keeps the budgets


def lines(answer: Answer) -> Iterator[str]:
    """Yields an answer in words."""
    yield f"on {'; '.join(answer.places) or 'no device'}:"
    if answer.chosen is None:
        yield from _nothing(answer)
    else:
        yield from _chosen(answer, answer.chosen)
    wanted = to_measure(answer)
    if wanted:
        yield "  to be surer, measure:"
        yield from (f"    {each}" for each in wanted)
    for reason, names in grouped(answer.left_out, answer.left_out.__getitem__).items():
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        yield f"  left out: {', '.join(names[:_MOST_NAMES])}{more}: {reason}"


def document(answer: Answer) -> dict[str, Any]:
    """Returns an answer for JSON; latencies in us, sizes in bytes, shares in [0, 1]."""
    return {
        "places": list(answer.places),
        "task_set": answer.task_set,
        "best": list(answer.best),
        "budgets": [
            {"measure": each.measure.value, "limit": each.limit, "text": each.text}
            for each in answer.budgets
        ],
        "chosen": _option(answer.chosen),
        "most_accurate_probability": answer.most_accurate,
        "runner_up": _option(answer.runner_up),
        "chosen_less_runner_up": _less(answer.less),
        "wrong_choice": [
            {"name": each.name, "best_probability": each.best, "cost": each.cost}
            for each in answer.wrong_choice
        ],
        "surely": _option(answer.safe),
        "options": [_option(each) for each in answer.options],
        "left_out": dict(answer.left_out),
        "to_measure": to_measure(answer),
    }


def _chosen(answer: Answer, chosen: Option) -> Iterator[str]:
    yield f"  {chosen.name}: {_sureness(chosen)}"
    yield f"    file {chosen.parts[0].row.file.artifact_sha256}"
    for part in chosen.parts:
        where = f"{part.row.setup.device}: " if len(chosen.parts) > 1 else ""
        yield from (f"    {where}{_kept(each)}" for each in part.kept)
    row = chosen.parts[0].row
    score = Estimate(value=row.score_mean or 0.0, low=row.score_low, high=row.score_high)
    yield f"    accuracy {_percents(score)}; {_rank(answer)}"
    if any(each.measure is Measure.LOST for each in answer.budgets):
        yield f"    the most accurate of all, at any cost: {'; '.join(answer.best)}"
    if answer.runner_up is not None and answer.less is not None:
        yield f"    runner-up {answer.runner_up.name}: {_difference(answer.less)}"
    if answer.wrong_choice:
        yield f"    cost of a wrong choice: {'; '.join(map(_wrong_choice, answer.wrong_choice))}"
    if answer.safe is not None:
        lost = (chosen.score or 0.0) - (answer.safe.score or 0.0)
        points = units.points(lost).lstrip("+")
        yield f"    surely within the budgets: {answer.safe.name}, {points} points less"
    for caveat in dict.fromkeys(each for part in chosen.parts for each in part.row.caveats):
        if caveat.effect is not Effect.NOTE:
            yield f"    caveat: {caveat.text}{f' ({caveat.evidence})' if caveat.evidence else ''}"


def _sureness(option: Option) -> str:
    if option.keeps is Keeps.SURELY:
        return "surely keeps all budgets, by the 95 % intervals"
    share = option.probability
    if share is None:
        return "probably keeps all budgets (no probability: a value has no interval)"
    return f"probably keeps all budgets, {_chance(share)}"


def _rank(answer: Answer) -> str:
    count = len(answer.keepers)
    if count == 1:
        return "no other keeps them"
    return f"the most accurate of {count} that keep them, {_chance(answer.most_accurate or 0.0)}"


def _chance(share: float) -> str:
    """Returns a probability; of a finite number of draws it is never 0 or 1."""
    if share > 0.999:
        return "probability over 99.9 %"
    return f"probability {100 * share:.1f} %" if share >= 0.001 else "probability under 0.1 %"


def _wrong_choice(choice: Choice) -> str:
    """Returns what a choice costs on average, with the probability that it is the best."""
    points = units.points(choice.cost).lstrip("+")
    return f"{choice.name} {points} points on average (the best with {_chance(choice.best)})"


def _kept(kept: Kept) -> str:
    measure = kept.budget.measure
    if kept.value is None:
        return f"{kept.budget.text}: {kept.keeps} ({kept.why})"
    ends = ""
    if kept.value.ends is not None and kept.value.ends != (kept.value.value,) * 2:
        ends = f" ({' to '.join(amount_text(measure, each) for each in kept.value.ends)})"
    chance = ""
    if kept.keeps in (Keeps.PROBABLY, Keeps.UNCLEAR) and kept.probability is not None:
        chance = f", {_chance(kept.probability)}"
    why = f"; {kept.why}" if kept.why else ""
    value = amount_text(measure, kept.value.value)
    return f"{kept.budget.text}: {value}{ends}: {kept.keeps}{chance}{why}"


def _difference(less: Less) -> str:
    change = less.change
    way = "less" if change.value >= 0 else "more"
    text = f"{units.points(abs(change.value)).lstrip('+')} points {way}"
    if change.ends is None:
        return f"{text} (no interval)"
    ends = " to ".join(units.points(-each) for each in reversed(change.ends))
    how = "in pairs on the same clips" if less.paired else "intervals taken as independent"
    clips = f", {counted(less.clips, 'clip')}" if less.clips else ""
    voices = f", over {counted(less.voices, 'voice')}" if less.voices else ""
    why = f"; cannot be distinguished: {reason}" if (reason := less.not_distinguished) else ""
    return f"{text} ({ends}, {how}{clips}{voices}){why}"


def _percents(found: Estimate) -> str:
    ends = f" ({' to '.join(map(units.percent, found.ends))})" if found.ends else ""
    return f"{units.percent(found.value)} %{ends}"


def _nothing(answer: Answer) -> Iterator[str]:
    """Yields what is nearest to the budgets, those with the fewest failures first."""
    yield f"  no file keeps all budgets, of {len(answer.options)}"
    nearest = sorted(answer.options, key=lambda each: (len(_failing(each)), -(each.score or 0.0)))
    for option in nearest[:_NEAREST]:
        yield f"    {option.name}:"
        yield from (f"      {_kept(each)}" for each in _failing(option))
        if option.score is None:
            yield "      it was not scored"


def _failing(option: Option) -> list[Kept]:
    return [
        each
        for part in option.parts
        for each in part.kept
        if each.keeps in (Keeps.NO, Keeps.UNCLEAR)
    ]


def _option(option: Option | None) -> dict[str, Any] | None:
    if option is None:
        return None
    return {
        "name": option.name,
        "keeps": option.keeps.value,
        "probability": option.probability,
        "score": option.score,
        "parts": [_part(each) for each in option.parts],
    }


def _part(part: Candidate) -> dict[str, Any]:
    return {
        **_identity(part.row),
        "keeps": part.keeps.value,
        "probability": part.probability,
        "budgets": [
            {
                "measure": each.budget.measure.value,
                "keeps": each.keeps.value,
                "probability": each.probability,
                "value": each.value.value if each.value else None,
                "low": each.value.low if each.value else None,
                "high": each.value.high if each.value else None,
                "why": each.why,
            }
            for each in part.kept
        ],
        "caveats": [caveat.kind.value for caveat in part.row.caveats],
    }


def _identity(row: Row) -> dict[str, Any]:
    return {
        "student": row.file.student,
        "format": row.file.format.value,
        "artifact_sha256": row.file.artifact_sha256,
        "device": row.setup.device,
        "runner": row.setup.runner,
        "delegate": row.setup.delegate,
        "threads": row.setup.threads,
        "hop_s": row.audio_s_per_inference,
    }


def _less(less: Less | None) -> dict[str, Any] | None:
    if less is None:
        return None
    return {
        "value": less.change.value,
        "low": less.change.low,
        "high": less.change.high,
        "paired": less.paired,
        "clips": less.clips,
        "voices": less.voices,
        "seeds_apart": less.seeds_apart,
        "not_distinguished": less.not_distinguished,
    }
