"""Repeats an action that the loss of a phone interrupted, once the phone is connected again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from bench.adb.phone import Phone
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
) -> T:
    """Returns the result of ``attempt``, which is called again when a lost phone is back.

    Args:
        attempt: takes the number of losses so far.
        wait_s: how long to wait for a lost phone.

    Raises:
        RebootedError: raised by ``attempt``.
        DeviceError: the phone did not come back, or was lost again and again.
    """
    losses = 0
    while True:
        try:
            return attempt(losses)
        except RebootedError:
            raise
        except TransientDeviceError as error:
            losses += 1
            if losses > _LOSSES:
                raise DeviceError(
                    f"{phone.serial}: set aside: lost {losses} times in a row, the last time: "
                    f"{error.message}",
                    hint="check the phone and its cable, then run again: what was measured is kept",
                    serial=phone.serial,
                ) from error
            on_message(f"{error.message}; waiting up to {wait_s:g} s for it")
        _wait(phone, wait_s, on_message)


def _wait(phone: Phone, wait_s: float, on_message: Callable[[str], None]) -> None:
    """Returns when the phone answers; each reason why it does not is shown once, with a hint."""
    deadline_s = time.monotonic() + wait_s
    reported: set[str] = set()
    while True:
        left_s = max(deadline_s - time.monotonic(), 0.0)
        try:
            phone.wait(min(left_s, _POLL_S))
        except TransientDeviceError as error:
            if left_s <= _POLL_S:
                raise
            if error.message not in reported:
                reported.add(error.message)
                on_message(str(error))
        else:
            return
