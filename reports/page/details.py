"""Writes the pages of single files and devices, beside the page of all results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.core import atomic
from reports.page.drawn import Picture, environment, inline_picture
from reports.parts import details as parts
from reports.parts import gates
from reports.parts.sections import Section
from reports.parts.table import Footnotes
from reports.plots.charts import Families
from reports.rows.details import Details
from reports.rows.frontier import Marked
from reports.rows.schema import Endurance, Stream, Task, grouped

_MOST_FILES = 100  # with a page of their own; of more, the first ones and those on the frontier
_FILES, _DEVICES = "files", "devices"


def addresses(details: Details, marked: Sequence[Marked]) -> dict[str, str]:
    """Returns the address of each page in the folder: by the file's SHA-256, by the device."""
    on_frontier = {each.row.file.artifact_sha256 for each in marked if each.row.on_frontier}
    files = sorted(details.files, key=lambda each: each.file.artifact_sha256 not in on_frontier)
    links = {
        each.file.artifact_sha256: (
            f"{_FILES}/{_slug(each.file.name)}.{each.file.artifact_sha256[:8]}.html"
        )
        for each in files[:_MOST_FILES]
    }
    for number, device in enumerate(details.devices, start=1):
        links[device.device] = f"{_DEVICES}/{number}-{_slug(device.device)}.html"
    return links


def write_details(
    details: Details,
    links: Mapping[str, str],
    marked: Sequence[Marked],
    tasks: Sequence[Task],
    streams: Sequence[Stream],
    endurances: Sequence[Endurance],
    families: Families,
    out: Path,
) -> None:
    """Writes the page of each file and each device that has an address.

    Args:
        links: those addresses.
    """
    above = {of: f"../{address}" for of, address in links.items()}
    of_rows = grouped(marked, lambda place: place.row.file.artifact_sha256)
    of_tasks = grouped(tasks, lambda task: task.artifact_sha256)
    of_streams = grouped(streams, lambda row: row.file.artifact_sha256)
    of_endurances = grouped(endurances, lambda row: row.file.artifact_sha256)
    for each in details.files:
        sha256 = each.file.artifact_sha256
        if sha256 not in links:
            continue
        notes = Footnotes()
        found = parts.of_file(
            each,
            of_rows.get(sha256, ()),
            of_tasks.get(sha256, ()),
            of_streams.get(sha256, ()),
            of_endurances.get(sha256, ()),
            families,
            notes,
            gates.of_file(sha256, details.gates, above),
        )
        _write(out / links[sha256], each.file.name, each.facts, each.caveats, found, notes)
    for device in details.devices:
        sections = parts.of_device(device)
        _write(out / links[device.device], device.device, device.facts, (), sections, Footnotes())


def _slug(name: str) -> str:
    """Returns a name as the name of a file that needs no escape in an address."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "x"


def _write(
    path: Path,
    title: str,
    facts: Mapping[str, str],
    caveats: Sequence[str],
    sections: Sequence[Section],
    notes: Footnotes,
) -> None:
    drawn: list[tuple[Section, list[Picture]]] = [
        (section, [inline_picture(chart, f"{chart.name}-{number}") for chart in section.charts])
        for number, section in enumerate(sections)
    ]
    html = (
        environment()
        .get_template("details.html")
        .render(
            title=title,
            facts=facts,
            caveats=caveats,
            sections=drawn,
            footnotes=notes.with_evidence(),
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, html)
