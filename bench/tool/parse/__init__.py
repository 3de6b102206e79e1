r"""Parses the output of any benchmark program of TFLite or LiteRT, and decides whether to trust it.

One process prints (``[...]`` optional, ``N`` a whole number, ``X`` any number):

    log         = { line }                    # stdout and stderr, apart or mixed by whole lines
    line        = { relay-head } [logcat-head] [severity] ["[" file ":" N "]"] message
    relay-head  = quotation mark | time | level of a logger | line number ...
    severity    = ("VERBOSE" | "INFO" | "WARN" | "WARNING" | "ERROR" | "FATAL") ":"
    run         = "STARTING!" [unconsumed] { echo } { delegate } [size] session
                  phase statistics phase statistics (timings | block) { memory | table }
    echo        = label [" "] ": [" value "]"
    session     = "Initialized session in " X "ms" ["."]
    phase       = "Running benchmark for at least " N " iterations" ...
    statistics  = "count=" ("0" | "1 curr=" N | N " curr=" N "(all same)"
                  | N " first=" N " curr=" N " min=" N " max=" N " avg=" X " std=" N)
                  [" p5=" N " median=" N " p95=" N]
    timings     = "Inference timings in us: Init: " X ", First inference: " X
                  ", Warmup (avg): " X ", Inference (avg): " X
                | "Average inference timings in us: Warmup: " X ", Init: " X
                  ", " ("no stats" | "Inference") ": " X
    block       = "BENCHMARK RESULTS" { label ":" X ["ms" | "MB" | "MB/s"] ["(" N " runs)"] }
    delegate    = ["Explicitly "] "applied " name " delegate" ... | "Though " name " delegate" ...
                | "Replacing " N [" out of " N] " node(s) with delegate (" name ") node"
                  [", yielding " N " partitions"
                   [" for the whole graph" | " for subgraph " N [" (" name ")"]]]
                | [name] [" delegate"] ": " N " nodes delegated out of " N " nodes" ...

The first statistics line is the warm-up, the second the measurement. Lines that match nothing are
ignored. Three more forms are read: our runner's JSON line, the JSON file of LiteRT's Python
tool, and the binary result file of the C++ tools.
"""

from __future__ import annotations

from pathlib import Path

from bench.core.errors import ConfigurationError
from bench.tool.parse import documents, proto
from bench.tool.parse.interpret import assign_numbers, to_tool_log
from bench.tool.parse.lines import Line, decode, read, without_notes
from bench.tool.parse.toollog import Dialect, ToolLog

__all__ = ["Dialect", "ToolLog", "parse_bytes", "parse_file", "parse_log", "read_bytes"]


def parse_log(stdout: str, stderr: str = "", *, exit_status: int | None = None) -> ToolLog:
    """Returns the log of one process's text; never raises, for any text.

    Args:
        stdout: standard output, or both streams mixed by whole lines.
        stderr: standard error, if it is separate.
        exit_status: as a shell or ``subprocess`` gives it; ``None`` if unknown.
    """
    if (document := documents.find(without_notes(stdout), exit_status)) is not None:
        return document
    return _parse_lines([*read(stdout), *read(stderr)], exit_status)


def parse_bytes(stdout: bytes, stderr: bytes = b"", *, exit_status: int | None = None) -> ToolLog:
    """Returns the log of one process's bytes: text, or a binary result file."""
    if (result := proto.find(stdout, exit_status)) is not None:
        return result
    return parse_log(decode(stdout), decode(stderr), exit_status=exit_status)


def parse_file(
    path: Path, *, stderr: Path | None = None, exit_status: int | None = None
) -> ToolLog:
    """Returns the log of a file with the output of one process.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    errors = b"" if stderr is None else read_bytes(stderr)
    return parse_bytes(read_bytes(path), errors, exit_status=exit_status)


def read_bytes(path: Path) -> bytes:
    """Returns the bytes of a log.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint="check the path") from error


def _parse_lines(lines: list[Line], exit_status: int | None) -> ToolLog:
    """Returns the log of the relevant process.

    Logcat mixes processes. The relevant one is the only complete one, else the only one with lines
    of a benchmark program; if neither exists, the log has no numbers.
    """
    processes: dict[int | None, list[Line]] = {}
    for line in lines:
        processes.setdefault(line.pid, []).append(line)
    evidences = [assign_numbers(part, exit_status) for part in processes.values()]
    known = [each for each in evidences if each.dialect is not Dialect.UNKNOWN]
    complete = [evidence for evidence in known if evidence.complete]
    for candidates in (complete, known):
        if len(candidates) == 1:
            return to_tool_log(candidates[0])
    if not known:
        return to_tool_log(assign_numbers(lines, exit_status))
    return ToolLog(
        ok=False,
        failure=f"several-runs: {len(known)} processes wrote to this log; filter it by process",
        dialect=known[0].dialect,
        logcat=True,
    )
