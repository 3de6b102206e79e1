"""Derives outcomes and scores again from what they follow from, and names what differs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.score import Score
from bench.flow.exchange import logs
from bench.flow.exchange.logs import ImportedLog
from bench.flow.measure.judge import judge
from bench.flow.report.origin import IMPORTED
from bench.measure.outcome import Measured, Outcome
from bench.store.records import Event, Invocation, Session

_CLOSE = 1e-9  # relative; sums may be rounded in another order


def outcomes_of(
    session: Session, processes: Sequence[Invocation], events: Iterable[Event]
) -> list[Outcome]:
    """Returns the outcomes of a session's processes by raw texts: their own, or an imported log's.

    Args:
        events: of the session.

    Raises:
        ConfigurationError: the imported log has no such process.
    """
    imported = [each for each in events if each.kind == IMPORTED]
    if not imported:
        return [judge(each) for each in processes]
    log = config.structure(imported[0].facts, ImportedLog, source=f"session {session.id}")
    of_log = {(each.case.key, each.ordinal): each.outcome for each in logs.processes(log, session)}
    outcomes: list[Outcome] = []
    for each in processes:
        outcome = of_log.get((each.case.key, each.ordinal))
        if outcome is None:
            raise ConfigurationError(
                f"session {session.id}: the log {log.file} has no process {each.ordinal} of case "
                f"{each.case.key[:12]}",
                hint="import the log itself",
            )
        outcomes.append(outcome)
    return outcomes


def difference(claimed: Outcome | None, derived: Outcome) -> str | None:
    """Returns the field in which an outcome differs from what its raw text gives, and both."""
    if claimed is None:
        return "it has no outcome"
    if type(claimed) is not type(derived):
        return f"it is {_word(claimed)}, and by its raw text {_word(derived)}"
    pairs = (config.unstructure(each) for each in (claimed, derived))
    return different_field(*pairs)


def different_field(claimed: object, derived: object, where: str = "") -> str | None:
    """Returns the first place in which two JSON-like values differ, and both; ``None`` if none."""
    if isinstance(claimed, Mapping) and isinstance(derived, Mapping):
        for name in [*claimed, *(each for each in derived if each not in claimed)]:
            path = f"{where}.{name}" if where else str(name)
            found = different_field(claimed.get(name), derived.get(name), path)
            if found is not None:
                return found
        return None
    if _are_lists(claimed, derived):
        return _different_entry(list(claimed), list(derived), where)  # type: ignore[call-overload]  # checked
    if _equal(claimed, derived):
        return None
    return f"{where} is {claimed!r}, and derived again {derived!r}"


def _different_entry(
    claimed: Sequence[object], derived: Sequence[object], where: str
) -> str | None:
    if len(claimed) != len(derived):
        return f"{where} has {len(claimed)} entries, and derived again {len(derived)}"
    for index, pair in enumerate(zip(claimed, derived, strict=True)):
        found = different_field(*pair, f"{where}[{index}]")
        if found is not None:
            return found
    return None


def _are_lists(*values: object) -> bool:
    return all(isinstance(value, list | tuple) for value in values)


def _equal(claimed: object, derived: object) -> bool:
    if isinstance(claimed, bool) or isinstance(derived, bool):
        return claimed is derived
    if isinstance(claimed, int | float) and isinstance(derived, int | float):
        return math.isclose(claimed, derived, rel_tol=_CLOSE)
    return claimed == derived


def _word(outcome: Outcome) -> str:
    return "measured" if isinstance(outcome, Measured) else f"failed ({outcome.failure})"


def score_problems(score: Score) -> Iterator[str]:
    """Yields what in a score contradicts itself: a mean, or a value and its answers."""
    values = [task.value for task in score.tasks]
    if values and not _equal(score.mean, fmean(values)):
        yield f"mean is {score.mean!r}, and derived again {fmean(values)!r}"
    for task in score.tasks:
        if task.correct and not _equal(task.value, _from_answers(task.correct)):
            derived = _from_answers(task.correct)
            yield f"{task.task}: value is {task.value!r}, and by its answers {derived!r}"


def _from_answers(parts: Sequence[Mapping[str, str]]) -> float:
    """Returns a task's score by its answers: the mean over parts and labels."""
    return fmean(
        fmean(right.count("1") / len(right) for right in part.values() if right) for part in parts
    )
