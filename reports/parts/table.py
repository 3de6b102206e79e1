"""Tables of displayed numbers: the one of all results, and tables as CSV and Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.core import units
from bench.core.caveats import Caveat, CaveatKind
from bench.core.units import GAP
from reports.rows import schema
from reports.rows.aspects import Aspect, in_words, varying
from reports.rows.frontier import Mark, Marked
from reports.rows.names import row_names, short_names
from reports.rows.schema import Listing, Row, Timed


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
    """

    text: str
    detail: str = ""
    marks: tuple[str, ...] = ()
    order: float | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of cells; strong ones stand out."""

    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Headings and lines, ready to be written in any markup."""

    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]


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


def results(marked: Sequence[Marked], notes: Footnotes) -> Table:
    """Returns the table of all rows; what is the same in all of them is left to ``shared``."""
    rows = [each.row for each in marked]
    for kind in CaveatKind:  # in the order of kinds, not of rows
        if any(caveat.kind is kind for row in rows for caveat in row.caveats):
            notes.mark_caveats([Caveat(kind=kind)])
    columns = _columns(rows, notes)
    lines = tuple(
        Line(
            cells=tuple(make(each.row, each.mark) for _, make in columns),
            strong=each.mark.on_frontier,
        )
        for each in marked
    )
    return Table(headings=tuple(heading for heading, _ in columns), lines=lines)


def results_csv(rows: Sequence[Row]) -> str:
    """Returns all columns of rows as CSV, the published ones first; no value is an empty field."""
    listed = schema.listing(rows, Row)
    others = [name for name in listed.columns if name not in schema.PUBLISHED]
    return to_csv(listed.select([*schema.PUBLISHED, *others]))


def to_csv(listed: Listing) -> str:
    """Returns rows as CSV with unrounded numbers."""
    import pandas  # here, so that a program that writes no CSV starts faster

    # Objects, so that a column of whole numbers with gaps is not turned into floats.
    frame = pandas.DataFrame(listed.rows, columns=list(listed.columns), dtype=object)
    return str(frame.to_csv(index=False, lineterminator="\n"))


def to_markdown(table: Table, notes: Sequence[tuple[str, str]] = (), lead: str = "") -> str:
    """Returns a table, between a lead and footnotes, as GitHub's Markdown; names are whole."""
    lines = [_escape(lead), ""] if lead else []
    lines += [
        _markdown_line(heading.text for heading in table.headings),
        _markdown_line("--:" if heading.numeric else ":--" for heading in table.headings),
    ]
    for line in table.lines:
        texts = []
        for cell, heading in zip(line.cells, table.headings, strict=True):
            text = cell.detail or cell.text
            if heading.numeric and cell.detail:
                text = f"{cell.text} ({cell.detail})"
            texts.append(_escape(text) + "".join(f"<sup>{mark}</sup>" for mark in cell.marks))
        if line.strong:
            texts[0] = f"**{texts[0]}**"
        lines.append(_markdown_line(texts))
    lines += ["", *(f"<sup>{letter}</sup> {_escape(text)}  " for letter, text in notes)]
    return "\n".join(lines).rstrip() + "\n"


def name_cell(student: str, short: Mapping[str, str], marks: tuple[str, ...] = ()) -> Cell:
    """Returns a student's short name, with the full one as its detail where they differ."""
    name = short[student]
    return Cell(text=name, detail="" if name == student else student, marks=marks, order=student)


def plain(text: str) -> Cell:
    """Returns a cell of text that sorts as it reads."""
    return Cell(text=text, order=text)


def interval(low: str, high: str) -> str:
    """Returns two formatted ends as a range; empty if one is absent."""
    return "" if GAP in (low, high) else f"{low}–{high}"


_Make = Callable[[Row, Mark], Cell]
_BETWEEN_SESSIONS = (
    "how far the medians of several sessions on this device are apart; "
    "intervals are within one session"
)


def _columns(rows: Sequence[Row], notes: Footnotes) -> list[tuple[Heading, _Make]]:
    short = short_names(row.file.student for row in rows)
    names = row_names(rows)

    def student(row: Row, _: Mark) -> Cell:
        marks = notes.mark_caveats(row.caveats, of=f"{names[row]} {row.file.format}")
        return name_cell(row.file.student, short, marks)

    columns: list[tuple[Heading, _Make]] = [
        (Heading(name="student", numeric=False), student),
        (Heading(name="format", numeric=False), lambda row, _: plain(row.file.format)),
        (Heading(name="frontier", numeric=False), lambda _, mark: _membership(mark, notes)),
    ]
    columns += [(heading, _of_row(make)) for heading, make in varying_columns(rows)]
    columns += _scores(notes)
    columns += _latencies(rows, notes)
    columns += _between_sessions(rows, notes)
    columns += _sizes(rows, notes)
    return columns


def _membership(mark: Mark, notes: Footnotes) -> Cell:
    if mark.frontier_latency is None:
        return notes.gap(mark.not_eligible)
    star = "★ " if mark.on_frontier else ""
    order = f"{0 if mark.on_frontier else 1}{mark.frontier_latency}"
    return Cell(text=star + mark.frontier_latency, order=order)


def varying_columns(
    rows: Sequence[Timed],
) -> list[tuple[Heading, Callable[[Timed], Cell]]]:
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


def _of_row(make: Callable[[Timed], Cell]) -> _Make:
    return lambda row, _: make(row)


def _scores(notes: Footnotes) -> list[tuple[Heading, _Make]]:
    def score(row: Row, _: Mark) -> Cell:
        if row.score_mean is None:
            return notes.gap("not scored")
        ends = interval(units.percent(row.score_low), units.percent(row.score_high))
        return Cell(text=units.percent(row.score_mean), detail=ends, order=row.score_mean)

    def gain(row: Row, _: Mark) -> Cell:
        if row.score_mean is None:
            return notes.gap("not scored")
        if row.score_floor_mean is None:
            return notes.gap("the log-mel floor was not scored")
        gained = row.score_mean - row.score_floor_mean
        return Cell(text=units.points(gained), order=gained)

    return [
        (Heading(name="accuracy", unit="%"), score),
        (Heading(name="over floor", unit="points"), gain),
    ]


def _latencies(rows: Sequence[Row], notes: Footnotes) -> list[tuple[Heading, _Make]]:
    def quantity(column: str, words: str, unit: str, low: str = "", high: str = "") -> None:
        scale = units.duration_scale(getattr(row, column) for row in rows)

        def make(row: Row, _: Mark) -> Cell:
            value = getattr(row, column)
            if value is None:
                return notes.gap("not timed")
            ends = ""
            if low:
                ends = interval(scale.number(getattr(row, low)), scale.number(getattr(row, high)))
            return Cell(text=scale.number(value), detail=ends, order=value)

        columns.append((Heading(name=words, unit=f"{scale.unit}{unit}"), make))

    columns: list[tuple[Heading, _Make]] = []
    quantity(
        "latency_us_per_audio_s",
        "latency",
        " per s of audio",
        "latency_us_per_audio_s_low",
        "latency_us_per_audio_s_high",
    )
    columns.append((Heading(name="front-end", numeric=False), lambda row, _: plain(row.frontend)))
    quantity("latency_us_median", "file alone", "", "latency_us_low", "latency_us_high")
    quantity("init_us_median", "load", "")
    return columns


def _between_sessions(rows: Sequence[Row], notes: Footnotes) -> list[tuple[Heading, _Make]]:
    """Returns how far sessions are apart, where there are several; no interval includes that."""

    def spread(row: Row, _: Mark) -> Cell:
        if row.session_spread_ratio is None:
            return notes.gap("one session only")
        return Cell(
            text=f"±{units.percent(row.session_spread_ratio)}",
            detail=f"{row.sessions} sessions",
            marks=(notes.mark(_BETWEEN_SESSIONS),),
            order=row.session_spread_ratio,
        )

    if all(row.session_spread_ratio is None for row in rows):
        return []
    return [(Heading(name="between sessions", unit="%"), spread)]


def _sizes(rows: Sequence[Row], notes: Footnotes) -> list[tuple[Heading, _Make]]:
    def counted(column: str, words: str, scale: units.Scale, reason: str) -> None:
        def make(row: Row, _: Mark) -> Cell:
            value = getattr(row, column)
            if value is None:
                return notes.gap(reason)
            return Cell(text=scale.number(value), order=float(value))

        columns.append((Heading(name=words, unit=scale.unit), make))

    def nodes(row: Row, _: Mark) -> Cell:
        if row.partitions is None or row.nodes_total is None:
            return notes.gap("partitions unknown")
        taken = f"{row.nodes_delegated} of {row.nodes_total} nodes"
        return Cell(text=str(row.partitions), detail=taken, order=float(row.partitions))

    columns: list[tuple[Heading, _Make]] = []
    counted("size_bytes", "size", units.size_scale(row.size_bytes for row in rows), "")
    for column, words in (("parameters", "weights"), ("macs", "multiply-adds")):
        scale = units.count_scale(getattr(row, column) for row in rows)
        counted(column, words, scale, f"{words} unknown")
    columns.append((Heading(name="partitions"), nodes))
    return columns


def _markdown_line(texts: Iterable[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _escape(text: str) -> str:
    for sign in ("\\", "|", "*", "_", "`", "<"):
        text = text.replace(sign, f"\\{sign}")
    return text
