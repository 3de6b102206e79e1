"""Trends of nightly runs against a pinned baseline, from the logs of gates alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.errors import ConfigurationError
from bench.core.units import counted
from bench.gate.history.series import NightlyRun, nightly_runs, series
from bench.gate.history.trend import Missed, Trend, trend
from bench.gate.log import Log
from bench.gate.records import ModelFailed
from bench.gate.verdict import ModelKey, Verdict
from bench.plan.device import HOST_NAME, Kind

_FEW_MACHINES = 3
_UNCHANGED = "equal files, not measured; frill-bench gate --measure-unchanged measures them"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The trends in the logs of one pinned baseline.

    Args:
        left_out: a sentence for each log that was not used.
        notes: sentences on the devices.
        pages: session to the page of its gate, where one is beside the log and named like it.
    """

    trends: tuple[Trend, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pages: Mapping[str, Path] = field(default_factory=dict)


def history(logs: Mapping[Path, Log], pinned: Collection[str] | None) -> History:
    """Returns the trend of each model on each device, in the order of names.

    Args:
        pinned: SHA-256 of the baseline's files; ``None`` takes the only baseline of each model.

    Raises:
        ConfigurationError: a model has several baselines, and ``pinned`` is ``None``.
    """
    if pinned is None:
        pinned = _only_baselines(logs.values())
    collected: dict[tuple[ModelKey, str], list[NightlyRun]] = defaultdict(list)
    names: dict[str, str] = {}
    left_out, used = [], []
    relevant = {path: log for path, log in logs.items() if _baselines(log) & set(pinned)}
    for path, log in sorted(relevant.items(), key=lambda item: item[1].opened.started_at):
        try:
            runs = nightly_runs(log)
        except ConfigurationError as error:
            left_out.append(f"{path}: {error.message}: left out")
            continue
        used.append(log)
        for run in runs:
            if run.finding.baseline_sha256 in pinned:
                unit = run.environment.device_unit
                collected[run.finding.model, unit].append(run)
                names[unit] = log.opened.device.name
    if len(logs) > len(relevant):
        left_out.append(f"{counted(len(logs) - len(relevant), 'log')} of other baselines: left out")
    return History(
        trends=tuple(
            trend(names[unit], series(runs), tuple(_find_missed(model, unit, runs, used)))
            for (model, unit), runs in sorted(collected.items(), key=_order)
        ),
        left_out=tuple(left_out),
        notes=tuple(_used_once(used)),
        pages={
            log.opened.session_id: path.with_suffix(".html")
            for path, log in relevant.items()
            if path.with_suffix(".html").is_file()
        },
    )


def _used_once(logs: Iterable[Log]) -> Iterator[str]:
    """Yields a sentence for each kind of machine of which most were used for one gate only."""
    kinds: dict[tuple[str | None, int | None], Counter[str]] = defaultdict(Counter)
    for device in (log.opened.device for log in logs):
        if device.kind is Kind.HOST:
            kinds[device.cpu, device.cores][device.name] += 1
    for (cpu, cores), names in kinds.items():
        once = sum(count == 1 for count in names.values())
        if once >= _FEW_MACHINES and 2 * once > len(names):
            yield (
                f"{once} machines ({cpu or 'unknown processor'}, {cores or '?'} cores) were used "
                "for one nightly run each, so they have no trend: if they are runners of one kind, "
                f"give all of them one name, as in {HOST_NAME}=ci-runner frill-bench gate ..."
            )


def _only_baselines(logs: Iterable[Log]) -> set[str]:
    """Returns the baselines of all models; several of one model are an error."""
    logs_of: dict[ModelKey, Counter[str]] = defaultdict(Counter)
    for pair in (pair for log in logs for pair in log.opened.models):
        logs_of[pair.model][pair.baseline_sha256] += 1
    for model, counts in logs_of.items():
        if len(counts) > 1:
            baselines = [
                f"{sha256[:12]} in {counted(count, 'log')}" for sha256, count in counts.items()
            ]
            raise ConfigurationError(
                f"{model} has several baselines: {', '.join(baselines)}",
                hint="name the pinned baseline of its nightly runs: --anchor REF",
            )
    return {sha256 for counts in logs_of.values() for sha256 in counts}


def _baselines(log: Log) -> set[str]:
    return {pair.baseline_sha256 for pair in log.opened.models}


def _find_missed(
    model: ModelKey, unit: str, runs: Iterable[NightlyRun], logs: Iterable[Log]
) -> Iterator[Missed]:
    """Yields the gates on this device that could have measured the model and did not."""
    measured = {run.session_id for run in runs}
    for log in logs:
        opened = log.opened
        if opened.session_id in measured or unit not in (opened.device.serial, opened.device.name):
            continue
        failed = {e.model: e.reason for e in log.entries if isinstance(e, ModelFailed)}
        unchanged = {e.model for e in opened.unmeasured if e.verdict is Verdict.UNCHANGED}
        if model in unchanged:
            yield Missed(at=opened.started_at, why=_UNCHANGED)
        elif model in failed:
            yield Missed(at=opened.started_at, why=f"failed: {failed[model]}")
        elif any(pair.model == model for pair in opened.models):
            yield Missed(at=opened.started_at, why=f"no block was measured: {log.closed or 'open'}")


def _order(item: tuple[tuple[ModelKey, str], object]) -> tuple[str, str]:
    (model, unit), _ = item
    return str(model), unit
