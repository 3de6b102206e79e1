"""The trend of one model on one device: its steps, which of them are regressions, and its drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log1p

from bench.gate.history.change_points import LEAST_STEP
from bench.gate.history.series import NightlyRun, Series
from bench.gate.verdict import Interval, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A settled step from one level to another.

    Args:
        ratio: of the level after to the one before; above 1 is slower.
        before, after: the runs around it.
        of_one_file: the candidate is the same file on both levels, so the model is not the cause.
        persists: the current level is still on that side of the level before, by at least 1 %.
    """

    ratio: Interval
    before: NightlyRun
    after: NightlyRun
    of_one_file: bool
    persists: bool

    @property
    def is_regression(self) -> bool:
        """Whether a change of the model made it slower, and it is still slower."""
        return self.ratio.value > 1 and self.persists and not self.of_one_file

    @property
    def why_not(self) -> str:
        """Why a slower step is not an alarm; empty if it is one, or if it is faster."""
        if self.of_one_file:
            return "the same file before and after: the cause is not the model, and unknown"
        return "" if self.persists else "undone since"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentChange:
    """A field of the environment that changed at the beginning of a series."""

    at: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A gate without a run of the model, and why."""

    at: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The nightly runs of one model on one device.

    Args:
        device: its name.
        series: of all environments, at least one.
        missed: gates on this device that could have measured the model and did not.
        steps: of all series, in the order of time.
    """

    device: str
    series: tuple[Series, ...]
    missed: tuple[Missed, ...]
    steps: tuple[Step, ...]

    @property
    def runs(self) -> list[NightlyRun]:
        """All runs, in the order of time."""
        runs = (run for each in self.series for run in each.runs)
        return sorted(runs, key=lambda run: run.moment)

    @property
    def last(self) -> NightlyRun:
        """The last run."""
        return _current(self.series).runs[-1]

    @property
    def level(self) -> float:
        """The current level, a log-ratio to the pinned baseline."""
        return _current(self.series).levels[-1]

    @property
    def model(self) -> str:
        """Name and format."""
        return str(self.last.finding.model)

    @property
    def is_pinned(self) -> bool:
        """Whether the last candidate is the pinned baseline's own file, which cannot drift."""
        return self.last.finding.candidate_sha256 == self.last.finding.baseline_sha256

    @property
    def has_drifted(self) -> bool:
        """Whether the last run alone shows that it is slower than the pinned baseline.

        A step below the margin passes its own gate, and so do ten such steps one after the other.
        Here their sum is tested, at the same margin.
        """
        return self.last.finding.verdict is Verdict.REGRESSED and not self.is_pinned

    @property
    def is_regressed(self) -> bool:
        """Whether there is an alarm."""
        return self.has_drifted or any(step.is_regression for step in self.steps)

    @property
    def changes(self) -> Iterator[EnvironmentChange]:
        """What changed at the beginning of each series."""
        ordered = self.runs
        for series in self.series:
            first = series.runs[0]
            before = ordered[ordered.index(first) - 1]
            for name in series.changed:
                yield EnvironmentChange(
                    at=first.started_at,
                    field=name,
                    before=_value(before, name),
                    after=_value(first, name),
                )


def trend(device: str, series: Sequence[Series], missed: Sequence[Missed] = ()) -> Trend:
    """Returns the trend of a model's series on a device."""
    level = _current(series).levels[-1]
    steps = [step for each in series for step in steps_of(each, level=level)]
    return Trend(
        device=device,
        series=tuple(series),
        missed=tuple(missed),
        steps=tuple(sorted(steps, key=lambda step: step.after.moment)),
    )


def steps_of(series: Series, *, level: float) -> Iterator[Step]:
    """Yields the settled steps of a series, in order.

    Args:
        level: the current one, a log-ratio, also of a later series: a system update after a step
            neither undoes it nor keeps it forever.
    """
    bounds = [0, *series.steps, len(series.runs)]
    for (index, ratio), start, end in zip(series.steps.items(), bounds, bounds[2:], strict=False):
        moved = level - series.levels[index - 1]
        files = {run.finding.candidate_sha256 for run in series.runs[start:end]}
        yield Step(
            ratio=ratio,
            before=series.runs[index - 1],
            after=series.runs[index],
            of_one_file=len(files) == 1,
            persists=(moved if ratio.value > 1 else -moved) >= log1p(LEAST_STEP),
        )


def _current(series: Sequence[Series]) -> Series:
    """Returns the series of the last run."""
    return max(series, key=lambda each: each.runs[-1].moment)


def _value(run: NightlyRun, field: str) -> str:
    return str(getattr(run.environment, field, run.finding.baseline_sha256))
