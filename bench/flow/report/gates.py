"""The gates and A/B comparisons beside a database, their history and calibrations, as pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core import atomic
from bench.core.errors import worst
from bench.core.paths import AB, CALIBRATIONS, GATES
from bench.core.units import one_line
from bench.core.version import VERSION
from bench.flow.gate.calibrate import stored_calibrations
from bench.flow.gate.history import History, history
from bench.flow.gate.log_file import read_all
from bench.flow.report.details import device_facts
from bench.flow.report.join import device_names
from bench.gate.calibration.device_noise import Calibration
from bench.gate.findings import exit_codes, findings_of
from bench.gate.history.trend import Trend
from bench.gate.log import Log
from bench.gate.verdict import Axis, Finding, ModelKey, Undecided, Verdict
from bench.plan.device import DeviceRecord
from reports.gate import wording
from reports.gate.gate_report import GateReport, gate_report
from reports.gate.page import to_html
from reports.history import trends
from reports.history.page import subtitle, write_history
from reports.rows.details import (
    Details,
    DeviceDetails,
    GatedModel,
    GateSummary,
    HistorySummary,
    Noise,
)

_MOST_PAGES = 30  # of gates, the newest
_MOST_PICTURES = 10  # of models in the history, those that became slower first
_LEAST_RUNS = 3  # gates against one file, for a history
_HISTORY = "history"
_MAIN, _GATES = ("All results", "../index.html"), ("Gates", "../index.html#gates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate or A/B comparison, read and decided again."""

    log: Log
    report: GateReport
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What is beside a database.

    Args:
        gates: the newest first.
        history: of files that several gates have as their baseline; ``None`` if there are none.
        left_out: a sentence for each file that could not be read.
    """

    gates: tuple[Gate, ...] = ()
    history: History | None = None
    calibrations: tuple[Calibration, ...] = ()
    left_out: tuple[str, ...] = ()


NONE = Gates()


def gates_beside(folder: Path) -> Gates:
    """Returns the gates, A/B comparisons and calibrations in a database's folder."""
    logs: Mapping[Path, Log] = {}
    unread: list[str] = []
    if places := [place for place in (folder / GATES, folder / AB) if place.is_dir()]:
        logs, unread = read_all(places)
    calibrations, refused = stored_calibrations(folder / CALIBRATIONS)
    newest = sorted(logs.items(), key=_age, reverse=True)
    return Gates(
        gates=tuple(_gate(path, log, folder) for path, log in newest),
        history=_history({path: log for path, log in logs.items() if not log.opened.sides}),
        calibrations=tuple(calibrations),
        left_out=(*unread, *refused),
    )


def with_gates(details: Details, found: Gates, devices: Iterable[DeviceRecord]) -> Details:
    """Returns the details with gates, history and noise; devices of gates alone get a page too.

    Args:
        devices: of all sessions.
    """
    gated = [gate.log.opened.device for gate in found.gates]
    known = {device.key: device for device in (*gated, *devices)}
    names = device_names(known.values())
    units = {device.serial or device.name: names[key] for key, device in known.items()}
    noise: dict[str, list[Noise]] = {}
    for each in sorted(found.calibrations, key=lambda each: each.measured_at, reverse=True):
        name = units.get(each.environment.device_unit, each.device)
        noise.setdefault(name, []).extend(_noise(each))
    own = {each.device: each for each in details.devices}
    facts = {names[key]: device_facts(device) for key, device in known.items()}
    for name in dict.fromkeys([*(names[device.key] for device in gated), *noise]):
        own.setdefault(name, DeviceDetails(device=name, facts=facts.get(name, {})))
    return replace(
        details,
        devices=tuple(
            replace(each, noise=tuple(noise.get(name, ()))) for name, each in own.items()
        ),
        gates=tuple(
            _summary(gate, names[gate.log.opened.device.key], has_page=place < _MOST_PAGES)
            for place, gate in enumerate(found.gates)
        ),
        history=_history_summary(found.history),
        left_out=found.left_out,
    )


def write_gates(found: Gates, details: Details, links: Mapping[str, str], out: Path) -> None:
    """Writes the page of each gate that has one, and that of the history.

    Args:
        details: with the gates.
        links: addresses of the pages of files and devices in ``out``.
    """
    above = {of: f"../{address}" for of, address in links.items()}
    pages: dict[str, Path] = {}
    for gate, summary in zip(found.gates, details.gates, strict=True):
        if not summary.page:
            continue
        device = (summary.device, above[summary.device])
        path = pages[gate.log.opened.session_id] = out / summary.page
        path.parent.mkdir(parents=True, exist_ok=True)
        html = to_html(gate.report, trail=(_MAIN, _GATES, device), links=above)
        atomic.write_text(path, html)
    if found.history is not None:
        write_history(
            _loudest_first(found.history),
            out=out / _HISTORY,
            left_out=(*found.history.notes, *found.history.left_out),
            provenance={"logs": f"{GATES}/ beside the database", "frill-bench": VERSION},
            pages=pages,
            trail=(_MAIN, _GATES),
            most_pictures=_MOST_PICTURES,
        )


def _age(item: tuple[Path, Log]) -> tuple[str, str]:
    _, log = item
    return log.opened.started_at, log.opened.session_id


def _gate(path: Path, log: Log, folder: Path) -> Gate:
    findings = findings_of(log)
    report = gate_report(
        log,
        findings,
        seconds=0.0,
        exit_code=worst(exit_codes(log, findings, undecided=Undecided.WARN)),
        undecided=Undecided.WARN,
        log_file=path.relative_to(folder).as_posix(),
    )
    return Gate(log=log, report=report, path=path)


def _summary(gate: Gate, device: str, *, has_page: bool) -> GateSummary:
    opened, report = gate.log.opened, gate.report
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{opened.started_at[:10]}-{opened.session_id}")
    findings: dict[ModelKey, list[Finding]] = {}
    for each in report.findings:
        findings.setdefault(each.model, []).append(each)
    return GateSummary(
        page=f"{GATES}/{name.strip('-.')[:80]}.html" if has_page else "",
        log=report.provenance["log"],
        device=device,
        started_at=opened.started_at,
        verdict=wording.headline(report),
        counts=wording.counts(report),
        is_bad=bool(report.of(Verdict.REGRESSED, Verdict.FAILED)),
        revision=one_line(trends.short(opened.revision)),
        models=tuple(_gated(model, of) for model, of in findings.items()),
    )


def _gated(model: ModelKey, findings: Sequence[Finding]) -> GatedModel:
    (timed, *_) = [each for each in findings if each.axis is Axis.LATENCY] or findings
    return GatedModel(
        model=one_line(str(model)),
        verdicts=", ".join(f"{each.axis} {each.verdict}" for each in findings),
        latency=wording.amount(timed),
        latency_interval=wording.interval(timed),
        baseline_sha256=timed.baseline_sha256,
        candidate_sha256=timed.candidate_sha256,
    )


def _history(logs: Mapping[Path, Log]) -> History | None:
    """Returns the trends against each file that is the baseline of several gates of its model."""
    gates = Counter(
        (pair.model, pair.baseline_sha256) for log in logs.values() for pair in log.opened.models
    )
    pinned = {sha256 for (_, sha256), count in gates.items() if count >= _LEAST_RUNS}
    found = history(logs, pinned) if pinned else History(trends=())
    shown = tuple(trend for trend in found.trends if len(trend.runs) >= _LEAST_RUNS)
    return replace(found, trends=shown) if shown else None


def _history_summary(found: History | None) -> HistorySummary | None:
    if found is None:
        return None
    return HistorySummary(
        page=f"{_HISTORY}/index.html",
        summary=subtitle(found.trends),
        alarms=tuple(
            f"{trends.title(trend)}: {line}"
            for trend in found.trends
            for line in trends.alarms(trend)
        ),
    )


def _loudest_first(found: History) -> list[Trend]:
    return sorted(found.trends, key=lambda trend: not trend.is_regressed)


def _noise(found: Calibration) -> Iterator[Noise]:
    here = found.environment
    setup = [
        here.delegate,
        f"{here.threads} thread{'' if here.threads == '1' else 's'}",
        f"cores {here.cores}",
        here.statistic,
        f"tool {here.tool_sha256[:8]}",
        *([found.protocol.text] if found.protocol else []),
    ]
    for each in found.classes:
        yield Noise(
            models=each.name,
            setup=", ".join(setup),
            measured_at=found.measured_at,
            blocks=each.blocks,
            discarded=each.discarded,
            block_sd_ratio=each.block_sd,
            second_slower_ratio=each.second_slower,
            processes_per_side=each.processes_per_side,
            smallest_slowdown_ratio=each.smallest_slowdown,
            red_ratio=each.red_alone.share,
            red_ratio_high=each.red_alone.high,
            caveats="; ".join(caveat.text for caveat in found.caveats),
        )
