"""Phones by serial and the transport to each, resolved as adb does, over all ways at once."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.adb.transport.direct import PROMPT_LIMIT_S, DirectTransport
from bench.adb.transport.keys import load_keys
from bench.adb.transport.link import Link, TcpLink
from bench.adb.transport.server import AdbServer, ServerTransport, is_wireless, unusable_state
from bench.adb.transport.stream import Transport
from bench.core.config import near
from bench.core.errors import ConfigurationError

# A line of ``adb devices -l``: serial, state, ``key:value`` words. A serial may have blanks, such
# as "adb-R58N-Xy (2)._adb-tls-connect._tcp", and so may the state "no permissions (...)".
_STATES = (
    r"device|offline|unauthorized|authorizing|connecting|recovery|rescue|sideload|bootloader"
    r"|fastbootd?|host|detached|unknown|no permissions\b.*?"
)
_FIELDS = r"(?:[ \t]+\w+:\S*)*"
# The strictest that fits: a known state before fields, before anything, another state.
_LISTED = tuple(
    re.compile(rf"(?P<serial>\S.*?)[ \t]+(?P<state>{states})(?P<fields>{fields})\s*")
    for states, fields in ((_STATES, _FIELDS), (_STATES, r"(?:[ \t].*)?"), (r"\S+", _FIELDS))
)
_TCP = re.compile(r"(?:tcp:)?(?P<host>\[[0-9a-fA-F:]+\]|[^:\s]+):(?P<port>\d{1,5})")
_USABLE = "device"
_SETTLING = ("offline", "connecting", "authorizing")
_SETTLED_S = 8.0  # a server tries a lost network phone every 3 s, and may be slow
_POLL_S = 0.1


class Way(StrEnum):
    """How a phone is reached."""

    SERVER = "server"
    USB = "usb"
    TCP = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A phone and the way to it.

    Args:
        state: ``device`` if it can be used, as far as the listing shows.
        model: the phone's own name of its model; empty if it was not asked.
    """

    serial: str
    way: Way
    state: str = _USABLE
    model: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.serial, f"({self.way}, {self.state})", self.model)))


def is_remote(address: Found) -> bool:
    """Returns whether a phone is reached over a network, also through an adb server."""
    by_name = is_wireless(address.serial) or _TCP.fullmatch(address.serial) is not None
    return address.way is Way.TCP or by_name


def list_phones(environ: Mapping[str, str] = os.environ) -> list[Found]:
    """Returns the phones that the adb server or USB shows; the server owns what it lists.

    Raises:
        ConfigurationError: the environment names no usable adb server.
        TransientDeviceError: the server does not answer.
    """
    listing = AdbServer(environ).listing() or ""
    phones = [_phone_of(line) for line in listing.splitlines() if line.strip()]
    serials = {phone.serial for phone in phones}
    phones += [Found(serial=each, way=Way.USB) for each in _on_usb() if each not in serials]
    return phones


def resolve(
    serials: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    *,
    settled_s: float = _SETTLED_S,
) -> list[Found]:
    """Returns the selected phones: by serial, by ``ANDROID_SERIAL``, or the only one.

    ``host:port`` need not be listed: it is connected to. A phone to which the server is just
    connecting is waited for.

    Args:
        settled_s: how long that wait may take.

    Raises:
        ConfigurationError: no phone, or more than one, fits; lists the connected ones.
        DeviceError: a selected phone is connected but cannot be used.
    """
    deadline_s = time.monotonic() + settled_s
    while True:
        chosen = _select(serials, environ)
        unusable = [each for each in chosen if each.state != _USABLE]
        if not unusable:
            return chosen
        settling = all(each.state in _SETTLING for each in unusable)
        if not settling or time.monotonic() > deadline_s:
            raise unusable_state(unusable[0].serial, unusable[0].state)
        time.sleep(_POLL_S)


def way_to(
    address: Found,
    environ: Mapping[str, str] = os.environ,
    *,
    on_prompt: Callable[[], None] | None = None,
    prompt_limit_s: float = PROMPT_LIMIT_S,
) -> Transport:
    """Returns a transport to a phone; it connects when first used.

    Args:
        on_prompt: called when the phone asks its user whether this machine may use it.
        prompt_limit_s: how long to wait for that user.

    Raises:
        ConfigurationError: the keys are unusable, or the phone is gone from USB.
    """
    match address.way:
        case Way.SERVER:
            return ServerTransport(address.serial, AdbServer(environ))
        case Way.TCP:
            link: Link = TcpLink(*_address(address.serial))
        case Way.USB:
            from bench.adb.transport.usb import UsbLink

            link = UsbLink(address.serial)
    return DirectTransport(
        link, load_keys(environ), on_prompt=on_prompt, prompt_limit_s=prompt_limit_s
    )


def _select(serials: Sequence[str], environ: Mapping[str, str]) -> list[Found]:
    phones = list_phones(environ)
    names = list(dict.fromkeys(serials)) or list(filter(None, [environ.get("ANDROID_SERIAL")]))
    return [_by_name(name, phones) for name in names] if names else [_only(phones)]


def _phone_of(line: str) -> Found:
    line = line.strip()
    match = next(filter(None, (pattern.fullmatch(line) for pattern in _LISTED)), None)
    if match is None:
        return Found(serial=line, way=Way.SERVER, state="unknown")
    state = match["state"]
    fields = dict(word.split(":", 1) for word in match["fields"].split() if ":" in word)
    return Found(
        serial=match["serial"],
        way=Way.SERVER,
        # Its message "(user in plugdev group; ...); see [http...]" follows.
        state="no permissions" if state.startswith("no permissions") else state,
        model=fields.get("model", "").replace("_", " "),
    )


def _on_usb() -> list[str]:
    """Returns the serials on USB; none where libusb is missing or does not work."""
    try:
        from bench.adb.transport.usb import usb_ports

        return [port.serial for port in usb_ports()]
    except (ImportError, OSError, ConfigurationError):
        return []


def _by_name(serial: str, phones: Sequence[Found]) -> Found:
    for phone in phones:
        if phone.serial == serial:
            return phone
    if _TCP.fullmatch(serial):
        host, port = _address(serial)
        return Found(serial=f"{host}:{port}", way=Way.TCP)
    names = [phone.serial for phone in phones]
    raise ConfigurationError(
        f"no phone {serial!r}{near(serial, names)}", hint=f"connected: {_menu(phones)}"
    )


def _only(phones: Sequence[Found]) -> Found:
    match phones:
        case [one]:
            return one
        case []:
            raise ConfigurationError(
                "no phone is connected",
                hint="plug one in with USB debugging on, or name one: -s HOST:PORT; to measure on "
                "this machine instead: --host",
            )
        case _:
            raise ConfigurationError(
                f"{len(phones)} phones are connected",
                hint=f"pick with -s or ANDROID_SERIAL: {_menu(phones)}",
            )


def _address(serial: str) -> tuple[str, int]:
    match = _TCP.fullmatch(serial)
    if match is None or not 0 < int(match["port"]) < 1 << 16:
        raise ConfigurationError(
            f"{serial!r} is not a host:port", hint="write it as 192.168.0.7:5555"
        )
    return match["host"].strip("[]"), int(match["port"])


def _menu(phones: Sequence[Found]) -> str:
    return "; ".join(map(str, phones)) or "none"
