"""Reboots a phone that hangs, and waits until it has booted."""

from __future__ import annotations

import time
from contextlib import closing, suppress

from bench.adb.phone import Phone
from bench.core.errors import DeviceError, ServiceRefusedError, TransientDeviceError

BOOT_LIMIT_S = 300.0  # a phone that updates its apps meanwhile takes minutes
_ASK_LIMIT_S = 10.0
_ANSWER_S = 10.0
_POLL_S = 0.5
# The id, and whether Android has started all its services; empty where a phone hides that.
_STATE = "cat /proc/sys/kernel/random/boot_id; getprop sys.boot_completed"


def reboot(phone: Phone, *, boot_id: str | None = None, limit_s: float = BOOT_LIMIT_S) -> None:
    """Reboots a phone; returns when it has booted.

    adb's daemon does it, so it also works where no command runs any more.

    Args:
        boot_id: of the present boot; ``None`` if it is unknown.

    Raises:
        DeviceError: it takes no reboot, because its daemon does not answer either.
        TransientDeviceError: it did not come back, or it is still on the same boot.
    """
    before = boot_id or (_boot(phone) or (None,))[0]
    try:
        _ask(phone)
    except DeviceError as error:
        raise DeviceError(
            f"{phone.serial}: it takes no reboot either: {error.message}",
            hint="hold its power button until it restarts",
            serial=phone.serial,
        ) from error
    deadline_s = time.monotonic() + limit_s
    was_away = False
    while time.monotonic() < deadline_s:
        if phone.stopped():
            raise KeyboardInterrupt
        now = _boot(phone)
        was_away = was_away or now is None
        if now is not None and (now[0] != before if before else was_away) and now[1] in ("1", ""):
            return
        time.sleep(_POLL_S)
    raise TransientDeviceError(
        f"{phone.serial}: after a reboot was asked for it "
        f"{f'did not come back in {limit_s:g} s' if was_away else 'is still on the same boot'}",
        hint="check its screen: it may ask for its PIN, or hang while it boots",
        serial=phone.serial,
    )


def _ask(phone: Phone) -> None:
    try:
        stream = phone.transport.open("reboot:")
    except ServiceRefusedError:  # a daemon without that service
        with suppress(TransientDeviceError):  # it may be away before it answers
            phone.shell("reboot", limit_s=_ASK_LIMIT_S)
        return
    # Some end the service at once, some keep it until they go down.
    with closing(stream), suppress(TimeoutError, TransientDeviceError):
        stream.read(_ASK_LIMIT_S)


def _boot(phone: Phone) -> tuple[str, str] | None:
    """Returns the id of the boot and whether it is complete; ``None`` if the phone is away."""
    try:
        done = phone.shell(_STATE, limit_s=_ANSWER_S)
    except DeviceError:
        return None
    lines = done.text.splitlines()
    if done.timed_out or done.exit_status or not lines:
        return None
    return lines[0], lines[1] if len(lines) > 1 else ""
