"""Nights of models beside their anchors, out of the logs of gates alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import exp
from pathlib import Path
from statistics import median

from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.units import counted
from bench.gate.change_points import levels, settled
from bench.gate.drift import drift
from bench.gate.log import Log
from bench.gate.records import Block, Failed, Unmeasured
from bench.gate.series import Night, Series, nights, series
from bench.gate.steps import Step, steps
from reports.gate.rows import Estimate
from reports.history import Nightly
from reports.standings import Change, Missed, Move, Standing

_UNCHANGED = "equal files, not measured; frill-bench gate --measure-unchanged does it"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One model's nights on one device.

    Args:
        logs: by session, of all its nights.
        missed: nights on which it could have been measured and was not.
    """

    model: str
    device: str
    series: tuple[Series, ...]
    logs: Mapping[str, Log]
    missed: tuple[Missed, ...] = ()

    @property
    def current(self) -> Series:
        """The series of the last night."""
        return max(self.series, key=lambda each: each.nights[-1].moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """What logs say of the models of an anchor.

    Args:
        notes: sentences about what was left out.
    """

    models: tuple[History, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Collected:
    """What is known of one model on one device so far."""

    device: str = ""
    nights: list[Night] = field(default_factory=list)
    logs: dict[str, Log] = field(default_factory=dict)


def histories(logs: Mapping[Path, Log], anchor: Collection[str] | None) -> Histories:
    """Returns the nights of each model on each device, in the order of names.

    Args:
        anchor: SHA-256 of its files; ``None`` takes the only baseline that each model has.

    Raises:
        ConfigurationError: a model has several baselines and no anchor is given.
    """
    if anchor is None:
        anchor = _only_baselines(logs.values())
    found: dict[tuple[str, str], _Collected] = {}
    notes = []
    mine = [(path, log) for path, log in logs.items() if _baselines(log) & set(anchor)]
    told = []
    for path, log in sorted(mine, key=lambda each: each[1].opened.started_at):
        try:
            own = nights(log)
        except ConfigurationError as error:
            notes.append(f"{path}: {error.message}: left out")
            continue
        told.append(log)
        for night in own:
            if night.anchor_sha256 in anchor:
                kept = found.setdefault((night.model, night.environment.device_unit), _Collected())
                kept.device = str(log.opened.device.get("name") or night.environment.device_unit)
                kept.nights.append(night)
                kept.logs[night.session_id] = log
    if len(logs) > len(mine):
        notes.append(f"{counted(len(logs) - len(mine), 'log')} of other baselines: left out")
    return Histories(
        models=tuple(
            History(
                model=model,
                device=kept.device,
                series=series(kept.nights),
                logs=kept.logs,
                missed=tuple(_missed(model, unit, kept, told)),
            )
            for (model, unit), kept in sorted(found.items())
        ),
        notes=tuple(notes),
    )


def standing(history: History) -> Standing:
    """Returns where a model stands: its last night, its steps, its drift from the anchor."""
    now = history.current
    last = now.nights[-1]
    gate = history.logs[last.session_id]
    told = drift(last, gate)
    level = float(levels(now.log_ratios, settled(now.log_ratios))[-1])
    found = [step for each in history.series for step in steps(each, now=level)]
    return Standing(
        model=history.model,
        device=history.device,
        anchor_sha256=last.anchor_sha256,
        nights=sum(len(each.nights) for each in history.series),
        series=len(history.series),
        last_at=last.started_at,
        revision=_revision(last),
        last=_estimate(last),
        level_ratio=exp(level),
        steps=tuple(map(_move, sorted(found, key=lambda step: step.after.moment))),
        drift=told.verdict.value,
        doubt=told.doubt.value if told.doubt else "",
        margin=gate.opened.rule.margin,
        is_anchor=last.candidate_sha256 == last.anchor_sha256,
        changes=tuple(_changes(history)),
        missed=history.missed,
        doubts=tuple(sorted(_doubts(history).items())),
    )


def rows(history: History) -> list[Nightly]:
    """Returns a row a night, in the order of time."""
    found = []
    for number, each in enumerate(history.series, start=1):
        log_ratios = each.log_ratios
        points = settled(log_ratios)
        step_at = {point.night: point for point in points}
        level = levels(log_ratios, points)
        for index, night in enumerate(each.nights):
            last = _estimate(night)
            step = step_at.get(index)
            candidate_us, anchor_us = _medians_us(history.logs[night.session_id], night.model)
            row = Nightly(
                model=history.model,
                device=history.device,
                started_at=night.started_at,
                session=night.session_id,
                revision=_revision(night),
                series=number,
                changed=";".join(each.changed) if index == 0 else "",
                ratio=last.value,
                ratio_low=last.low,
                ratio_high=last.high,
                level_ratio=exp(level[index]),
                step_ratio=step.ratio if step else None,
                step_ratio_low=step.low if step else None,
                step_ratio_high=step.high if step else None,
                candidate_us=candidate_us,
                anchor_us=anchor_us,
                caveats=";".join(_caveats(history.logs[night.session_id], night)),
            )
            found.append((night.moment, row))
    return [row for _, row in sorted(found, key=lambda each: each[0])]


def _only_baselines(logs: Iterable[Log]) -> set[str]:
    """Returns the baselines of all models, each of which has one."""
    of_model: dict[str, dict[str, int]] = {}
    for pair in (pair for log in logs for pair in log.opened.models):
        gates = of_model.setdefault(pair.key, {})
        gates[pair.baseline_sha256] = gates.get(pair.baseline_sha256, 0) + 1
    for model, gates in of_model.items():
        if len(gates) > 1:
            told = [f"{sha256[:12]} in {counted(many, 'log')}" for sha256, many in gates.items()]
            raise ConfigurationError(
                f"{model} has several baselines: {', '.join(told)}",
                hint="say which files its nights are measured against: --anchor REF",
            )
    return {sha256 for gates in of_model.values() for sha256 in gates}


def _baselines(log: Log) -> set[str]:
    return {pair.baseline_sha256 for pair in log.opened.models}


def _missed(model: str, unit: str, kept: _Collected, logs: Iterable[Log]) -> Iterator[Missed]:
    for log in logs:
        opened = log.opened
        if opened.session_id in kept.logs or unit not in map(opened.device.get, ("serial", "name")):
            continue
        failed = {each.model: each.reason for each in log.entries if isinstance(each, Failed)}
        if opened.unmeasured.get(model) is Unmeasured.UNCHANGED:
            yield Missed(at=opened.started_at, why=_UNCHANGED)
        elif model in failed:
            yield Missed(at=opened.started_at, why=f"failed: {failed[model]}")
        elif any(pair.key == model for pair in opened.models):
            yield Missed(at=opened.started_at, why=f"no block was measured: {log.closed or 'open'}")


def _changes(history: History) -> Iterator[Change]:
    """Yields what was another in each series than on the night before it."""
    ordered = sorted(
        (night for each in history.series for night in each.nights), key=lambda each: each.moment
    )
    for each in history.series:
        first = each.nights[0]
        before = ordered[ordered.index(first) - 1]
        for name in each.changed:
            yield Change(
                at=first.started_at,
                field=name,
                before=str(getattr(before.environment, name, before.anchor_sha256)),
                after=str(getattr(first.environment, name, first.anchor_sha256)),
            )


def _move(step: Step) -> Move:
    return Move(
        ratio=Estimate(value=step.ratio, low=step.low, high=step.high),
        before=_revision(step.before),
        before_at=step.before.started_at,
        after=_revision(step.after),
        after_at=step.after.started_at,
        is_regression=step.is_regression,
        why_not=_why_not(step),
    )


def _why_not(step: Step) -> str:
    if step.of_one_file:
        return "the same file before and after: not the model, but something that no log tells of"
    return "" if step.stands else "undone since"


def _estimate(night: Night) -> Estimate:
    return Estimate(
        value=exp(night.log_ratio),
        low=None if night.low is None else exp(night.low),
        high=None if night.high is None else exp(night.high),
    )


def _revision(night: Night) -> str:
    return night.revision or f"file {night.candidate_sha256[:12]}"


def _doubts(history: History) -> Counter[str]:
    nights = [night for each in history.series for night in each.nights]
    return Counter(
        kind for night in nights for kind in _caveats(history.logs[night.session_id], night)
    )


def _caveats(log: Log, night: Night) -> list[str]:
    (observed,) = (pair.observed for pair in log.opened.models if pair.key == night.model)
    known = set(CaveatKind)
    found = [kind for kind in observed.get("caveats", "").split() if kind in known]
    return [*found, *([CaveatKind.FEW_PROCESSES.value] if night.low is None else [])]


def _medians_us(log: Log, model: str) -> tuple[float | None, float | None]:
    """Returns the medians over blocks of candidate and anchor."""
    own = [each for each in log.entries if isinstance(each, Block) and each.model == model]
    candidates = [min(each.value_us for each in block.candidate) for block in own]
    anchors = [min(each.value_us for each in block.baseline) for block in own]
    return (median(candidates), median(anchors)) if own else (None, None)
