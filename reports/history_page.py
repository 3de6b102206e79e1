"""The page of a history: where each model stands, and its nights as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core import atomic
from reports import schema, table
from reports.history import Nightly, history
from reports.page import Picture, environment, picture
from reports.standings import Standing, alarms, day, notes, short, who
from reports.standings import table as standings_table

_TITLE = "Models beside their anchor, night by night"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the page says of one model on one device."""

    heading: str
    alarms: Sequence[str]
    notes: Sequence[str]
    picture: Picture


def write_history(
    standings: Sequence[Standing],
    nights: Sequence[Nightly],
    *,
    out: Path,
    left_out: Sequence[str],
    provenance: Mapping[str, str],
) -> Path:
    """Returns the page it wrote into the folder ``out``, beside plots and the nights as CSV.

    Args:
        standings: at least one.
        nights: of all of them.
        left_out: sentences.
        provenance: name to text of what made these numbers.
    """
    parts = []
    for number, standing in enumerate(standings, start=1):
        own = [
            row for row in nights if (row.model, row.device) == (standing.model, standing.device)
        ]
        chart = history(own, margin=standing.margin)
        parts.append(
            Part(
                heading=who(standing),
                alarms=alarms(standing),
                notes=notes(standing),
                picture=picture(chart, out, "" if number == 1 else f"-{number}"),
            )
        )
    html = (
        environment()
        .get_template("history.html")
        .render(
            title=_TITLE,
            subtitle=_subtitle(nights),
            alarms=[f"{who(each)}: {line}." for each in standings for line in alarms(each)],
            standings=standings_table(standings),
            parts=parts,
            left_out=left_out,
            provenance={**_anchors(standings), **provenance},
        )
    )
    atomic.write_text(out / "nights.csv", table.to_csv(schema.listing(nights, Nightly)))
    atomic.write_text(out / "index.html", html)
    return out / "index.html"


def _subtitle(rows: Sequence[Nightly]) -> str:
    days = sorted(day(row.started_at) for row in rows)
    devices = sorted({row.device for row in rows})
    sessions = len({row.session for row in rows})
    gates = f"{sessions} gate" if sessions == 1 else f"{sessions} gates"
    return f"{gates} from {days[0]} to {days[-1]} on {', '.join(devices)}"


def _anchors(standings: Sequence[Standing]) -> dict[str, str]:
    lines = {f"{each.model} {short(each.anchor_sha256)}" for each in standings}
    return {"anchor": "\n".join(sorted(lines))}
