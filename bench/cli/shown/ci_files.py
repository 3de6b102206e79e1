"""The files and annotations of ``frill-bench gate`` for a CI system: there after every gate."""

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
from bench.gate.verdict import Finding, Undecided
from reports.gate import junit, step_summary
from reports.gate.annotations import commands
from reports.gate.gate_report import GateReport, ended_report, gate_report

_DEVICES = Path("/dev")  # /dev/stdout is a link, and meant


class OutputFlags(Protocol):
    """The options of ``gate`` that choose its outputs."""

    junit: Path | None
    summary: Path | None
    comment: Path | None
    page: Path | None
    undecided: str
    json: bool


class CiFiles:
    """The outputs of one gate: JUnit XML, a page, Markdown, GitHub's annotations.

    A summary is appended. The other files of an earlier gate are replaced at once by those of a
    gate that did not end, so that none is taken for this gate's, whatever ends it.

    Raises:
        ConfigurationError: a file cannot be written.
    """

    def __init__(self, options: OutputFlags) -> None:
        self._options = options
        self.is_written = False
        if options.summary is not None:
            _append(options.summary, "")
        self._began = datetime.now(UTC)
        not_ended = "the gate did not end: it was killed, or still runs"
        self._replace(ended_report(exit_code=70, message=not_ended, started_at=self._began))

    def write(
        self,
        log: Log,
        findings: Sequence[Finding],
        *,
        exit_code: int,
        started_at: str | None = None,
        log_file: str = "",
    ) -> None:
        """Writes the outputs of a gate's log.

        Args:
            started_at: when the gate's session began, ISO 8601; ``None`` for a replay.
            log_file: where the log is.
        """
        began = None if started_at is None else datetime.fromisoformat(started_at)
        self._write(
            gate_report(
                log,
                findings,
                seconds=0.0 if began is None else (datetime.now(UTC) - began).total_seconds(),
                exit_code=exit_code,
                undecided=Undecided(self._options.undecided),
                started_at=began,
                log_file=log_file,
            )
        )

    def write_ended(
        self,
        *,
        exit_code: int,
        message: str,
        findings: Sequence[Finding] = (),
        differences: Sequence[str] = (),
    ) -> None:
        """Writes the outputs of a gate without a log: nothing was measured, for this reason."""
        self._write(
            ended_report(
                exit_code=exit_code,
                message=message,
                started_at=self._began,
                findings=findings,
                differences=differences,
            )
        )

    def _write(self, gate: GateReport) -> None:
        self.is_written = True
        self._replace(gate)
        if self._options.summary is not None:
            _append(self._options.summary, step_summary.to_markdown(gate))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            # GitHub reads both streams; stdout stays the same bytes in every replay.
            sys.stderr.write(commands(gate))

    def _replace(self, gate: GateReport) -> None:
        """Writes the files that hold one gate, in place of an earlier gate's."""
        junit_file, page_file = self._options.junit, self._options.page
        comment_file = self._options.comment
        try:
            if comment_file is not None:
                write_text(comment_file, step_summary.to_comment(gate))
            if page_file is not None:
                from reports.gate.page import to_html  # its templates take long to import

                write_text(page_file, to_html(gate))
        finally:
            if junit_file is not None:
                write_text(junit_file, junit.to_xml(gate))


def write_text(path: Path, text: str) -> None:
    """Writes a whole file, in place of an earlier one.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        atomic.write_text(path, text)
    except OSError as error:
        raise _not_written(path, error) from error


def _append(path: Path, text: str) -> None:
    """Appends to a file, and never through a link, which a checkout may contain."""
    through = 0 if path.parent == _DEVICES else os.O_NOFOLLOW
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | through, 0o644)
        with os.fdopen(handle, "a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: cannot be written: {error.strerror}",
        hint="give the path of a file, which is not a link",
    )
