"""A gate as the Markdown of a GitHub step summary: the verdict, what differs, the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.core.units import one_line
from bench.gate.verdict import QUIET, Finding, Verdict
from reports.gate import table, wording
from reports.gate.gate_report import GateReport
from reports.parts.table import Cell, Footnotes, Table

# GitHub refuses a step's summary above 1 MiB; a second attempt must fit beside the first.
_LIMIT_BYTES = 500_000
_COMMENT_BYTES = 60_000  # GitHub refuses a comment above 65,536 characters
_COMMENT_LINES = 15
_MOST_DIFFERENCES = 10

# Any of ASCII's punctuation may be escaped; these could begin something.
_MARKUP = re.compile(r"(^[-+]|[\\`*_{}\[\]<>|~&@#!$^]|:(?=//))")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A section of lines, of which the last may be left out."""

    opening: str
    lines: tuple[str, ...]
    closing: str = "\n"


def to_markdown(
    gate: GateReport, *, limit_bytes: int = _LIMIT_BYTES, most_open: int = table.MOST_LINES
) -> str:
    """Returns the summary; what does not fit is left out from the end, and counted.

    Args:
        limit_bytes: of UTF-8, at least 32 KiB, so that the verdict and the caveats always fit.
        most_open: lines of the table that are not folded; what regressed or failed never is.
    """
    notes = Footnotes()
    for finding in gate.findings:
        notes.mark_caveats(finding.caveats)
    head, foot = _head(gate), _foot(notes)
    free_bytes = limit_bytes - _size(head + foot + _cut(10**9))
    body, cut_lines = _fit(_parts(gate, notes, most_open), free_bytes)
    return head + body + (_cut(cut_lines) if cut_lines else "") + foot


def to_comment(gate: GateReport) -> str:
    """Returns the summary for a comment on a pull request, of which GitHub accepts 64 KiB."""
    return to_markdown(gate, limit_bytes=_COMMENT_BYTES, most_open=_COMMENT_LINES)


def escaped(text: str) -> str:
    """Returns text in one line that GitHub's Markdown shows as it is."""
    return _MARKUP.sub(r"\\\1", one_line(text))


def _head(gate: GateReport) -> str:
    return (
        f"## {escaped(gate.title)}: {escaped(wording.headline(gate))}\n\n"
        + "".join(f"**{escaped(each)}**\n\n" for each in _listed(gate.differences))
        + (f"{escaped(gate.message)}; exit code {gate.exit_code}.\n\n" if gate.message else "")
        + ("" if gate.message else _numbers(gate))
    )


def _listed(sentences: Sequence[str]) -> list[str]:
    more = len(sentences) - _MOST_DIFFERENCES
    return [*sentences[:_MOST_DIFFERENCES], *([f"and {more} more differences"] if more > 0 else [])]


def _numbers(gate: GateReport) -> str:
    return (
        f"{wording.counts(gate)}. {wording.minutes(gate)} with {escaped(wording.tool(gate))}; "
        f"exit code {gate.exit_code}.\n\n"
    )


def _foot(notes: Footnotes) -> str:
    marked = [f"<sup>{letter}</sup> {escaped(text)}  \n" for letter, text in notes.listed()]
    return "".join(marked) + ("\n" if marked else "") + f"{wording.INTERVALS}\n"


def _cut(lines: int) -> str:
    left_out = f"{lines} more lines are in the gate's log"
    return f"**Cut here because GitHub accepts no more: {left_out}.**\n\n"


def _parts(gate: GateReport, notes: Footnotes, most_open: int) -> list[_Part]:
    loud = gate.of(*(verdict for verdict in Verdict if verdict not in QUIET))
    quiet = gate.of(*QUIET)
    shown = table.in_the_open(loud, most=most_open)
    folded = loud[len(shown) :]
    parts = [_table(shown, notes)] if shown else []
    parts += [
        _Part(
            opening=f"**{escaped(str(each.model))} {wording.word(each)} in {each.axis}**\n\n",
            lines=tuple(f"- {escaped(sentence)}\n" for sentence in each.why),
        )
        for each in shown
        if each.why
    ]
    if gate.ranks:
        parts.append(_folded("Ranks in the first and in the last minute", _ranks(gate)))
    if folded:
        parts.append(_folded(f"and {wording.verdicts(folded)}", _table(folded, notes)))
    if quiet:
        parts.append(_folded(f"{len(quiet)} the same or unchanged", _table(quiet, notes)))
    facts = wording.facts(gate)
    if facts:
        opening = _row(["device", ""]) + _row([":--", ":--"])
        lines = tuple(_row([escaped(name), escaped(value)]) for name, value in facts.items())
        parts.append(_folded("The device", _Part(opening=opening, lines=lines)))
    return parts


def _table(findings: Sequence[Finding], notes: Footnotes) -> _Part:
    return _lines(table.cells(findings, notes))


def _ranks(gate: GateReport) -> _Part:
    return _lines(table.rank_cells(gate.ranks))


def _lines(drawn: Table) -> _Part:
    columns = table.filled(drawn)
    headings = [drawn.headings[index] for index in columns]
    heads = _row(heading.text for heading in headings)
    sides = _row("--:" if heading.numeric else ":--" for heading in headings)
    lines = tuple(_row(_cell(line.cells[index]) for index in columns) for line in drawn.lines)
    return _Part(opening=heads + sides, lines=lines)


def _folded(summary: str, part: _Part) -> _Part:
    return _Part(
        opening=f"<details><summary>{summary}</summary>\n\n{part.opening}",
        lines=part.lines,
        closing="\n</details>\n\n",
    )


def _cell(cell: Cell) -> str:
    detail = f" ({escaped(cell.detail)})" if cell.detail else ""
    return escaped(cell.text) + detail + "".join(f"<sup>{mark}</sup>" for mark in cell.marks)


def _row(texts: Iterable[str]) -> str:
    return "| " + " | ".join(texts) + " |\n"


def _fit(parts: Sequence[_Part], free_bytes: int) -> tuple[str, int]:
    """Returns what fits of the parts, in order, and how many lines are left out."""
    texts: list[str] = []
    cut_lines = 0
    for part in parts:
        lines: list[str] = []
        room_bytes = free_bytes - _size(part.opening + part.closing)
        for line in () if cut_lines else part.lines:
            room_bytes -= _size(line)
            if room_bytes < 0:
                break
            lines.append(line)
        cut_lines += len(part.lines) - len(lines)
        if lines:
            text = "".join([part.opening, *lines, part.closing])
            texts.append(text)
            free_bytes -= _size(text)
    return "".join(texts), cut_lines


def _size(text: str) -> int:
    return len(text.encode())
