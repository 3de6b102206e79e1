"""Reboots a phone that hangs, where the user allows it."""

from __future__ import annotations

from collections.abc import Callable

from bench.adb.phone import Phone
from bench.adb.reboot import reboot
from bench.adb.state.facts import Facts
from bench.core.errors import DeviceError

REBOOT = "reboot-asked"


class Reviver:
    """Reboots a phone once; a session that is measured before or after has the event.

    Args:
        allowed: the user allows it.
        remote: the phone is reached over a network.
    """

    def __init__(self, *, allowed: bool, remote: bool) -> None:
        self._allowed = allowed
        self._remote = remote
        self._reasons: list[str] = []
        self._log: Callable[..., None] | None = None
        self.on_message: Callable[[str], None] = lambda line: None
        self.facts: Facts | None = None

    def begin(self, log: Callable[..., None]) -> None:
        """Begins a session, which gets the event of an earlier reboot too.

        Args:
            log: stores an event.
        """
        for why in self._reasons:
            log(REBOOT, why=why)
        self._log = log

    def end(self) -> None:
        """Ends the session."""
        self._log = None

    def revive(self, phone: Phone, error: DeviceError) -> bool:
        """Returns whether a phone was rebooted, for the error that shows that it hangs."""
        if not self._allowed or self._reasons:
            return False
        facts = self.facts
        if self._remote and not (facts and facts.virtual):
            self.on_message(
                "it hangs, and is not rebooted: over a network it would not be reached again"
            )
            return False
        self._reasons.append(error.message)
        if self._log is not None:
            self._log(REBOOT, why=error.message)
        self.on_message(f"it hangs and is rebooted once, as --may-reboot allows: {error.message}")
        try:
            reboot(phone, boot_id=facts.boot_id if facts else None)
        except DeviceError as failure:
            self.on_message(str(failure))
            return False
        return True
