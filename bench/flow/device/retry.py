"""A phone that is lost in the middle of something: waited for, and tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from bench.adb.phone import Phone
from bench.core.errors import DeviceError, TransientDeviceError

WAIT_S = 120.0
_LOSSES = 3  # a phone that is lost so often without a finished process between is sick
_LOOK_S = 3.0
T = TypeVar("T")


class RebootedError(TransientDeviceError):
    """The phone came back on another boot, so its session is over."""


def patiently(
    phone: Phone,
    attempt: Callable[[int], T],
    *,
    wait_s: float,
    said: Callable[[str], None] = lambda what: None,
) -> T:
    """Returns what ``attempt`` returns, which is tried again when a lost phone is back.

    Args:
        attempt: is given how often the phone was lost in it.
        wait_s: how long a lost phone is waited for.

    Raises:
        RebootedError: ``attempt`` noticed it.
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
            said(f"{error.message}; waiting up to {wait_s:g} s for it")
        _wait(phone, wait_s, said)


def _wait(phone: Phone, wait_s: float, said: Callable[[str], None]) -> None:
    """Returns when the phone answers; what keeps it away is told once, with what to do."""
    deadline_s = time.monotonic() + wait_s
    told: set[str] = set()
    while True:
        left_s = max(deadline_s - time.monotonic(), 0.0)
        try:
            phone.wait(min(left_s, _LOOK_S))
        except TransientDeviceError as error:
            if left_s <= _LOOK_S:
                raise
            if error.message not in told:
                told.add(error.message)
                said(str(error))
        else:
            return
