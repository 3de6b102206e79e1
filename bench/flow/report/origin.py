"""Where the numbers of a session come from: measured here, imported from a log, or merged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.core.caveats import Caveat, CaveatKind
from bench.core.units import one_line
from bench.store.records import Event
from reports.rows.schema import MEASURED_HERE

# Kinds of events.
IMPORTED = "imported"
MERGED = "merged"
_SHORT = 12  # characters of a hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the numbers of a session come from.

    Args:
        text: ``measured here``, or how they came here and from which file.
        is_imported: they are from a log that somebody else had.
    """

    text: str = MEASURED_HERE
    is_imported: bool = False

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """The caveat of an imported row."""
        if not self.is_imported:
            return ()
        return (Caveat(kind=CaveatKind.IMPORTED, evidence=self.text),)


HERE = Origin()


def origin_of(events: Iterable[Event]) -> Origin:
    """Returns the origin of a session by its events."""
    steps = [each for each in events if each.kind in (IMPORTED, MERGED)]
    if not steps:
        return HERE
    words = [
        f"{each.kind} from {one_line(str(each.facts.get('file')))} "
        f"({one_line(str(each.facts.get('sha256')))[:_SHORT]})"
        for each in steps
    ]
    return Origin(text=", ".join(words), is_imported=any(each.kind == IMPORTED for each in steps))
