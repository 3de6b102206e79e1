"""A gate as one JSON document; its keys stay as they are while ``schema_version`` is 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.core import config
from bench.gate.log import Log
from bench.gate.ranks import ranks_of
from bench.gate.records import Pair, Scored, Unmeasured
from bench.gate.rule import Rule
from bench.gate.verdict import Axis, Finding, Interval, LatencyEvidence, ModelKey, Verdict
from reports.gate.gate_report import device_facts

Json = dict[str, Any]

_RULE_KEYS = {"analyses": "looks", "rejection_shares": "condemning_shares"}


def document(log: Log, findings: Sequence[Finding]) -> Json:
    """Returns a log and its findings as JSON values, for programs."""
    pairs = {pair.model: pair for pair in log.opened.models}
    scores = {entry.model: entry for entry in log.entries if isinstance(entry, Scored)}
    return {
        "gate": {
            "gate_id": log.opened.gate_id,
            "session_id": log.opened.session_id,
            "device": device_facts(log.opened),
            "rule": _rule(log.opened.rule),
            "revision": log.opened.revision,
            "sides": list(log.opened.sides),
            "closed": log.closed,
            "torn": log.torn,
        },
        "differences": list(log.opened.differences),
        "models": [
            _latency(pairs[finding.model], finding, finding.evidence)
            for finding in findings
            if finding.axis is Axis.LATENCY and finding.evidence is not None
        ],
        "ranks": [config.unstructure(each) for each in ranks_of(log)],
        "initialisations": _in_blocks(pairs, findings, Axis.INITIALISATION),
        "peak_memories": _in_blocks(pairs, findings, Axis.MEMORY),
        "sizes": [
            _size(pairs[finding.model], finding)
            for finding in findings
            if finding.axis is Axis.SIZE
        ],
        "accuracies": [
            _accuracy(scores[finding.model], finding)
            for finding in findings
            if finding.axis is Axis.ACCURACY
        ],
        "unmeasured": unmeasured(log.opened.unmeasured),
    }


def ended(
    message: str,
    *,
    exit_code: int,
    models: Iterable[Unmeasured] = (),
    differences: Sequence[str] = (),
) -> Json:
    """Returns a gate in which nothing was measured; ``message`` is why."""
    return {
        "gate": None,
        "differences": list(differences),
        "models": [],
        "ranks": [],
        "initialisations": [],
        "peak_memories": [],
        "sizes": [],
        "accuracies": [],
        "unmeasured": unmeasured(models),
        "ended": {"exit_code": exit_code, "message": message},
    }


def unmeasured(models: Iterable[Unmeasured]) -> dict[str, str]:
    """Returns why models are listed and not compared."""
    return {str(each.model): each.verdict.value for each in models}


def _rule(rule: Rule) -> Json:
    plain: Json = config.unstructure(rule)
    return {_RULE_KEYS.get(name, name): value for name, value in plain.items()}


def _latency(pair: Pair, finding: Finding, evidence: LatencyEvidence) -> Json:
    failed = finding.verdict is Verdict.FAILED
    return {
        "name": pair.model.name,
        "format": pair.model.format.value,
        "side": pair.model.side,
        "baseline_sha256": pair.baseline_sha256,
        "candidate_sha256": pair.candidate_sha256,
        "baseline_bytes": pair.baseline_bytes,
        "candidate_bytes": pair.candidate_bytes,
        "observed": _observed(pair),
        "model": str(finding.model),
        "verdict": finding.verdict,
        "reason": finding.reason,
        "look": evidence.analysis,
        "blocks": evidence.blocks,
        "ratio": _interval(finding.change),
        "min_ratio": _interval(evidence.min_ratio),
        "p95_ratio": _interval(evidence.p95_ratio),
        "start_ratio": _interval(evidence.start_ratio),
        "block_sd": evidence.block_sd,
        "smallest_slowdown": evidence.smallest_slowdown,
        "seems_slower": finding.seems_slower,
        "blocks_missing": evidence.blocks_missing,
        "discarded": dict(evidence.discarded),
        "failure": finding.why[0] if failed else None,
        "axis": finding.axis,
        "why": list(finding.why),
    }


def _observed(pair: Pair) -> dict[str, str]:
    observed = pair.observed
    facts = {
        "statistic": observed.statistic.value,
        "runner": observed.runner.value,
        "tool": observed.tool_sha256,
        "delegate": observed.delegate.value,
        "threads": str(observed.threads),
        "cores": observed.affinity or "all",
        "caveats": " ".join(dict.fromkeys(each.kind.value for each in pair.caveats)),
        "runtime": observed.runtime,
        "baseline_tool": observed.baseline_tool_sha256,
        "baseline_runner": observed.baseline_runner and observed.baseline_runner.value,
        "baseline_delegate": observed.baseline_delegate and observed.baseline_delegate.value,
        "baseline_threads": observed.baseline_threads and str(observed.baseline_threads),
        "baseline_cores": observed.baseline_affinity,
        "warm_cache": "yes" if observed.warm_cache else None,
        "baseline_warm_cache": "yes" if observed.baseline_warm_cache else None,
    }
    return {name: fact for name, fact in facts.items() if fact}


def _in_blocks(
    pairs: Mapping[ModelKey, Pair], findings: Iterable[Finding], axis: Axis
) -> list[Json]:
    """Returns the findings on another axis that is compared block by block."""
    return [
        {
            **_head(finding),
            "reason": finding.reason,
            "blocks": finding.evidence.blocks,
            "ratio": _interval(finding.change),
            "block_sd": finding.evidence.block_sd,
            "baseline_sha256": pairs[finding.model].baseline_sha256,
            "candidate_sha256": pairs[finding.model].candidate_sha256,
        }
        for finding in findings
        if finding.axis is axis and finding.evidence is not None
    ]


def _size(pair: Pair, finding: Finding) -> Json:
    return {
        **_head(finding),
        "baseline_bytes": pair.baseline_bytes,
        "candidate_bytes": pair.candidate_bytes,
        "ratio": finding.change and finding.change.value,
    }


def _accuracy(scored: Scored, finding: Finding) -> Json:
    return {**config.unstructure(scored), **_head(finding)}


def _head(finding: Finding) -> Json:
    return {"model": str(finding.model), "verdict": finding.verdict, "axis": finding.axis}


def _interval(interval: Interval | None) -> Json | None:
    if interval is None:
        return None
    return {"estimate": interval.value, "low": interval.low, "high": interval.high}
