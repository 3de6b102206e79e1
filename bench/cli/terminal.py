"""Tables on stdout and progress on stderr, by rich."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from bench.cli.console import shown_by
from bench.core import units
from bench.core.units import printable

LOG_EVERY_S = 30.0  # between two lines of a stage that is still running

OnProgress = Callable[[str, float, float], None]


class SafeConsole(Console):
    """A console that shows names as they are: nothing in a text is carried out, nor is markup."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Returns the text of a line or cell."""
        shown = shown_by(self.file, printable(text))
        return super().render_str(shown, **options | {"markup": False, "emoji": False})


def plain_table(title: str, headings: Iterable[str], left: Collection[str]) -> Table:
    """Returns an empty table in the style of all our tables.

    Args:
        headings: of its columns, which are right-aligned except those in ``left``.
    """
    table = Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading in left else "right")
    return table


def print_rows(
    headings: Iterable[str], rows: Iterable[Sequence[str]], right: Sequence[str] = (), **rich: Any
) -> None:
    """Prints a table on stdout.

    Args:
        right: headings of columns that are right-aligned.
        rich: options of rich's ``Table``.
    """
    table = Table(**rich)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left")
    for row in rows:
        table.add_row(*row)
    print_table(table)


def print_table(table: Table) -> None:
    """Prints a table on stdout, as wide as it needs to be where stdout is not a terminal."""
    width = None if sys.stdout.isatty() else 200
    for column in table.columns:
        column.overflow = "fold"  # a narrow terminal breaks a name and cuts nothing off
    SafeConsole(file=sys.stdout, width=width, highlight=False, soft_wrap=False).print(table)


def width() -> int:
    """Returns the columns of the terminal at stdout, at most 100; 78 where it is none."""
    return min(shutil.get_terminal_size().columns - 1, 100) if sys.stdout.isatty() else 78


class _Description(TextColumn):
    """A bar's label, made safe as all text is."""

    def render(self, task: Task) -> Text:
        return Text(printable(task.description))


class _Log(Progress):
    """Progress for a log: a line when a stage starts and ends, and one every 30 s between."""

    def __init__(self) -> None:
        super().__init__(console=SafeConsole(stderr=True), disable=True)
        self._began_s: dict[TaskID, float] = {}  # of the stages that are running
        self._due_s: dict[TaskID, float] = {}  # when their next line is due

    def add_task(self, description: str, *words: Any, **fields: Any) -> TaskID:
        task = super().add_task(description, *words, **fields)
        self._begin(task)
        self._print(f"{description}: started")
        return task

    def update(self, task_id: TaskID, *words: Any, **fields: Any) -> None:
        super().update(task_id, *words, **fields)
        self._show(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._show(task_id)

    def stop(self) -> None:
        for task in list(self._began_s):
            self._show(task, ended=True)
        super().stop()

    def _begin(self, task_id: TaskID) -> None:
        self._began_s[task_id] = time.monotonic()
        self._due_s[task_id] = self._began_s[task_id] + LOG_EVERY_S

    def _show(self, task_id: TaskID, *, ended: bool = False) -> None:
        task = next(each for each in self.tasks if each.id == task_id)
        now_s = time.monotonic()
        if ended or (task.total is not None and task.completed >= task.total):
            began_s = self._began_s.pop(task_id, None)
            if began_s is not None:
                self._print(f"{_amount(task)} in {units.elapsed(now_s - began_s)}")
        elif task_id not in self._began_s:
            self._begin(task_id)  # a bar that is used for its next stage
        elif now_s >= self._due_s[task_id]:
            self._due_s[task_id] = now_s + LOG_EVERY_S
            self._print(f"{_amount(task)} after {units.elapsed(now_s - self._began_s[task_id])}")

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


def _amount(task: Task) -> str:
    numbers = [task.completed] if task.total is None else [task.completed, task.total]
    texts = [f"{number:.1f}".removesuffix(".0") for number in numbers]
    return f"{task.description.strip()}: {' of '.join(texts)}"


@contextmanager
def progress() -> Iterator[Progress]:
    """Yields a progress display on stderr: bars on a terminal, else lines of stages and times."""
    if not sys.stderr.isatty():
        display: Progress = _Log()
    else:
        display = Progress(
            SpinnerColumn(),
            _Description("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=SafeConsole(stderr=True),
        )
    with display:
        yield display


@contextmanager
def stages() -> Iterator[OnProgress]:
    """Yields a callback for progress: the name of a stage, how much is done, and the total.

    A total of zero means not known yet.
    """
    with progress() as display:
        bars: dict[str, TaskID] = {}

        def on_progress(stage: str, done: float, total: float) -> None:
            if stage not in bars:
                bars[stage] = display.add_task(stage, total=None)
            display.update(bars[stage], completed=done, total=total or None)

        yield on_progress


@contextmanager
def one_bar(name: str, label: str = "{}") -> Iterator[OnProgress]:
    """Yields a callback as ``stages`` does, but for one bar that shows the current stage.

    Args:
        name: of the bar before its first stage.
        label: of the bar, with the stage in place of ``{}``.
    """
    with progress() as display:
        bar = display.add_task(name, total=None)

        def on_progress(stage: str, done: float, total: float) -> None:
            display.update(bar, description=label.format(stage), completed=done, total=total)

        yield on_progress
