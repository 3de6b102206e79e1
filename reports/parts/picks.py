"""What is worth shipping, in words: the verdict, and each file on the frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core import units
from bench.core.caveats import Caveat, Effect
from bench.core.units import counted
from reports.parts.table import Footnotes, interval
from reports.rows.frontier import Marked, Membership
from reports.rows.hops import changes, hop_s, seconds
from reports.rows.names import row_names
from reports.rows.schema import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A file on the frontier, in words.

    Args:
        tags: what it is best at, such as ``fastest``.
        facts: (number, what it is, interval) for accuracy, latency and size.
        sentences: how certain its place is, how it compares with the most accurate, and so on.
        marks: of footnotes.
    """

    student: str
    full_name: str
    format: str
    tags: tuple[str, ...]
    facts: tuple[tuple[str, str, str], ...]
    sentences: tuple[str, ...]
    marks: tuple[str, ...]


def verdict(marked: Sequence[Marked]) -> str:
    """Returns in one or two sentences what of a view's rows is worth shipping."""
    rows = [each.row for each in marked]
    if all(row.score_mean is None for row in rows):
        return "Nothing was scored, so nothing can be called worth shipping." + _extremes(rows)
    eligible = [each for each in marked if not each.not_eligible]
    if not eligible:
        reasons = sorted({each.not_eligible for each in marked})
        return f"No file can be on the frontier: {'; '.join(reasons)}."
    noun = _noun(rows)
    on_frontier = [each for each in eligible if each.row.on_frontier]
    front = len(on_frontier)
    if len(eligible) == 1:
        text = f"Only one {noun} can be on the frontier, so there is nothing to compare it with."
    else:
        verb, for_each = ("is", "") if front == 1 else ("are", "for each, ")
        text = (
            f"{front} of {counted(len(eligible), noun)} {verb} on the frontier: {for_each}no "
            f"other {noun} is both faster and at least as accurate. "
        )
        text += _sureness(on_frontier, noun)
    if noun == "point":
        text += " A point is a file at a hop: faster is less time per second of audio."
    shared = _caveats_of_all([each.row for each in on_frontier])
    text += "".join(f" Caveat of all of them: {each}." for each in shared)
    others = len(rows) - len(eligible)
    if not others:
        return text
    return f"{text} {counted(others, noun)} could not compete (see the table)."


def picks(marked: Sequence[Marked], notes: Footnotes) -> list[Pick]:
    """Returns the files on the frontier of accuracy and latency, the fastest first."""
    all_rows = [each.row for each in marked]
    names = row_names(all_rows)
    hops = {change.row: f"Embedding {change.words}." for change in changes(all_rows)}
    noun = _noun(all_rows)
    front = sorted(
        (each for each in marked if each.row.on_frontier),
        key=lambda each: (each.row.latency_us_per_audio_s or 0, each.row.file.name),
    )
    rows = [each.row for each in front]
    return [
        Pick(
            student=names[row],
            full_name="" if names[row] == row.file.student else row.file.student,
            format=row.file.format,
            tags=_tags(row, rows),
            facts=_facts(row),
            sentences=(
                *_costs(row),
                *filter(None, [hops.get(row)]),
                *_sentences(row, each, rows, names, noun),
            ),
            marks=notes.mark_caveats(row.caveats),
        )
        for each, row in zip(front, rows, strict=True)
    ]


def _noun(rows: Sequence[Row]) -> str:
    """Returns what competes: files, or points where files stand at several hops."""
    files = {(row.file, row.setup) for row in rows}
    return "file" if len(files) == len(rows) else "point"


def _caveats_of_all(front: Sequence[Row]) -> list[str]:
    """Returns the degrading caveats that all of several rows have, in words."""
    if len(front) < 2:
        return []
    first, *others = ([_caveat(each) for each in _degrading(row)] for row in front)
    return [text for text in first if all(text in texts for texts in others)]


def _degrading(row: Row) -> list[Caveat]:
    return [each for each in row.caveats if each.effect is Effect.DEGRADE]


def _caveat(caveat: Caveat) -> str:
    return f"{caveat.text}{f' ({caveat.evidence})' if caveat.evidence else ''}"


def _sureness(front: Sequence[Marked], noun: str) -> str:
    sure = sum(each.membership is Membership.ON for each in front)
    if sure == len(front):
        return f"The 95 % intervals confirm {'it' if sure == 1 else 'each of them'}."
    if sure == 0:
        each = "it" if len(front) == 1 else "each of them"
        text = f"Within the 95 % intervals {each} may be beaten by another {noun}"
    else:
        text = f"The 95 % intervals confirm {sure} of them; the others may be beaten by another"
    apart = sum(each.is_sure_of_student for each in front) - sure
    return f"{text}{f', {apart} of them only by one of the same student' if apart else ''}."


def _extremes(rows: Sequence[Row]) -> str:
    timed = [row for row in rows if row.latency_us_per_audio_s is not None]
    smallest = min(rows, key=lambda row: (row.size_bytes, row.file.name))
    text = f" The smallest is {smallest.file.name} with {units.size(smallest.size_bytes)}."
    if timed:
        fastest = min(timed, key=lambda row: (row.latency_us_per_audio_s or 0, row.file.name))
        latency = units.duration(fastest.latency_us_per_audio_s)
        text += f" The fastest is {fastest.file.name} with {latency} per second of audio."
    return text


def _tags(row: Row, front: Sequence[Row]) -> tuple[str, ...]:
    if len(front) < 2:
        return ()
    best = {
        "fastest": min(each.latency_us_per_audio_s or 0 for each in front)
        == row.latency_us_per_audio_s,
        "most accurate": max(each.score_mean or 0 for each in front) == row.score_mean,
        "smallest": min(each.size_bytes for each in front) == row.size_bytes,
    }
    return tuple(tag for tag, holds in best.items() if holds)


def _facts(row: Row) -> tuple[tuple[str, str, str], ...]:
    scale = units.duration_scale([row.latency_us_per_audio_s])
    return (
        (
            f"{units.percent(row.score_mean)} %",
            "accuracy",
            interval(row.score_low, row.score_high, units.percent),
        ),
        (
            scale.text(row.latency_us_per_audio_s),
            "per second of audio",
            interval(row.latency_us_per_audio_s_low, row.latency_us_per_audio_s_high, scale.number),
        ),
        (units.size(row.size_bytes), "file", ""),
    )


def _costs(row: Row) -> list[str]:
    """Returns what one hop costs, in words: front-end and file apart."""
    if row.latency_us_median is None:
        return []
    file = units.duration(row.latency_us_median)
    every = f"Every {seconds(hop_s(row))}"
    if row.frontend_us_per_hop is None:
        return [f"{every}: {file}, front-end included."] if row.includes_frontend else []
    return [f"{every}: front-end {units.duration(row.frontend_us_per_hop)}, file {file}."]


def _sentences(
    row: Row, place: Marked, front: Sequence[Row], names: Mapping[Row, str], noun: str
) -> tuple[str, ...]:
    of_all = _caveats_of_all(front)
    caveats = [_caveat(each) for each in _degrading(row)]
    sentences = [f"Caveat: {each}." for each in caveats if each not in of_all]
    best = max(front, key=lambda each: (each.score_mean or 0, each.file.name))
    if best is not row:
        lost = units.points((row.score_mean or 0) - (best.score_mean or 0))
        faster = (best.latency_us_per_audio_s or 0) / (row.latency_us_per_audio_s or 1)
        sentences.append(
            f"Against the most accurate ({names[best]} {best.file.format}): {lost} points, "
            f"{units.ratio(faster, 2)} as fast, {_size_words(row.size_bytes / best.size_bytes)}."
        )
    sentences += _against_floor(row)
    if row.latency_us_per_audio_s_low is None:
        sentences.append("Its latency has no interval, so its place on the frontier is uncertain.")
    elif place.membership is Membership.ON:
        sentences.append("On the frontier by the 95 % intervals too.")
    else:
        rivals = counted(place.challengers, f"other {noun}")
        whose = ", all of the same student" if place.is_sure_of_student else ""
        sentences.append(f"Within the 95 % intervals {rivals} could beat it{whose}.")
    return tuple(sentences)


def _against_floor(row: Row) -> list[str]:
    floor, score = row.score_floor_mean, row.score_mean
    if floor is None or score is None or row.score_low is None or row.score_high is None:
        return []
    low, high = row.score_low - floor, row.score_high - floor
    if row.score_less_floor_low is not None and row.score_less_floor_high is not None:
        low, high = row.score_less_floor_low, row.score_less_floor_high  # of pairs: narrower
    if high < 0:
        return [f"{100 * (floor - score):.1f} points below the log-mel floor."]
    gain = f"{units.points(score - floor)} points over the log-mel floor"
    if low > 0:
        return [f"{gain} ({units.points(low)} to {units.points(high)})."]
    return [f"{gain}, which is within the interval: not shown to beat the floor."]


def _size_words(ratio: float) -> str:
    if ratio == 1:
        return "of the same size"
    larger = ratio > 1
    return f"{units.ratio(ratio if larger else 1 / ratio, 2)} {'larger' if larger else 'smaller'}"
