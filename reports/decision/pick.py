"""The most accurate file that keeps all budgets, how sure that is, and what would make it surer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import numpy as np

from bench.core.caveats import Effect
from bench.core.config import near
from bench.core.errors import ConfigurationError
from reports.decision.budgets import Budget, Keeps, Kept, Measure, keep
from reports.decision.intervals import Less, score_less
from reports.rows.frontier import point_of
from reports.rows.membership import draws
from reports.rows.names import row_names
from reports.rows.schema import Row, Stream, grouped

_SUREST_FIRST = list(Keeps)
_ALIKE = 1e-9  # scores nearer than this are equal
# Budgets of one group are kept or not together, so that their probabilities are not multiplied.
_TOGETHER = (
    (Measure.LATENCY, Measure.INFERENCE, Measure.CORE),
    (Measure.LOST, Measure.ACCURACY),
    (Measure.SIZE,),
    (Measure.MEMORY,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row against all budgets."""

    row: Row
    name: str
    kept: tuple[Kept, ...]

    @property
    def keeps(self) -> Keeps:
        """How surely it keeps all of them: as surely as the least sure one."""
        return _least(each.keeps for each in self.kept)

    @property
    def probability(self) -> float | None:
        """The probability that it keeps all of them; ``None`` where one is not known."""
        known: dict[Measure, float] = {}
        for each in self.kept:
            if each.probability is None:
                return None
            measure = each.budget.measure
            known[measure] = min(each.probability, known.get(measure, 1.0))
        return prod(
            min((known[each] for each in together if each in known), default=1.0)
            for together in _TOGETHER
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What could be shipped: a row, or the rows of one file in one setup on all devices."""

    parts: tuple[Candidate, ...]

    @property
    def name(self) -> str:
        """The name of its file, and how it is run where rows differ in that."""
        return self.parts[0].name

    @property
    def keeps(self) -> Keeps:
        """How surely it keeps all budgets everywhere."""
        return _least(part.keeps for part in self.parts)

    @property
    def probability(self) -> float | None:
        """The probability of that; ``None`` where a part's is not known."""
        known = [part.probability for part in self.parts]
        return None if None in known else prod(each for each in known if each is not None)

    @property
    def score(self) -> float | None:
        """The accuracy, the lowest of all parts, in [0, 1]; ``None`` if one is not scored."""
        scores = [part.row.score_mean for part in self.parts]
        return None if None in scores else min(each for each in scores if each is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A file among those that keep the budgets, as what if it were shipped.

    Args:
        best: the probability that none of the others is more accurate, in [0, 1].
        cost: how much less accurate than the best it is on average over all draws, in [0, 1].
    """

    name: str
    best: float
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer on one device and runner, or for the worst of several.

    Args:
        places: device and runner of each part of an option, as text.
        task_set: of the scores; ``None`` where nothing was scored.
        best: names of the most accurate of all in each place, whatever they cost.
        chosen: the most accurate option whose estimates keep all budgets.
        most_accurate: the probability that it is the most accurate of those.
        runner_up: the next one, another file.
        less: the score of ``chosen`` less that of ``runner_up``.
        wrong_choice: what ``chosen`` and ``runner_up`` cost if they are not the best; empty where
            nothing else keeps the budgets.
        safe: the most accurate option that surely keeps all budgets, if that is another one.
        options: all of them, those that keep the budgets first.
        left_out: name of each row that may not be chosen, to its reason.
    """

    places: tuple[str, ...]
    task_set: str | None
    best: tuple[str, ...]
    budgets: tuple[Budget, ...]
    chosen: Option | None
    most_accurate: float | None
    runner_up: Option | None
    less: Less | None
    wrong_choice: tuple[Choice, ...]
    safe: Option | None
    options: tuple[Option, ...]
    left_out: Mapping[str, str]

    @property
    def keepers(self) -> tuple[Option, ...]:
        """The options whose estimates keep all budgets, the most accurate first."""
        return _keepers(self.options)


def answers(
    rows: Sequence[Row], budgets: Sequence[Budget], *, streams: Mapping[Row, Stream] | None = None
) -> list[Answer]:
    """Returns an answer for each device, runner, task set and way of scoring."""
    return [
        _answer([here], [Option(parts=(each,)) for each in here.candidates], budgets)
        for here in _by_place(rows, budgets, streams or {})
    ]


def answer_for_worst(
    rows: Sequence[Row], budgets: Sequence[Budget], *, streams: Mapping[Row, Stream] | None = None
) -> Answer:
    """Returns the answer for the worst device: what keeps the budgets on every one.

    What is chosen is a file at a hop, with a delegate and a number of threads; where a device has
    several rows of that, the one that keeps the budgets most surely.

    Raises:
        ConfigurationError: the scores are on several task sets or by several rules.
    """
    scored = {(row.score_task_set, row.score_rule) for row in rows if row.score_task_set}
    if len(scored) > 1:
        names = "; ".join(sorted(", ".join(filter(None, each)) for each in scored))
        raise ConfigurationError(
            f"scores of several task sets or rules are not comparable: {names}",
            hint="score all files on one task set, or ask for each device alone",
        )
    places = _by_place(rows, budgets, streams or {})
    ways = [grouped(here.candidates, lambda each: _shipped(each.row)) for here in places]
    options, missing = [], {}
    for way, first in (ways[0] if ways else {}).items():
        if all(way in at_place for at_place in ways):
            options.append(Option(parts=tuple(_surest(each[way]) for each in ways)))
        else:
            missing[first[0].name] = "it was not measured on every device"
    return _answer(places, options, budgets, missing)


def on_devices(rows: Sequence[Row], wanted: Sequence[str]) -> list[Row]:
    """Returns the rows of devices, named in full or by how their names begin; all without any.

    Raises:
        ConfigurationError: there are no rows, or none of a device, or of several.
    """
    devices = sorted({row.setup.device for row in rows})
    if not devices:
        raise ConfigurationError(
            "nothing was measured there of a file with a manifest",
            hint="measure first: frill-bench run",
        )
    kept = set()
    for name in wanted:
        found = [each for each in devices if each == name]
        found = found or [each for each in devices if each.casefold().startswith(name.casefold())]
        if len(found) != 1:
            what = "several devices begin so" if found else "no such device"
            raise ConfigurationError(
                f"device {name}: {what}{near(name, devices)}",
                hint=f"there are: {'; '.join(devices)}",
            )
        kept.add(found[0])
    return [row for row in rows if not wanted or row.setup.device in kept]


def reason_left_out(row: Row) -> str:
    """Returns why a row may not be chosen at all; empty if it may."""
    invalid = [each.text for each in row.caveats if each.effect is Effect.INVALIDATE]
    return invalid[0] if invalid else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A device, a runner and a way of scoring: what may be compared."""

    name: str
    candidates: tuple[Candidate, ...]
    best: str
    left_out: Mapping[str, str]


def _by_place(
    rows: Sequence[Row], budgets: Sequence[Budget], streams: Mapping[Row, Stream]
) -> list[_Place]:
    found = []
    for place, here in grouped(rows, lambda row: (row.setup.device, row.setup.timed_by)).items():
        scored = {(row.score_task_set, row.score_rule) for row in here if row.score_task_set}
        ways: list[tuple[str | None, str | None]] = [*sorted(scored, key=str)]
        for way in ways or [(None, None)]:
            alike = [row for row in here if (row.score_task_set, row.score_rule) == way]
            unscored = [row for row in here if row.score_task_set is None and scored]
            found.append(_place(", ".join(place), [*alike, *unscored], budgets, streams))
    return found


def _place(
    name: str, rows: Sequence[Row], budgets: Sequence[Budget], streams: Mapping[Row, Stream]
) -> _Place:
    names = {row: f"{short} {row.file.format}" for row, short in row_names(rows).items()}
    allowed = [row for row in rows if not reason_left_out(row)]
    best = max(
        (row for row in allowed if row.score_mean is not None),
        key=lambda row: (row.score_mean or 0.0, -row.size_bytes, row.file.name),
        default=None,
    )
    candidates = [
        Candidate(
            row=row,
            name=names[row],
            kept=tuple(keep(row, each, best=best, stream=streams.get(row)) for each in budgets),
        )
        for row in allowed
    ]
    return _Place(
        name=name,
        candidates=tuple(candidates),
        best=names[best] if best else "",
        left_out={names[row]: why for row in rows if (why := reason_left_out(row))},
    )


def _answer(
    places: Sequence[_Place],
    options: Sequence[Option],
    budgets: Sequence[Budget],
    missing: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    ordered = sorted(options, key=_order)
    keepers = _keepers(ordered)
    chosen = keepers[0] if keepers else None
    sha256 = chosen.parts[0].row.file.artifact_sha256 if chosen else ""
    others = [each for each in keepers if each.parts[0].row.file.artifact_sha256 != sha256]
    runner_up = others[0] if others else None
    choices = _choices(keepers)
    surely = [each for each in keepers if each.keeps is Keeps.SURELY]
    rows = [part.row for each in ordered for part in each.parts]
    left_out = {name: why for here in places for name, why in here.left_out.items()}
    return Answer(
        places=tuple(here.name for here in places),
        task_set=next(filter(None, (row.score_task_set for row in rows)), None),
        best=tuple(dict.fromkeys(here.best for here in places if here.best)),
        budgets=tuple(budgets),
        chosen=chosen,
        most_accurate=choices[0].best if choices else None,
        runner_up=runner_up,
        less=score_less(chosen.parts[0].row, runner_up.parts[0].row)
        if chosen and runner_up
        else None,
        wrong_choice=(choices[0], choices[keepers.index(runner_up)]) if runner_up else (),
        safe=surely[0] if surely and surely[0] is not chosen else None,
        options=tuple(ordered),
        left_out={**left_out, **missing},
    )


def _keepers(options: Sequence[Option]) -> tuple[Option, ...]:
    keeping = (Keeps.SURELY, Keeps.PROBABLY)
    return tuple(each for each in options if each.keeps in keeping and each.score is not None)


def _order(option: Option) -> tuple[object, ...]:
    """Returns what options are sorted by: accuracy; of equals the faster, then the smaller."""
    first = option.parts[0].row
    slowest = max(part.row.latency_us_per_audio_s or np.inf for part in option.parts)
    score = -1.0 if option.score is None else option.score
    return (
        option.keeps not in (Keeps.SURELY, Keeps.PROBABLY),
        -round(score, 9), slowest, first.size_bytes, option.name, first.case_key,
    )  # fmt: skip


def _choices(keepers: Sequence[Option]) -> list[Choice]:
    """Returns how probably each keeper is the most accurate, and what it costs if it is not."""
    if not keepers:
        return []
    points = [point_of(each.parts[0].row, each.name, 1.0, 1.0, 1.0) for each in keepers]
    scores = draws(points).scores
    cost = scores.max(axis=1)[:, None] - scores
    best = np.mean(cost <= _ALIKE, axis=0)
    return [
        Choice(name=each.name, best=float(share), cost=float(mean))
        for each, share, mean in zip(keepers, best, np.mean(cost, axis=0), strict=True)
    ]


def _shipped(row: Row) -> tuple[object, ...]:
    return (
        row.file.artifact_sha256, row.audio_s_per_inference, row.setup.delegate,
        row.setup.threads,
    )  # fmt: skip


def _surest(candidates: Sequence[Candidate]) -> Candidate:
    return min(
        candidates,
        key=lambda each: (
            _SUREST_FIRST.index(each.keeps),
            -(each.probability or 0.0),
            each.row.latency_us_per_audio_s or np.inf,
            each.row.case_key,
        ),
    )


def _least(each: Iterable[Keeps]) -> Keeps:
    return max(each, key=_SUREST_FIRST.index, default=Keeps.SURELY)
