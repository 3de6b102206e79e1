"""FRILL's own table: students against their teacher, beside the published figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bench.core import units
from bench.core.artifact import Format
from bench.core.units import GAP, Scale
from reports.parts.documents import to_markdown
from reports.parts.sections import Section
from reports.parts.table import (
    Cell,
    Column,
    Footnotes,
    Heading,
    Table,
    filled,
    interval,
    plain,
)
from reports.plots.charts import Chart, Dot, Families, brief, colour_order, hollow, span
from reports.rows import published
from reports.rows.against_teacher import AgainstTeacher, Side, Source, places, published_lines
from reports.rows.aspects import short_sha256
from reports.rows.hops import seconds
from reports.rows.names import short_names
from reports.rows.schema import listing

_MS = Scale(unit="ms", per=1e3)
_MB = Scale(unit="MB", per=1e6)
_PUBLISHED = "published"
_COLOURS = 7
_OWN_FILE = (
    "{name} is a network of TRILL's shape with random weights, because TRILL's own weights do not "
    "come with this program. It gives latency and size, and has no accuracy. TRILL's own file "
    "takes its place once it is in the zoo (frill-bench zoo add trill.tflite --name trill)."
)
_NOT_COMPARABLE = (
    "not comparable: the front-end is in one file only, or was not timed, or the hops differ"
)
_INTERVALS = (
    "Small numbers are 95 % intervals. Those of ratios of latencies are from the ends of both "
    "intervals, so cautious; accuracies are compared in pairs, on the same clips, where no note "
    "states another way. Sizes are exact."
)


def to_document(lines: Sequence[AgainstTeacher], families: Families) -> str:
    """Returns all sections as one Markdown document, with its own footnotes."""
    notes = Footnotes()
    parts = ["# FRILL's table: student against teacher"]
    for section in sections(lines, families, notes):
        parts += [f"## {section.heading}", *section.sentences, to_markdown(section.table).rstrip()]
    footnotes = [f"<sup>{letter}</sup> {text}  " for letter, text in notes.listed()]
    published_ones = [f"- {text}" for text in published.DIFFERENCES]
    ends = ["What differs from the published figures:", "\n".join(published_ones)]
    return "\n\n".join([*parts, *ends, "\n".join(footnotes)]).rstrip() + "\n"


def sections(
    lines: Sequence[AgainstTeacher], families: Families, notes: Footnotes
) -> list[Section]:
    """Returns a section for each setup and session in which a teacher and students were timed.

    Args:
        families: of all rows, so that each has one colour in all charts.
    """
    return [_section(of_place, families, notes) for of_place in places(lines)]


def _section(lines: Sequence[AgainstTeacher], families: Families, notes: Footnotes) -> Section:
    first = lines[0]
    chart = _chart(lines, families)
    return Section(
        heading=f"{first.device}, {first.runner}, {first.delegate}, threads: {first.threads}",
        sentences=(
            _alike(lines),
            *_as_published(lines),
            *_teachers(lines),
            _INTERVALS,
        ),
        charts=() if chart is None else (chart,),
        table=_table([*published_lines(), *lines], notes),
    )


def _alike(lines: Sequence[AgainstTeacher]) -> str:
    """Returns what all measured lines share."""
    first = lines[0]
    counts = sorted({line.processes for line in lines if line.processes is not None})
    processes = "–".join(str(each) for each in dict.fromkeys((counts[0], counts[-1])))
    parts = [
        first.device,
        f"timed by {first.runner} {short_sha256(first.tool_sha256)}",
        first.runtime,
        f"delegate {first.delegate}",
        units.counted(first.threads or 0, "thread"),
        f"cores {first.affinity or 'all'}",
        f"{processes} processes per file",
        f"session {(first.session or '')[:8]}",
        f"hop {seconds(first.hop_s)}" if first.hop_s else "",
    ]
    return f"Teacher and students alike: {', '.join(filter(None, parts))}."


def _as_published(lines: Sequence[AgainstTeacher]) -> list[str]:
    """Returns what FRILL's own network gives here, beside the published ratios."""
    _, frill = published_lines()
    sentences = []
    own = [each for each in lines if each.alias == "frill" and each.times_as_fast is not None]
    for line in [each for each in own if each.format == Format.FLOAT32] or own[:1]:
        ends = interval(line.times_as_fast_low, line.times_as_fast_high, units.ratio)
        text = (
            f"FRILL's network ({line.format}): {units.ratio(line.times_as_fast)}"
            f"{f' ({ends})' if ends else ''} as fast as {lines[0].model}, with "
            f"{units.percent(line.size_ratio)} % of its size; published: "
            f"{units.ratio(frill.times_as_fast)} and {units.percent(frill.size_ratio)} %."
        )
        sentences.append(f"{text} {_frills_accuracy(line, frill)}")
    return sentences


def _frills_accuracy(line: AgainstTeacher, frill: AgainstTeacher) -> str:
    if line.is_untrained:
        return "Its weights are random here, so its accuracy is not compared."
    if line.score_ratio is None:
        return "Its accuracy was not compared."
    ends = interval(line.score_ratio_low, line.score_ratio_high, units.percent)
    return (
        f"It keeps {units.percent(line.score_ratio)} % ({ends}) of the accuracy of {line.teacher}; "
        f"published: {units.percent(frill.score_ratio)} % of TRILL's."
    )


def _teachers(lines: Sequence[AgainstTeacher]) -> list[str]:
    """Returns what the teachers are: of latency and size, and of accuracy."""
    sentences = []
    if lines[0].is_untrained:
        sentences.append(_OWN_FILE.format(name=lines[0].model))
    names = list(dict.fromkeys(line.teacher for line in lines if line.teacher is not None))
    if names:
        sentences.append(
            f"Accuracies are compared with {', '.join(names)}"
            f"{'' if names == [lines[0].model] else ', which the students were distilled from'}."
        )
    return sentences


def _chart(lines: Sequence[AgainstTeacher], families: Families) -> Chart | None:
    """Returns accuracy against speed, both over the teacher's; ``None`` where nothing has both."""
    chosen = [
        line
        for line in lines
        if line.side is Side.STUDENT and None not in (line.times_as_fast, line.score_ratio)
    ]
    if not chosen:
        return None
    frill = published_lines()[1]
    names = short_names(line.model for line in chosen)
    return Chart(
        name="student-teacher",
        title="Student against teacher",
        x_label=f"times as fast as {lines[0].model}, both files alone (log scale)",
        y_label="accuracy, share of the teacher's (%)",
        caption="Bars: 95 % intervals. Hollow markers: a caveat. In brackets: size, share of the "
        "teacher's. The published point has another device, other tasks and another teacher.",
        dots=(
            *(_dot(line, names[line.model], families[line.family or ""]) for line in chosen),
            _dot(frill, "FRILL, published", _PUBLISHED),
        ),
        numbers=listing([*chosen, frill], AgainstTeacher),
        families=_with_grey(colour_order(families)),
        levels=(("the teacher", 100.0),),
        y_most=None,
    )


def _with_grey(families: Sequence[str]) -> tuple[str, ...]:
    """Returns families and that of published points, which gets the last colour: grey."""
    return (*families, *[""] * (_COLOURS - 1 - len(families)), _PUBLISHED)


def _dot(line: AgainstTeacher, name: str, family: str) -> Dot:
    return Dot(
        x=span(line.times_as_fast_low, line.times_as_fast, line.times_as_fast_high, float),
        y=span(
            line.score_ratio_low,
            line.score_ratio,
            line.score_ratio_high,
            lambda share: 100 * share,
        ),
        family=family,
        hollow=hollow(line.caveats),
        label=f"{brief(line.alias or name)} ({_short_percent(line.size_ratio)} %)",
        format=line.format,
    )


def _short_percent(share: float | None) -> str:
    return units.significant(100 * (share or 0.0), 2)


def _table(lines: Sequence[AgainstTeacher], notes: Footnotes) -> Table:
    short = short_names(line.model for line in lines)

    def model(line: AgainstTeacher) -> Cell:
        text, detail = _model(line, short[line.model])
        marks = notes.mark_caveats(line.caveats)
        return Cell(text=text, detail=detail, marks=marks, order=line.model)

    def file(line: AgainstTeacher) -> Cell:
        return plain(GAP if line.artifact_sha256 is None else short_sha256(line.artifact_sha256))

    def value(name: str, text: Callable[[float | None], str]) -> Callable[[AgainstTeacher], Cell]:
        return partial(_value, name=name, text=text, notes=notes)

    columns: list[Column[AgainstTeacher]] = [
        (Heading(name="model", numeric=False), model),
        (Heading(name="format", numeric=False), lambda line: plain(line.format or GAP)),
        (Heading(name="times as fast", unit="file alone"), value("times_as_fast", units.ratio)),
        (
            Heading(name="times as fast", unit="with the front-end of a hop"),
            value("times_as_fast_app", units.ratio),
        ),
        (Heading(name="size", unit="% of the teacher's"), value("size_ratio", units.percent)),
        (Heading(name="accuracy", unit="% of the teacher's"), value("score_ratio", units.percent)),
        (
            Heading(name="difference", unit="points"),
            value("score_change", units.points),
        ),
        (Heading(name="file alone", unit=_MS.unit), value("latency_us_median", _MS.number)),
        (Heading(name="size", unit=_MB.unit), value("size_bytes", _MB.number)),
        (Heading(name="accuracy", unit="%"), value("score_mean", units.percent)),
        (Heading(name="SHA-256", numeric=False), file),
    ]
    return filled(lines, columns, is_strong=lambda line: line.source is Source.PUBLISHED)


def _model(line: AgainstTeacher, short: str) -> tuple[str, str]:
    """Returns the name of a line, with what a reader must know of it, and its full name."""
    words = [
        "published" if line.source is Source.PUBLISHED else "",
        "untrained" if line.is_untrained else "",
    ]
    kind = ", ".join(filter(None, words))
    name = line.alias or short
    text = f"{name} ({kind})" if kind else name
    if line.side is Side.TEACHER:
        of = "latency and size" if line.score_mean is None else "accuracy"
        role = "teacher" if line.source is Source.PUBLISHED or _is_whole(line) else f"{of} teacher"
        return text, f"{text}, {role}"
    if name == line.model:
        return text, ""
    full = ", ".join(filter(None, (line.alias, kind)))
    return text, f"{line.model} ({full})" if full else line.model


def _is_whole(line: AgainstTeacher) -> bool:
    """Returns whether a teacher has latency, size and accuracy."""
    return None not in (line.size_bytes, line.score_mean)


def _value(
    line: AgainstTeacher, *, name: str, text: Callable[[float | None], str], notes: Footnotes
) -> Cell:
    """Returns a number with its interval, where it has one, or why there is none."""
    found = getattr(line, name)
    if found is None:
        return notes.gap(_reason(line, name))
    stem = name.removesuffix("_median").removesuffix("_mean")
    ends = [getattr(line, f"{stem}_{end}", None) for end in ("low", "high")]
    between = " to " if text is units.points else "–"
    detail = "" if None in ends else between.join(map(text, ends))
    marks: tuple[str, ...] = ()
    if line.paired is False and name in ("score_ratio", "score_change"):
        marks = (notes.mark("not in pairs: from the ends of both intervals, so cautious"),)
    shown = text(found)
    if name == "latency_us_median" and line.source is Source.PUBLISHED:
        shown = f"{found / _MS.per:g}"  # as printed
    return Cell(text=shown, detail=detail, marks=marks, order=found)


def _reason(line: AgainstTeacher, name: str) -> str:
    """Returns why a line has no such number."""
    if not name.startswith("score"):
        if line.source is Source.PUBLISHED:
            return "not published with the front-end"
        if line.size_bytes is None:
            return "a teacher of accuracy only: no file of it was timed"
        return "not timed" if line.latency_us_median is None else _NOT_COMPARABLE
    if line.is_untrained:
        return "random weights, so its accuracy is not compared"
    if line.score_mean is None:
        return "not scored"
    if line.side is Side.TEACHER:
        return "the teacher itself"
    return "its teacher was not scored on these tasks"
