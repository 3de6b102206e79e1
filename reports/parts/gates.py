"""Gates as tables: all of them, those of one file, and the noise of a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.core import units
from bench.core.units import GAP
from reports.parts.sections import Section
from reports.parts.table import Cell, Column, Heading, Table, filled, number, plain
from reports.rows.details import GatedModel, GateSummary, Noise
from reports.rows.schema import grouped

_HASH = 8  # letters of a SHA-256
_NOISE = (
    "From files measured against themselves. Noise: the standard deviation of a block's ratio. "
    "Second slower: the second process of a block against the first. Detects from: the slowdown "
    "that a gate finds with 95 % power. Red if unchanged: simulated gates of one model, below it "
    "the upper 95 % limit."
)


def all_gates(gates: Sequence[GateSummary], links: Mapping[str, str]) -> Table:
    """Returns the table of all gates; what regressed or failed stands out.

    Args:
        links: addresses of the pages of files, by SHA-256, and of devices, by name.
    """
    columns: list[Column[GateSummary]] = [
        (_text("started"), _started),
        (_text("verdict"), lambda each: _detailed(each.verdict, each.counts)),
        (_text("device"), lambda each: _linked(each.device, links.get(each.device, ""))),
        (_text("model"), _models),
        (_text("baseline"), lambda each: _files([of.baseline_sha256 for of in each.models], links)),
        (
            _text("candidate"),
            lambda each: _files([of.candidate_sha256 for of in each.models], links),
        ),
        (_text("revision"), lambda each: plain(each.revision or GAP)),
    ]
    return filled(gates, columns, is_strong=lambda each: each.is_bad)


def of_file(sha256: str, gates: Sequence[GateSummary], links: Mapping[str, str]) -> Table | None:
    """Returns the gates of one file; ``None`` if there are none.

    Args:
        links: as for ``all_gates``, as addresses for the file's page.
    """
    found = [
        (gate, model)
        for gate in gates
        for model in gate.models
        if sha256 in (model.baseline_sha256, model.candidate_sha256)
    ]
    if not found:
        return None

    def side(each: tuple[GateSummary, GatedModel]) -> Cell:
        _, model = each
        if model.is_of_one_file:
            return plain("both sides")
        return plain("candidate" if sha256 == model.candidate_sha256 else "baseline")

    def other(each: tuple[GateSummary, GatedModel]) -> Cell:
        _, model = each
        if model.is_of_one_file:
            return plain("itself")
        files = {model.baseline_sha256, model.candidate_sha256} - {sha256}
        return _files(sorted(files), links)

    columns: list[Column[tuple[GateSummary, GatedModel]]] = [
        (_text("started"), lambda each: _started(each[0], above="../")),
        (_text("side"), side),
        (_text("against"), other),
        (_text("verdict"), lambda each: plain(each[1].verdicts)),
        (_text("device"), lambda each: _linked(each[0].device, links.get(each[0].device, ""))),
        (
            Heading(name="candidate over baseline"),
            lambda each: _detailed(each[1].latency, each[1].latency_interval),
        ),
    ]
    return filled(found, columns, is_strong=lambda each: "regressed" in each[1].verdicts)


def noise(lines: Sequence[Noise]) -> list[Section]:
    """Returns a section on each of a device's calibrations."""
    columns: list[Column[Noise]] = [
        (_text("models"), lambda each: plain(each.models)),
        (Heading(name="blocks"), _blocks),
        (Heading(name="noise", unit="%"), lambda each: _percent(each.block_sd_ratio)),
        (
            Heading(name="second slower", unit="%"),
            lambda each: number(each.second_slower_ratio, units.points),
        ),
        (Heading(name="processes per side"), lambda each: number(each.processes_per_side, str)),
        (
            Heading(name="detects from", unit="%"),
            lambda each: _percent(each.smallest_slowdown_ratio),
        ),
        (Heading(name="red if unchanged", unit="%"), _red),
    ]
    return [
        Section(
            heading="Calibration for gates",
            sentences=(
                *((_NOISE,) if place == 0 else ()),
                f"Calibrated {minute(at)} with {setup}{f'; {caveats}' if caveats else ''}.",
            ),
            charts=(),
            table=filled(of_one, columns),
        )
        for place, ((at, setup, caveats), of_one) in enumerate(
            grouped(lines, lambda each: (each.measured_at, each.setup, each.caveats)).items()
        )
    ]


def minute(at: str) -> str:
    """Returns a time of ISO 8601 to the minute."""
    return at[:16].replace("T", " ")


def _started(gate: GateSummary, above: str = "") -> Cell:
    link = f"{above}{gate.page}" if gate.page else ""
    text = minute(gate.started_at) or "unknown"
    return Cell(text=text, order=gate.started_at, link=link)


def _text(name: str) -> Heading:
    return Heading(name=name, numeric=False)


def _detailed(text: str, detail: str) -> Cell:
    return Cell(text=text, detail=detail, order=text)


def _linked(text: str, link: str) -> Cell:
    return Cell(text=text, order=text, link=link)


def _models(gate: GateSummary) -> Cell:
    names = [each.model for each in gate.models]
    if len(names) == 1:
        return plain(names[0])
    return Cell(text=units.counted(len(names), "model"), order=str(len(names)))


def _files(hashes: Sequence[str], links: Mapping[str, str]) -> Cell:
    known = list(dict.fromkeys(filter(None, hashes)))
    if not known:
        return plain(GAP)
    if len(known) > 1:
        return Cell(text=units.counted(len(known), "file"))
    return _linked(known[0][:_HASH], links.get(known[0], ""))


def _percent(share: float) -> Cell:
    return Cell(text=units.percent(share), order=share)


def _blocks(each: Noise) -> Cell:
    detail = f"{each.discarded} discarded" if each.discarded else ""
    return Cell(text=str(each.blocks), detail=detail, order=each.blocks)


def _red(each: Noise) -> Cell:
    return Cell(
        text=units.percent(each.red_ratio),
        detail=f"≤ {units.percent(each.red_ratio_high)}",
        order=each.red_ratio,
    )
