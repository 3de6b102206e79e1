"""Repeats an action that the loss of a phone interrupted, once the phone is connected again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from bench.adb.phone import Phone, is_hang
from bench.core.errors import DeviceError, RebootedError, TransientDeviceError

_LOSSES = 3  # a phone that is lost more often in a row is unreliable
_POLL_S = 3.0
T = TypeVar("T")


def retry_when_reconnected(
    phone: Phone,
    attempt: Callable[[int], T],
    *,
    wait_s: float,
    on_message: Callable[[str], None] = lambda message: None,
    revive: Callable[[Phone, DeviceError], bool] = lambda phone, error: False,
) -> T:
    """Returns the result of ``attempt``, which is called again when a lost phone is back.

    Args:
        attempt: takes the number of losses so far.
        wait_s: how long to wait for a lost phone.
        revive: takes a phone that hangs and why it is given up; returns whether it was rebooted.

    Raises:
        RebootedError: raised by ``attempt``, or the phone was revived.
        DeviceError: the phone did not come back, or was lost again and again.
    """
    losses = 0
    while True:
        try:
            return attempt(losses)
        except RebootedError:
            raise
        except DeviceError as error:
            if not is_hang(error):
                raise
            losses += 1
            given_up = _given_up(phone, error, losses)
            if given_up is None:
                on_message(f"{error.message}; waiting up to {wait_s:g} s for it")
                given_up = _wait(phone, wait_s, on_message)
            if given_up is not None:
                if revive(phone, given_up):
                    raise rebooted(phone.serial) from given_up
                raise given_up from error


def rebooted(serial: str) -> RebootedError:
    """Returns the error of a phone that is on another boot."""
    return RebootedError(f"{serial}: it was rebooted", hint="run again: a new session begins")


def _given_up(phone: Phone, error: DeviceError, losses: int) -> DeviceError | None:
    """Returns why a phone is not waited for; ``None`` if it is."""
    if not isinstance(error, TransientDeviceError):
        return error
    if losses <= _LOSSES:
        return None
    return DeviceError(
        f"{phone.serial}: set aside: lost {losses} times in a row, the last time: {error.message}",
        hint="check the phone and its cable, then run again: what was measured is kept",
        serial=phone.serial,
    )


def _wait(phone: Phone, wait_s: float, on_message: Callable[[str], None]) -> DeviceError | None:
    """Returns when the phone answers, or why it does not; each reason is shown once with a hint.

    Raises:
        DeviceError: it answers that it cannot be used.
    """
    deadline_s = time.monotonic() + wait_s
    reported: set[str] = set()
    while True:
        left_s = max(deadline_s - time.monotonic(), 0.0)
        try:
            phone.wait(min(left_s, _POLL_S))
        except TransientDeviceError as error:
            if left_s <= _POLL_S:
                return error
            if error.message not in reported:
                reported.add(error.message)
                on_message(str(error))
        except DeviceError as error:
            if not is_hang(error):
                raise
            return error
        else:
            return None
