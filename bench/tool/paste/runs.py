"""Divides a paste into the runs that it holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from bench.tool.parse import failures
from bench.tool.parse.lines import Line
from bench.tool.paste import forms, shell

_SETUP = ("start", "echo", "runs", "warmups", "threads", "graph", "options", "loaded")
_DELEGATES = ("applied", "refused", "made")  # on standard output, before the session
_MEASURED = ("phase", "count", "timings")
_ONCE = (*_SETUP, "session", "size", "timings", "memory", "peak", "report", "loading", "runner")
_STDOUT = (*_SETUP, "session", "size", *_MEASURED, "memory", "peak", "report", "python report")
_VIEWERS = re.compile(r"\b(?:logcat|cat|tail|head|less|more|grep|type|adb pull)\b")
_SUMMARY_ROW = re.compile(r"(?P<name>[a-z][^:=]*?): +(?P<rest>count=.*|failed!)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The lines of one run.

    Args:
        lines: as pasted, without margins.
        command: the command that started it; empty if the paste does not have it.
        name: the configuration's name in the summary of a tool that runs several; else empty.
        is_row: whether it is only a line of that summary.
    """

    lines: tuple[str, ...]
    command: str = ""
    name: str = ""
    is_row: bool = False


@dataclass(slots=True)
class _Draft:
    """A run that is being read."""

    command: str = ""
    lines: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def is_over_at(self, kind: str) -> bool:
        """Returns whether a line of this kind can only be of the next run."""
        seen = self.seen
        if kind in _STDOUT and seen["python report"]:
            return True  # that tool prints nothing after its report, and no such line
        if kind == "start":  # lines of the other stream may stand before it
            return any(seen[each] for each in (*_SETUP, "session", "size", *_MEASURED, "failed"))
        if kind in _SETUP or kind in ("session", "size"):
            later = ("session", "size", *_MEASURED) if kind in _SETUP else _MEASURED
            return bool(seen[kind] or seen["failed"] or any(seen[each] for each in later))
        return self._is_over_later(kind)

    def _is_over_later(self, kind: str) -> bool:
        """The same, for lines after those that describe the run."""
        seen = self.seen
        if kind in _DELEGATES:
            return any(seen[each] for each in (*_MEASURED, "failed"))
        if seen["tensorflow"] and kind in ("count", "timings"):
            return False  # TensorFlow's own tool has three phases
        if kind in ("phase", "count"):
            return seen[kind] >= 2 or seen["timings"] > 0
        if kind == "timings" and seen["report"]:
            return True  # a tool prints one or the other
        if kind == "python report" and any(seen[each] for each in _STDOUT):
            return True
        return kind in _ONCE and seen[kind] > 0

    def add(self, line: str, kind: str) -> None:
        """Adds a line."""
        self.lines.append(line)
        self.seen[kind] += bool(kind)


def split(lines: list[str]) -> list[Run]:
    """Returns the runs in the lines of a paste, in the order of their beginnings.

    A run begins at a command, and where a line is printed that cannot follow in the same run.
    Processes in logcat are separate. A run without a line of a benchmark program is left out,
    unless there is nothing else.
    """
    if _is_document(lines):
        return [Run(lines=tuple(lines))]
    runs: list[Run] = []
    carried = ""
    for command, part in _parts(lines):
        found = list(_runs_of_part(command, part))
        useful = [run for run in found if has_output(run)]
        if useful and carried and (not command or _VIEWERS.search(command)):
            useful[0] = replace(useful[0], command=carried)
        carried = command if shell.is_run(command) and not useful else ""
        runs += useful if useful else found
    useful = [run for run in runs if has_output(run)]
    return useful or _all_in_one(runs)


def _is_document(lines: list[str]) -> bool:
    """Returns whether the lines are those of one JSON document of a benchmark program."""
    texts = [forms.message(line).text for line in lines]
    kinds = {form.kind for text in texts if (form := forms.find(text))}
    return kinds == {"document"} and next(filter(None, texts), "").startswith("{")


def has_output(run: Run) -> bool:
    """Returns whether a benchmark program, or the runtime, printed a line of this run."""
    messages = [forms.message(line) for line in run.lines]
    if run.is_row:
        return True
    if shell.is_run(run.command) and failures.find(messages)[0] is not None:
        return True
    return any(
        _is_printed(message.text) or forms.RUNTIME.match(message.text) or message.source
        for message in messages
    )


def _is_printed(text: str) -> bool:
    form = forms.find(text)
    return form is not None and form.marks


def _all_in_one(runs: list[Run]) -> list[Run]:
    command = next((run.command for run in runs if shell.is_run(run.command)), "")
    return [Run(lines=tuple(line for run in runs for line in run.lines), command=command)]


def _parts(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yields each command, empty before the first, and the lines that follow it."""
    command, part = "", []
    place = 0
    while place < len(lines):
        found, used = _command(lines, place)
        if found is None:
            part.append(lines[place])
        else:
            yield command, part
            command, part = found, []
        place += used
    yield command, part


def _command(lines: list[str], place: int) -> tuple[str | None, int]:
    """Returns the command that begins at ``place``, ``None`` if none does, and its lines."""
    line = lines[place]
    text = forms.message(line).text
    if forms.find(text) is not None:
        return None, 1
    prompt = shell.split_prompt(line)
    if prompt is not None:
        command = prompt[1]
    elif shell.is_bare_run(line) or (place == 0 and shell.is_rest(line)):
        command = line.strip().strip("`")
    else:
        return None, 1
    used = 1
    while place + used < len(lines) and _is_more(command, lines[place + used]):
        command = shell.join(command, lines[place + used])
        used += 1
    return command, used


def _is_more(command: str, line: str) -> bool:
    """Returns whether a line is the rest of a long command."""
    if forms.find(forms.message(line).text) is not None:
        return False
    if shell.is_continued(command):
        return True
    if shell.is_run(command) and shell.is_cut(command) and not shell.split_prompt(line):
        return True
    if not shell.is_run(command) or shell.is_bare_run(line) or shell.split_prompt(line):
        return False
    return shell.is_rest(line)


def _runs_of_part(command: str, part: list[str]) -> Iterator[Run]:
    """Yields the runs in the lines after one command."""
    messages = [forms.message(line) for line in part]
    processes = dict.fromkeys(message.pid for message in messages if message.pid is not None)
    is_alone = len(processes) < 2 and not (
        processes and any(message.pid is None and _is_printed(message.text) for message in messages)
    )
    if is_alone:
        yield from _runs_of_process(command, part, messages)
        return
    for process in (*processes, None):
        own = [
            (line, message)
            for line, message in zip(part, messages, strict=True)
            if message.pid == process
        ]
        if own:
            lines, texts = [line for line, _ in own], [message for _, message in own]
            yield from _runs_of_process(command, lines, texts)


def _runs_of_process(command: str, lines: list[str], messages: list[Line]) -> Iterator[Run]:
    draft, in_summary = _Draft(command=command), False
    rows: list[Run] = []
    done: list[Run] = []
    several = any("performance_options" in each for each in (command,))
    for line, message in zip(lines, messages, strict=True):
        form = forms.find(message.text)
        kind = form.kind if form else ""
        several = several or kind == "options"
        if kind == "summary":
            in_summary = True
        elif row := in_summary and _SUMMARY_ROW.match(message.text):
            rows.append(Run(lines=(row["rest"],), command=command, name=row["name"], is_row=True))
        elif kind != "options":
            if draft.is_over_at(kind):
                done.append(_finished(draft))
                draft = _Draft(command=command if several else "")
            draft.add(line, kind)
    yield from _with_rows([*done, _finished(draft)], rows)


def _finished(draft: _Draft) -> Run:
    return Run(lines=tuple(draft.lines), command=draft.command)


def _with_rows(runs: list[Run], rows: list[Run]) -> Iterator[Run]:
    """Yields runs and the rows of their summary; a run and its row are one run with a name."""
    names: dict[str, str] = {row.lines[0]: row.name for row in rows}
    for run in runs:
        counts = [forms.message(line).text for line in run.lines]
        name = next((names.pop(each) for each in reversed(counts) if each in names), "")
        if run.lines:
            yield replace(run, name=name)
    yield from (row for row in rows if row.lines[0] in names)
