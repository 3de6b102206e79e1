"""Whether a phone is awake, in the dump of its power service."""

from __future__ import annotations

import re

from bench.core.device_state.state import AWAKE

# Without -m1: a dump whose reader leaves early complains on stderr, and its service logs a failure.
WAKEFULNESS = "dumpsys power | grep -E 'mWakefulness=|Display Power: state='"
_WAKEFULNESS = re.compile(r"mWakefulness=([A-Z]\w*)")
_DISPLAY = re.compile(r"Display Power: state=([A-Z]\w*)")
# What a phone without the first one is, by its display.
_BY_DISPLAY = {
    **dict.fromkeys(("ON", "ON_SUSPEND", "VR"), AWAKE),
    **dict.fromkeys(("DOZE", "DOZE_SUSPEND"), "Dozing"),
    "OFF": "Asleep",
}


def wakefulness(text: str) -> str | None:
    """Returns ``Awake``, ``Asleep``, ``Dreaming`` or ``Dozing``; ``None`` if the text has none."""
    found = _WAKEFULNESS.search(text)
    if found is not None:
        return found[1]
    display = _DISPLAY.search(text)
    return _BY_DISPLAY.get(display[1]) if display is not None else None


def key_to_restore(text: str) -> str | None:
    """Returns the key that makes a phone as it is now: ``WAKEUP`` or ``SLEEP``."""
    now = wakefulness(text)
    return now and ("WAKEUP" if now == AWAKE else "SLEEP")
