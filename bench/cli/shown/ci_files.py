"""The files and annotations of ``frill-bench gate`` for a CI system."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from bench.core import atomic
from bench.core.errors import ConfigurationError
from bench.gate.log import Log
from bench.gate.verdict import Finding
from reports.gate.annotations import commands
from reports.gate.gate_report import gate_report


class OutputFlags(Protocol):
    """The options of ``gate`` that choose its outputs."""

    junit: Path | None
    summary: Path | None
    undecided: str
    json: bool


def write_ci_files(
    options: OutputFlags,
    log: Log,
    findings: Sequence[Finding],
    *,
    exit_code: int,
    started_at: str | None = None,
) -> None:
    """Writes the chosen outputs: JUnit XML, a summary that is appended, GitHub's annotations.

    Args:
        started_at: when the gate's session began, ISO 8601; ``None`` for a replay.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    began = None if started_at is None else datetime.fromisoformat(started_at)
    gate = gate_report(
        log,
        findings,
        seconds=0.0 if began is None else (datetime.now(UTC) - began).total_seconds(),
        exit_code=exit_code,
        undecided_fails=options.undecided == "fail",
        started_at=began,
    )
    if options.junit is not None:
        from reports.gate import junit

        atomic.write_text(options.junit, junit.to_xml(gate))
    if options.summary is not None:
        from reports.gate import step_summary

        try:
            with options.summary.open("a", encoding="utf-8") as stream:
                stream.write(step_summary.to_markdown(gate))
        except OSError as error:
            raise ConfigurationError(
                f"{options.summary}: {error.strerror}", hint="check the path"
            ) from error
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # GitHub reads both streams; stdout stays the same bytes in every replay.
        sys.stderr.write(commands(gate))
