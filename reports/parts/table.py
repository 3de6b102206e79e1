"""Tables of displayed numbers, and the one of all results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from bench.core import units
from bench.core.caveats import Caveat
from bench.core.units import GAP
from reports.rows.aspects import Aspect, in_words, varying
from reports.rows.names import row_names, short_names
from reports.rows.schema import Row, Stream, Timed


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A column's head.

    Args:
        unit: shown beside its name; one for the whole column.
        numeric: right-aligned, sorted as numbers.
    """

    name: str
    unit: str = ""
    numeric: bool = True

    @property
    def text(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a table shows in one place.

    Args:
        detail: smaller, below: an interval or a full name.
        marks: of footnotes.
        order: what the column sorts by; ``None`` sorts last.
        link: address of the page about it.
    """

    text: str
    detail: str = ""
    marks: tuple[str, ...] = ()
    order: float | str | None = None
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of cells; strong ones stand out.

    Args:
        weight: where a table is cut, the heaviest lines stay.
    """

    cells: tuple[Cell, ...]
    strong: bool = False
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Headings and lines, ready to be written in any markup.

    Args:
        left_out: how many lines are not shown.
    """

    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]
    left_out: int = 0

    def first(self, most: int) -> Table:
        """Returns at most that many lines, in their order: the strong ones, then the heaviest."""
        places = _first([(each.strong, each.weight) for each in self.lines], most)
        lines = tuple(self.lines[at] for at in places)
        return replace(self, lines=lines, left_out=len(self.lines) - len(lines))


T = TypeVar("T")
R = TypeVar("R", bound=Timed)
F = TypeVar("F", Row, Stream)
Column: TypeAlias = tuple[Heading, Callable[[T], Cell]]
_MOST_NAMES = 3  # of files that share one evidence


class Footnotes:
    """Letters for the caveats and gaps of one document, in the order of their first use."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}
        self._evidence: dict[str, dict[str, dict[str, None]]] = defaultdict(dict)

    def mark(self, text: str) -> str:
        """Returns the letter of a footnote."""
        if text not in self._marks:
            index = len(self._marks)
            self._marks[text] = chr(ord("a") + index % 26) * (1 + index // 26)
        return self._marks[text]

    def mark_caveats(self, caveats: Iterable[Caveat], of: str = "") -> tuple[str, ...]:
        """Returns the letters of caveats.

        Args:
            of: what they are about, in words: with it, the footnotes hold their evidence.
        """
        letters = set()
        for caveat in caveats:
            text = f"{caveat.text} ({caveat.kind}: {caveat.effect})"
            letters.add(self.mark(text))
            if of and caveat.evidence:
                self._evidence[text].setdefault(caveat.evidence, {})[of] = None
        return tuple(sorted(letters))

    def gap(self, reason: str) -> Cell:
        """Returns an empty cell with the reason as its footnote."""
        return Cell(text=GAP, marks=(self.mark(reason),))

    def listed(self) -> list[tuple[str, str]]:
        """Returns (letter, text) of all footnotes until now, evidence included."""
        return [
            (letter, "; ".join([f"{text}: {lines[0]}", *lines[1:]]) if lines else text)
            for letter, text, lines in self.with_evidence()
        ]

    def with_evidence(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Returns (letter, text, lines of evidence) of all footnotes until now."""
        return [
            (letter, text, tuple(_lines(self._evidence.get(text, {}))))
            for text, letter in self._marks.items()
        ]


def _lines(evidence: Mapping[str, Mapping[str, None]]) -> list[str]:
    """Returns each evidence, and what it is about where there are several."""
    if len(evidence) == 1:
        return list(evidence)
    lines = []
    for text, about in evidence.items():
        names = list(about)
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        lines.append(f"{', '.join(names[:_MOST_NAMES])}{more}: {text}")
    return lines


def text_headings(*names: str) -> tuple[Heading, ...]:
    """Returns the heads of columns of text."""
    return tuple(Heading(name=name, numeric=False) for name in names)


def filled(
    rows: Sequence[T],
    columns: Sequence[Column[T]],
    *,
    is_strong: Callable[[T], bool] = lambda _: False,
    weight: Callable[[T], float] = lambda _: 0.0,
    most: int | None = None,
) -> Table:
    """Returns the table with a line for each of ``rows``, made line by line.

    Args:
        most: lines, as for ``Table.first``; the others are not made. ``None`` for no bound.
    """
    worth = [(is_strong(row), weight(row)) for row in rows]
    places = range(len(rows)) if most is None else _first(worth, most)
    return Table(
        headings=tuple(heading for heading, _ in columns),
        lines=tuple(
            Line(
                cells=tuple(make(rows[at]) for _, make in columns),
                strong=worth[at][0],
                weight=worth[at][1],
            )
            for at in places
        ),
        left_out=len(rows) - len(places),
    )


def _first(worth: Sequence[tuple[bool, float]], most: int) -> Sequence[int]:
    """Returns where at most that many lines are, of which it knows strength and weight."""
    first = sorted(range(len(worth)), key=lambda at: (not worth[at][0], -worth[at][1]))
    return sorted(first[:most])


def plain(text: str) -> Cell:
    """Returns a cell of text that sorts as it reads."""
    return Cell(text=text, order=text)


def number(value: float, text: Callable[[float], str], detail: str = "") -> Cell:
    """Returns the cell of a number."""
    return Cell(text=text(value), detail=detail, order=value)


def interval(low: float | None, high: float | None, text: Callable[[float | None], str]) -> str:
    """Returns both ends as a range; empty if one is absent."""
    ends = text(low), text(high)
    return "" if GAP in ends else "–".join(ends)


def file_columns(
    rows: Sequence[R],
    notes: Footnotes,
    mode: str = "",
    links: Mapping[str, str] = MappingProxyType({}),
) -> list[Column[R]]:
    """Returns the columns of each row's student, with its caveats, and format.

    The full name of a student is a detail where it differs from the short one.

    Args:
        mode: named where the footnotes say what evidence is about.
    """
    short = short_names(row.file.student for row in rows)
    names = row_names(rows, hops=False)

    def student(row: R) -> Cell:
        name = row.file.student
        about = ", ".join(filter(None, (f"{names[row]} {row.file.format}", mode)))
        marks = notes.mark_caveats(row.caveats, of=about)
        detail = "" if short[name] == name else name
        link = links.get(row.file.artifact_sha256, "")
        return Cell(text=short[name], detail=detail, marks=marks, order=name, link=link)

    return [
        (Heading(name="student", numeric=False), student),
        (Heading(name="format", numeric=False), lambda row: plain(row.file.format)),
    ]


def varying_columns(rows: Sequence[Timed]) -> list[Column[Timed]]:
    """Returns columns of what rows differ in besides their numbers."""
    columns = []
    for aspect in varying(rows):
        values = {aspect.value(row) for row in rows} - {None}
        numeric = all(isinstance(value, int | float) for value in values)
        columns.append((Heading(name=aspect.name, numeric=numeric), _aspect_cell(aspect)))
    return columns


def _aspect_cell(aspect: Aspect) -> Callable[[Timed], Cell]:
    def make(row: Timed) -> Cell:
        value = aspect.value(row)
        order = value if isinstance(value, int | float | str) else None
        return Cell(text=GAP if value is None else in_words(value), order=order)

    return make


def frontend_column(rows: Sequence[F], after: str = "") -> Column[F]:
    """Returns the column of what the front-end of a hop takes, or of where its time is counted.

    Args:
        after: further words of the unit.
    """
    scale = units.duration_scale(row.frontend_us_per_hop for row in rows)

    def make(row: F) -> Cell:
        if row.frontend_us_per_hop is None:
            return Cell(text=row.frontend)
        low, high = row.frontend_us_per_hop_low, row.frontend_us_per_hop_high
        ends = interval(low, high, scale.number)
        return number(row.frontend_us_per_hop, scale.number, ends)

    return Heading(name="front-end", unit=f"{scale.unit} per hop{after}"), make
