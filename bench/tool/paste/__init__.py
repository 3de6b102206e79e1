"""Reads what people paste: logs of several runs, in any wrapping, each run by itself.

A paste is unwrapped step by step: strings of JSON and YAML (``containers.py``), markup and control
sequences (``characters.py``), margins (``margins.py``), broken lines (``wraps.py``), prompts
(``shell.py``). Then it is divided into runs (``runs.py``). ``bench/tool/parse`` reads each; only
``verdict.py`` and ``reasons.py`` add to its rules.

Only the verbs ``parse`` and ``import`` read pastes. What we run ourselves is read by
``bench/tool/parse`` alone, which believes less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.tool.parse import ToolLog, proto
from bench.tool.parse.lines import decode
from bench.tool.paste import characters, containers, margins, runs, verdict, wraps

_LONGEST = 16_384  # characters of a line; a line of a benchmark program has some hundred
__all__ = ["PastedRun", "read_paste"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastedRun:
    """One run of a paste.

    Args:
        command: the command that started it; ``None`` if the paste does not have it.
        name: the configuration, of a tool that runs several; else ``None``.
        copies: how often the same lines stand in the paste.
    """

    log: ToolLog
    command: str | None = None
    name: str | None = None
    copies: int = 1


def read_paste(
    stdout: bytes, stderr: bytes = b"", *, exit_status: int | None = None
) -> list[PastedRun]:
    """Returns the runs of a paste, one at least; never raises, for any bytes.

    Args:
        stdout: text in any wrapping, with both streams or one; or a binary result file.
        stderr: the other stream, if it is separate; then all is one run.
        exit_status: as a shell gives it; ``None`` if unknown.
    """
    if (result := proto.find(stdout, exit_status)) is not None:
        return [PastedRun(log=result)]
    found = [run for text in _texts(stdout) for run in runs.split(unwrapped(text))]
    if stderr:
        more = tuple(line for text in _texts(stderr) for line in unwrapped(text))
        found = [replace(run, lines=(*run.lines, *more)) for run in found]
    useful = [run for run in found if runs.has_output(run)] or found[:1]
    copies: dict[runs.Run, int] = {}
    for run in useful:
        copies[run] = copies.get(run, 0) + 1
    return [
        PastedRun(
            log=verdict.log_of(run, exit_status),
            command=run.command or None,
            name=run.name or None,
            copies=count,
        )
        for run, count in copies.items()
    ]


def unwrapped(text: str) -> list[str]:
    """Returns the lines of one log without what stands around and within them."""
    lines = [line[:_LONGEST] for line in characters.plain(text).split("\n")]
    lines = characters.with_points(margins.once(margins.without_margins(lines)))
    return characters.with_points(wraps.joined(lines))


def _texts(content: bytes) -> list[str]:
    text = decode(content).replace("\r\n", "\n")
    return containers.texts(characters.without_notes(text)) or [""]
