"""The gate: whether a candidate is slower, larger or less accurate than its baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.devices import Messages, devices_of, do
from bench.api.files import DB, OnMessage, frame, ignore
from bench.core.progress import ignore as no_progress

if TYPE_CHECKING:
    from bench.flow.device.requests import RunRequest
    from bench.flow.gate.gate import Gate
    from bench.flow.gate.references import Comparison
    from bench.gate.verdict import Finding
    from bench.plan.device import Kind
    from reports.parts.documents import DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What ``gate`` found.

    Args:
        findings: one for each model and axis, also for models that were not measured.
        log: the gate's log, for ``frill-bench gate --replay``; ``None`` where all files are equal,
            so that nothing was measured.
        messages: what the verb prints on the way, and what differs between both sides besides the
            models.
    """

    findings: tuple[Finding, ...]
    log: Path | None = None
    messages: tuple[str, ...] = ()

    @property
    def regressed(self) -> tuple[Finding, ...]:
        """The findings of what is slower, larger or less accurate."""
        from bench.gate.verdict import Verdict

        return tuple(each for each in self.findings if each.verdict is Verdict.REGRESSED)

    def frame(self) -> DataFrame:
        """Returns a line for each finding; changes and margins are shares."""
        from reports.gate.rows import FindingRow, finding_rows

        return frame(finding_rows(self.findings), FindingRow)


def gate(
    candidate: str | Path,
    baseline: str | Path,
    *,
    host: bool = False,
    serial: str | None = None,
    db: str | Path = DB,
    zoo: str | Path = "zoo",
    margin: float = 0.05,
    size_margin: float = 0.01,
    task_set: str | Path | None = None,
    accuracy_margin: float = 0.02,
    max_minutes: float | None = None,
    measure_unchanged: bool = False,
    delegate: str | None = None,
    threads: int = 1,
    seed: int | None = None,
    revision: str = "",
    on_message: OnMessage = ignore,
) -> Gated:
    """Measures both sides in turn on one device and returns the verdicts.

    A regression is a finding and no error. The log is in ``gates`` beside the database.

    Args:
        candidate, baseline: a .tflite file, a bundle, a folder with manifests, or a name in the
            zoo; never stored numbers.
        host, serial: the device, as for ``run``; one.
        margin: a slowdown of this share or more must not pass; of sizes ``size_margin``, of the
            mean accuracy, in shares too, ``accuracy_margin``.
        task_set: also compare accuracies on it, as for ``score``.
        max_minutes: stop after this time; open models are undecided.
        measure_unchanged: also measure files that are equal on both sides.
        seed: of the coins that order each block; random if ``None``.
        revision: what the candidate was built from.

    Raises:
        ConfigurationError: a side is nothing that can be measured, or there is no pair.
        BenchError: the device was set aside; its log is kept, and the same call resumes it.
    """
    from bench.core.errors import ConfigurationError
    from bench.flow.gate.differences import of_sides
    from bench.flow.gate.gate import logs_of
    from bench.flow.gate.jobs import GateJob
    from bench.flow.gate.references import pair_up, side
    from bench.gate.findings import findings_of, unmeasured_findings
    from bench.store.store import Store

    if host and serial:
        raise ConfigurationError(
            "a gate takes one device, not 2", hint="give host=True or a serial="
        )
    messages = Messages(on_message)
    new, old = (side(str(each), zoo=Path(zoo)) for each in (candidate, baseline))
    comparison = pair_up(old, new, unchanged_too=measure_unchanged)
    differences = of_sides(comparison, new, None)
    if not comparison.pairs:
        return Gated(
            findings=unmeasured_findings(comparison.unmeasured, margin=margin),
            messages=tuple(differences),
        )
    asked = replace(
        _gate(comparison, beside(db, "gates"), margin, size_margin),
        max_s=None if max_minutes is None else 60 * max_minutes,
        seed=seed,
        revision=revision,
        saved=old.bundle,
        differences=differences,
        on_message=messages.add,
    )
    if task_set is not None:
        asked = _with_scores(asked, str(task_set), accuracy_margin)
    request = partial(_request, comparison, messages, delegate, threads)
    devices = devices_of((serial,) if serial else (), host=host, request=request)
    do(devices, GateJob(gate=asked, calibrations=beside(db, "calibrations")), db, messages)
    with Store.open(db, create=False) as store:
        [(_, path, log)] = logs_of(store, messages.sessions[-1:])
    lines = (*log.opened.differences, *messages.lines)
    return Gated(findings=findings_of(log), log=path, messages=lines)


def beside(db: str | Path, name: str) -> Path:
    """Returns a folder beside the database."""
    return (Path() if "://" in str(db) else Path(db).parent) / name


def _gate(comparison: Comparison, folder: Path, margin: float, size_margin: float) -> Gate:
    from bench.flow.gate.gate import Gate
    from bench.gate.rule import Rule

    rule = Rule(margin=margin, tolerance=min(Rule().tolerance, margin / 4))
    rule = rule.for_models(max(1, len(comparison.pairs)))
    return Gate(comparison=comparison, rule=rule, folder=folder, size_margin=size_margin)


def _with_scores(gate: Gate, task_set: str, margin: float) -> Gate:
    from bench.flow.gate.accuracy import score_pairs
    from bench.gate.rule import AccuracyRule
    from models.audio import tasks

    rule = AccuracyRule(margin=margin, tolerance=min(AccuracyRule().tolerance, margin / 4))
    asked = tasks.task_set(task_set)
    scores = tuple(score_pairs(gate.comparison.pairs, asked, on_progress=no_progress))
    return replace(gate, accuracy=rule, scores=scores)


def _request(
    comparison: Comparison, messages: Messages, delegate: str | None, threads: int, kind: Kind
) -> RunRequest:
    from bench.flow.device.files import with_inputs
    from bench.flow.device.requests import RunRequest
    from bench.flow.gate.jobs import gate_suite
    from bench.plan.device import Kind
    from bench.plan.inputs import InputFlags

    suite = gate_suite(kind, delegate=delegate, threads=threads, ours=kind is Kind.HOST)
    files = with_inputs(comparison.targets, InputFlags(), on_message=messages.add)
    return RunRequest(
        suite=suite,
        targets=files.targets,
        value_files=files.value_files,
        delegates_are_default=delegate is None,
    )
