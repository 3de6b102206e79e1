"""Interprets findings as a ``ToolLog``: assigns the numbers, and decides whether to trust them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.tool.parse import failures
from bench.tool.parse.counts import Counts, agree
from bench.tool.parse.grammar import Findings, Timings, gather
from bench.tool.parse.lines import Line
from bench.tool.parse.toollog import PERCENTILES, Dialect, ToolLog, summary

# The strongest evidence first: the CompiledModel tool prints the interpreter tool's lines too.
_DIALECTS = (
    Dialect.PERFORMANCE_OPTIONS,
    Dialect.INFERENCE_DIFF,
    Dialect.LITERT_PYTHON,
    Dialect.COMPILED_MODEL,
    Dialect.INTERPRETER,
)
_BLOCK = {"init", "avg", "min", "max", "std"}  # every results block has these
REPORT_STEP_US = 10.0  # results blocks print milliseconds with two decimals


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The assigned numbers of one process, which the rules of trust use.

    Args:
        warmup, measured: the statistics of each phase; ``None`` if that line is missing.
        timings: the line that ends the interpreter tool's run.
        report: LiteRT's results block, in us; empty if it is missing.
        error: code and sentence of the first line that gives a cause of a failure.
        fatal: whether that counts even if all statistics were printed.
    """

    findings: Findings
    dialect: Dialect
    warmup: Counts | None
    measured: Counts | None
    timings: Timings | None
    report: dict[str, float]
    error: str | None
    fatal: bool
    exit_status: int | None

    @property
    def runs(self) -> int | None:
        """Number of measured inferences."""
        if self.measured is not None:
            return self.measured.runs
        return self.findings.report_runs.get("avg")

    @property
    def warmup_runs(self) -> int | None:
        """Number of warm-up inferences."""
        if self.warmup is not None:
            return self.warmup.runs
        return self.findings.report_runs.get("warmup_avg")

    @property
    def complete(self) -> bool:
        """Whether the log has everything that a finished run prints."""
        if self.dialect is Dialect.LITERT_PYTHON:
            whole = {*_BLOCK, *PERCENTILES} <= self.report.keys()
            return whole and self.findings.fully_accelerated is not None
        if self.dialect is Dialect.COMPILED_MODEL and self.report.keys() >= _BLOCK:
            return self.measured is not None or not self.findings.counts
        return self.measured is not None and self.timings is not None


def assign_numbers(lines: Sequence[Line], exit_status: int | None) -> Evidence:
    """Returns the evidence in the lines of one process: which number is which."""
    findings, (error, fatal) = gather(lines), failures.find(lines)
    warmup, measured = _phases(findings)
    dialect = next((name for name in _DIALECTS if name in findings.dialects), Dialect.UNKNOWN)
    if dialect is Dialect.COMPILED_MODEL and findings.timings:
        dialect = Dialect.INTERPRETER  # the other tool never prints that line
    if findings.fully_accelerated and findings.accelerators and "cpu" not in findings.accelerators:
        findings.delegation.applied += findings.accelerators  # nothing else was allowed to run
    delegation = findings.delegation
    if findings.report and delegation.full_required and delegation.cpu_forbidden:
        # The same for the CompiledModel tool, which ends with an error if it cannot do that.
        delegation.applied += [
            name for name in delegation.requested if name not in delegation.unloaded
        ]
    return Evidence(
        findings=findings,
        dialect=dialect,
        warmup=warmup,
        measured=measured,
        timings=findings.timings[0] if len(findings.timings) == 1 else None,
        report={name: round(value * 1000, 3) for name, value in findings.report.items()},
        error=error,
        fatal=fatal,
        exit_status=exit_status,
    )


def to_tool_log(evidence: Evidence) -> ToolLog:
    """Returns the log of one process; the first rule with an objection gives the failure."""
    failure = next(objections(evidence), None)
    log = ToolLog(ok=False, failure=failure, dialect=evidence.dialect)
    if not (_several(evidence) or _foreign(evidence)):
        log = _with_numbers(evidence, failure)
    return replace(
        log,
        logcat=evidence.findings.logcat,
        unconsumed_flags=tuple(evidence.findings.unconsumed),
        requested_delegates=tuple(evidence.findings.delegation.requested),
    )


def objections(evidence: Evidence) -> Iterator[str]:
    """Yields every objection to trusting the numbers; the first one is the failure."""
    yield from (text for rule in _RULES if (text := rule(evidence)))


def _phases(findings: Findings) -> tuple[Counts | None, Counts | None]:
    """Returns warm-up and measurement; a single line can only be a certain warm-up."""
    match findings.counts:
        case [(begun, only)]:
            is_warmup = begun == 1 and not findings.timings and not findings.report
            return (only, None) if is_warmup else (None, None)
        case [(earlier, first), (later, second)] if later > earlier or later == 0:
            return first, second
        case _:
            return None, None


def _with_numbers(evidence: Evidence, failure: str | None) -> ToolLog:
    findings, measured = evidence.findings, evidence.measured
    nodes, total, partitions = findings.delegation.nodes
    return replace(
        summary(
            evidence.dialect,
            failure,
            _latencies(evidence),
            runs=evidence.runs,
            warmup_runs=evidence.warmup_runs,
        ),
        inference_us=measured.raw if measured is not None and measured.consistent else None,
        delegate=findings.delegation.observed,
        nodes_delegated=nodes,
        nodes_total=total,
        partitions=partitions,
        memory_mb=findings.memory_mb or None,
        model_size_mb=findings.model_size_mb,
        threads=findings.threads,
        signature=findings.signature,
    )


def _latencies(evidence: Evidence) -> dict[str, float | None]:
    """Returns name to us: from the statistics of a phase, else from the lines of the end."""
    latency_us: dict[str, float | None] = {**evidence.report}
    if not evidence.warmup_runs:  # the line that has it may be cut off within the number
        latency_us |= {"warmup_first": None, "warmup_avg": None}
    if (timings := evidence.timings) is not None:
        latency_us = {
            "warmup_first": timings.first or None,
            "warmup_avg": timings.warmup or None,
            "avg": timings.inference or None,
        }
    latency_us["init"] = _init_us(evidence)
    if evidence.warmup is not None and (spread := evidence.warmup.spread) is not None:
        # Of a single run no average is printed but at the end, in fewer digits.
        printed = (
            evidence.timings.warmup if evidence.timings and evidence.warmup.runs == 1 else None
        )
        latency_us |= {"warmup_first": spread.first, "warmup_avg": printed or spread.avg}
    if (measured := evidence.measured) is not None and (spread := measured.spread) is not None:
        latency_us |= {"avg": spread.avg, "min": spread.low, "max": spread.high, "std": spread.std}
        latency_us |= {**dict.fromkeys(PERCENTILES), **(measured.percentiles or {})}
    return latency_us


def _init_us(evidence: Evidence) -> float | None:
    if evidence.timings is not None:
        return evidence.timings.init
    if evidence.findings.session_ms is not None:
        return round(evidence.findings.session_ms * 1000, 3)
    return evidence.report.get("init")


# The rules of trust; each returns its objection. ``_RULES`` has their order.


def _error_line(evidence: Evidence) -> str | None:
    counts = evidence.fatal or evidence.exit_status or not evidence.complete
    return evidence.error if counts else None


def _status(evidence: Evidence) -> str | None:
    return failures.exit_status(evidence.exit_status)


def _foreign(evidence: Evidence) -> str | None:
    if evidence.dialect is Dialect.INFERENCE_DIFF:
        return "not-a-benchmark: inference_diff compares outputs; its latencies have no warm-up"
    if evidence.dialect is Dialect.UNKNOWN:
        return "not-a-benchmark: no line of any benchmark program was found"
    return None


def _several(evidence: Evidence) -> str | None:
    findings = evidence.findings
    if evidence.dialect is Dialect.PERFORMANCE_OPTIONS:
        return "several-runs: the log holds several configurations, one after another"
    once = max(findings.marks.values(), default=0)
    if (
        once > 1
        or len(findings.timings) > 1
        or len(findings.counts) > 2
        or len(findings.phases) > 2
    ):
        return "several-runs: the log holds more than one run; write each to a separate file"
    return None


def _unconsumed(evidence: Evidence) -> str | None:
    if flags := evidence.findings.unconsumed:
        return f"unconsumed-flags: the tool did not understand {' '.join(flags)}"
    return None


def _refused(evidence: Evidence) -> str | None:
    delegation = evidence.findings.delegation
    for name, line in delegation.refused.items():
        if name not in ("xnnpack", "ynnpack") or not delegation.accelerators:
            return f"delegate-not-applied: {line}"
    for name, line in delegation.unloaded.items():
        if name in delegation.requested and name not in delegation.accelerators:
            return f"delegate-not-loaded: {line}"
    if delegation.fallback and not delegation.accelerators:
        return f"cpu-fallback: {delegation.fallback}"
    return None


def _incomplete(evidence: Evidence) -> str | None:
    if evidence.complete:
        return None
    findings = evidence.findings
    if evidence.dialect is Dialect.LITERT_PYTHON:
        return "incomplete: the log has no whole results block"
    if evidence.measured is None:
        lines = {0: "no statistics line", 1: "only one statistics line"}.get(len(findings.counts))
        return f"incomplete: the log has {lines or 'statistics lines out of order'}"
    if findings.report:
        return "incomplete: the log ends inside the results block"
    return "incomplete: the log ends before the line with the timings"


def _no_runs(evidence: Evidence) -> str | None:
    if evidence.findings.dry_run or evidence.runs == 0:
        return "dry-run: no inference was measured"
    avg = evidence.measured.spread.avg if evidence.measured and evidence.measured.spread else None
    if evidence.complete and not (avg or evidence.report.get("avg")):
        return "below-resolution: the mean is printed as 0; the model is too fast for this tool"
    return None


def _fewer(evidence: Evidence) -> str | None:
    findings = evidence.findings
    requested = findings.phases[1] if len(findings.phases) == 2 else findings.asked_runs
    if requested is not None and evidence.runs is not None and evidence.runs < requested:
        return f"fewer-runs: {evidence.runs} inferences were measured of {requested} asked for"
    return None


def _contradiction(evidence: Evidence) -> str | None:
    warmup, measured, timings = evidence.warmup, evidence.measured, evidence.timings
    for counts in (warmup, measured):
        if counts is not None and not counts.consistent:
            return "inconsistent: the numbers of a statistics line cannot belong together"
    before, after = warmup.spread if warmup else None, measured.spread if measured else None
    pairs: list[tuple[float | None, float | None, float]] = []
    if timings is not None:
        pairs += [
            (after.avg if after else None, timings.inference, 0.0),
            (before.avg if before else None, timings.warmup, 0.0),
            (before.first if before else None, timings.first, 0.0),
        ]
    if after is not None:
        report = evidence.report
        pairs += [
            (after.avg, report.get("avg"), REPORT_STEP_US),
            (after.low, report.get("min"), REPORT_STEP_US),
            (after.high, report.get("max"), REPORT_STEP_US),
        ]
    for one, other, step in pairs:
        if not agree(one, other, resolution=step):
            return f"inconsistent: two lines give one number as {one:.10g} and {other:.10g} us"
    return None


def _not_seen(evidence: Evidence) -> str | None:
    delegation = evidence.findings.delegation
    ran = delegation.accelerators
    for name in delegation.requested:
        if name in ("xnnpack", "ynnpack"):
            if not ran and delegation.observed != name:
                return f"delegate-not-seen: {name} was asked for, and no line shows that it ran"
        elif name not in ran:
            return f"delegate-not-seen: {name} was asked for, and no line shows that it ran"
    if delegation.full_required and delegation.whole is False:
        return "partial-delegation: the delegate took only part of the graph; all was required"
    return None


_RULES: tuple[Callable[[Evidence], str | None], ...] = (
    _error_line,
    _status,
    _foreign,
    _several,
    _unconsumed,
    _refused,
    _no_runs,
    _incomplete,
    _fewer,
    _contradiction,
    _not_seen,
)
