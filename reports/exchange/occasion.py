"""What a session adds to its rows for other projects' formats, and the stable name of a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.rows.schema import Row

_SHORT = 8  # characters of a case's key


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Where and when a session was measured.

    Args:
        started_at: UTC, ISO 8601.
        device_key: identity of the device.
        device_kind: ``phone``, ``host`` or ``unknown``.
        program: version of frill-bench that measured it.
    """

    started_at: str
    device_key: str
    device_kind: str
    os_build: str
    cores: int | None
    program: str

    @property
    def platform(self) -> str:
        """``android``, ``linux``, ``darwin``, ``windows`` or ``unknown``."""
        if self.device_kind == "phone":
            return "android"
        return self.os_build.partition(" ")[0].lower() if self.device_kind == "host" else "unknown"


Occasions = Mapping[str, Occasion]  # by the id of the session


def series_name(row: Row) -> str:
    """Returns a name that a row keeps in every export: it does not depend on other rows.

    It ends in the case's key, so what is never compared (another tool, another protocol) is another
    series.
    """
    setup = row.setup
    threads = "unknown" if setup.threads is None else setup.threads
    hop = "" if row.audio_s_per_inference is None else f"/hop:{row.audio_s_per_inference:g}s"
    return (
        f"{row.file.name}/{setup.device}/{setup.runner}/{setup.delegate}/threads:{threads}{hop}/"
        f"{row.case_key[:_SHORT]}"
    )


def facts(row: Row, occasions: Occasions) -> dict[str, str]:
    """Returns the provenance of a row, as text."""
    at = occasions[row.session]
    named = {
        "artifact_sha256": row.file.artifact_sha256,
        "tool_sha256": row.setup.tool_sha256,
        "case_key": row.case_key,
        "session": row.session,
        "started_at": at.started_at,
        "runtime": row.setup.runtime,
        "protocol": row.setup.protocol,
        "origin": row.setup.origin,
        "caveats": ";".join(sorted({each.kind.value for each in row.caveats})),
        "program": f"frill-bench {at.program}",
    }
    return {name: value for name, value in named.items() if value}
