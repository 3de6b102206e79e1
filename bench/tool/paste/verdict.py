"""The log of one run of a paste: the parser's own rules, and what only a paste needs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from bench.tool.parse import documents
from bench.tool.parse.counts import NUMBER, Counts, agree
from bench.tool.parse.interpret import Evidence, assign_numbers, objections, to_tool_log
from bench.tool.parse.lines import Line
from bench.tool.parse.toollog import PERCENTILES, Dialect, ToolLog
from bench.tool.paste import forms, reasons, shell
from bench.tool.paste.runs import Run

_SHORT_MEAN = re.compile(rf"Inference \(avg\): ({NUMBER}) us$")
_ALSO = ("unconsumed-flags", "delegate-not-applied", "delegate-not-loaded", "fewer-runs", "dry-run")
_SESSION_DIGITS = 1e-3  # the session's line has six digits, in milliseconds


def log_of(run: Run, exit_status: int | None) -> ToolLog:
    """Returns the log of one run, and whether to trust it."""
    if (document := document_of(run.lines, exit_status)) is not None:
        return document
    lines = [forms.message(line) for line in _with_request(run)]
    lines = [line for line in lines if line.text]
    evidence = _with_phases(_with_tail(assign_numbers(lines, exit_status)))
    log = to_tool_log(evidence)
    if lines and _ends_in_memory(lines[-1].text) and not _is_of_memory(log.memory_mb):
        log = replace(log, memory_mb=None)  # the last line was cut off within its number
    if run.is_row:
        log = _row(evidence, log)
    elif log.ok:
        log = _checked(evidence, log, [line.text for line in lines])
    if log.ok or log.failure is None:
        return log
    return _explained(log, evidence, lines, run)


def document_of(lines: Sequence[str], exit_status: int | None) -> ToolLog | None:
    """Returns the log that the lines hold as one JSON document; ``None`` if they hold none."""
    for text in ("\n".join(lines), "\n".join(forms.message(line).text for line in lines)):
        document = documents.find(text, exit_status)
        if document is not None and document.ok:
            return document
    return documents.find("\n".join(lines), exit_status)


def _with_request(run: Run) -> list[str]:
    """Returns the lines of a run after a command that the parser reads for what it asks for."""
    flags = shell.flags(run.command)
    return [f"benchmark_model {' '.join(flags)}", *run.lines] if flags else list(run.lines)


def _with_tail(evidence: Evidence) -> Evidence:
    """Returns the evidence of a log of which only the end was kept, with its measurement.

    The only statistics line is the measurement's if its mean is that of the measurement in the line
    with the timings, and it cannot be the warm-up's.
    """
    timings, counts = evidence.timings, evidence.findings.counts
    if evidence.measured is not None or timings is None or len(counts) != 1:
        return evidence
    (_, only), *_ = counts
    spread = only.spread
    if spread is None or not agree(spread.avg, timings.inference):
        return evidence
    if agree(spread.avg, timings.warmup) and agree(spread.first, timings.first):
        return evidence
    return replace(evidence, measured=only, warmup=None)


def _with_phases(evidence: Evidence) -> Evidence:
    """Returns the evidence, without phases where nothing shows which statistics line is which."""
    findings = evidence.findings
    if findings.phases or findings.timings or findings.report:
        return evidence
    return replace(evidence, warmup=None, measured=None)


def _row(evidence: Evidence, log: ToolLog) -> ToolLog:
    """Returns the log of one line of the summary of several configurations."""
    counts = evidence.findings.counts
    if len(counts) != 1:
        return replace(log, ok=False, failure="tool-failed: this configuration did not run")
    _, only = counts[0]
    log = to_tool_log(replace(evidence, measured=only, warmup=None))
    return replace(
        log,
        ok=False,
        failure="summary-only: its line has the configuration that was asked for, and nothing "
        "shows what ran",
        dialect=Dialect.PERFORMANCE_OPTIONS,
    )


def _checked(evidence: Evidence, log: ToolLog, texts: Sequence[str]) -> ToolLog:
    """Returns the log, not trusted if a line was damaged or its parts are of different runs."""
    if (lost := reasons.lost_delegate(texts)) is not None:
        return replace(log, ok=False, failure=lost)
    if any(not _is_possible(counts) for _, counts in evidence.findings.counts):
        failure = "inconsistent: the spread of a statistics line cannot belong to its other numbers"
        return replace(log, ok=False, failure=failure)
    session_ms, timings = evidence.findings.session_ms, evidence.timings
    if session_ms is None or timings is None:
        return log
    if abs(session_ms * 1000 - timings.init) <= max(1.0, timings.init * _SESSION_DIGITS):
        return log
    failure = (
        f"inconsistent: the session took {session_ms:g} ms by one line and "
        f"{timings.init / 1000:g} ms by another"
    )
    return replace(log, ok=False, failure=failure)


def _ends_in_memory(text: str) -> bool:
    form = forms.find(text)
    return form is not None and form.kind in ("memory", "peak")


def _is_of_memory(memory_mb: dict[str, float] | None) -> bool:
    """Returns whether all sizes are of whole kB, in six digits as the interpreter tool prints."""
    return all(
        f"{round(size * 1024) / 1024:.6g}" == f"{size:.6g}"
        for name, size in (memory_mb or {}).items()
        if name != "max_rss"
    )


def _is_possible(counts: Counts) -> bool:
    """Returns whether a phase's standard deviation and percentiles fit its minimum, mean, maximum.

    With both ends among n values, std**2 is at least the sum of their squared distances from the
    mean, over n, and at most (max - mean) * (mean - min) (Bhatia and Davis, 2000). Each end may
    be the first or the last value, and the tool truncates.
    """
    spread, percentiles = counts.spread, counts.percentiles
    if spread is None:
        return True
    below, above = spread.avg - spread.low, spread.high - spread.avg
    slack = 1 + spread.high * 1e-5  # the mean has six digits
    least = math.sqrt((below**2 + above**2) / counts.runs)
    most = math.sqrt(max(below + slack, 0.0) * max(above + slack, 0.0))
    if not least - slack - 1 <= spread.std <= most + slack:
        return False
    if percentiles is None:
        return True
    order = [spread.low, *(percentiles[name] for name in PERCENTILES), spread.high]
    return order == sorted(order)


def _explained(log: ToolLog, evidence: Evidence, lines: list[Line], run: Run) -> ToolLog:
    """Returns the log with the true reason, and with no number that is not a benchmark's."""
    failure = reasons.of(log.failure or "", lines, run.lines, run.command)
    texts = [line.text for line in lines]
    if reasons.other_program(texts, run.command) is not None or reasons.is_invented(texts):
        return ToolLog(ok=False, failure=failure, dialect=Dialect.UNKNOWN, logcat=log.logcat)
    if failure == log.failure and failure.partition(":")[0] in _ALSO:
        others = [each for each in objections(evidence) if each != failure]
        also = [each for each in others if each.partition(":")[0] in _ALSO]
        failure = "; also ".join([failure, *also])
    log = replace(log, failure=failure)
    mean = next((found[1] for text in texts if (found := _SHORT_MEAN.match(text))), None)
    if mean is not None and log.inference_avg_us is None:
        log = replace(log, inference_avg_us=float(mean))
    return log
