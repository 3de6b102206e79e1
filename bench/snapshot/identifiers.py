"""What identifies a phone or its user, replaced.

Serials are hashed, so that they stay the same everywhere. All else has so few possible values (a
MAC address, an IMEI) that its hash could be reversed by trying them all: it becomes eight zeros.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.core.hashing import sha256_bytes

_SALT = b"frill-bench snapshot 1: "
_DIGITS = 8
_HASHED = re.compile(rf"hashed-[0-9a-f]{{{_DIGITS}}}")
ERASED = f"hashed-{'0' * _DIGITS}"
# Serials that cheap phones of several makers share identify none; that they are shared matters.
_SHARED = re.compile(
    r"unknown|null|none|localhost|[0x]+|0123456789abcdef|1234567890abcdef", re.IGNORECASE
)
# Properties whose value is an identifier.
_SECRET_KEY = re.compile(
    r"serial|imei|meid|iccid|imsi|msisdn|mac_?addr|(^|[._])mac($|[._\d])|bd_?addr|bt_?addr|ssid"
    r"|account|user_?name|host_?name|cpu_?id|chip_?id|uniqueno|unique_?id|device_?id|android_?id"
    r"|phone_?number|\.uuid|\.guid|psno",
    re.IGNORECASE,
)
_NAMES_SOMEBODY = re.compile(r"ssid|account|user_?name|host_?name", re.IGNORECASE)
SERIAL_KEYS = ("ro.serialno", "ro.boot.serialno")
_SHORTEST, _FEWEST_DIGITS = 6, 2
_SHORTEST_SERIAL = 4
_SERIAL_IN_TEXT = re.compile(r"(\bserial[ \w]*?\s*[:=]\s*)([^\s,\]}]+)", re.IGNORECASE)
_BUILDER = re.compile(r"(?<=\beng\.)(?!hashed-)[A-Za-z][\w-]*")  # of a build of one's own
_GUESSABLE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b",  # MAC
        r"(?<=\()[^\s()@]+@[^\s()@]+(?=\))",  # who built a kernel, and where
        r"\b[\w.+-]+@[a-z][\w-]*(?:\.[a-z][\w-]*)+\b",  # mail, account
        r"(?<=ssid[:=])\s*\"[^\"\n]*\"|(?<=ssid[:=])\s*[^\s,\"]+",
        r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",  # UUID
    )
)
_ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
# IMEI, MEID, ICCID; not the largest numbers of a kernel, which stand for "unknown".
_LONG_NUMBER = re.compile(r"(?<![\w.])(?!92233720368547758|184467440737095516)\d{14,20}(?![\w.])")


def hashed(text: str) -> str:
    """Returns ``hashed-`` and eight hex digits; what is hashed already stays as it is."""
    if _HASHED.fullmatch(text):
        return text
    return f"hashed-{sha256_bytes(_SALT + text.encode())[:_DIGITS]}"


def is_secret(key: str) -> bool:
    """Returns whether the value of a property identifies a phone or its user."""
    return _SECRET_KEY.search(key) is not None


def secrets_in(properties: Mapping[str, str]) -> Iterator[str]:
    """Yields the values of properties that identify a phone or its user, except shared ones."""
    for key, value in properties.items():
        digits = sum(letter.isdigit() for letter in value)
        if key in SERIAL_KEYS:
            enough = len(value) >= _SHORTEST_SERIAL and digits > 0
        else:
            telling = digits >= _FEWEST_DIGITS or _NAMES_SOMEBODY.search(key)
            enough = len(value) >= _SHORTEST and bool(telling)
        if is_secret(key) and enough and not is_harmless(value):
            yield value


def is_harmless(value: str) -> bool:
    """Returns whether a value identifies nothing: empty, shared by many phones, or hashed."""
    return not value or bool(_SHARED.fullmatch(value) or _HASHED.fullmatch(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaner:
    """Replaces identifiers in texts; a text that is clean stays as it is.

    Args:
        serials: what this phone is known by, which is hashed.
        secrets: other identifiers of it or its user.
    """

    serials: tuple[str, ...]
    secrets: tuple[str, ...]

    def clean(self, text: str, *, numbers: bool = True) -> str:
        """Returns a text without identifiers.

        Args:
            numbers: also replace long numbers and network addresses, which counters could be.
        """
        known = dict.fromkeys(self.secrets, ERASED) | {each: hashed(each) for each in self.serials}
        for secret in sorted(known, key=len, reverse=True):
            text = re.sub(re.escape(secret), known[secret], text, flags=re.IGNORECASE)
        text = _SERIAL_IN_TEXT.sub(lambda match: match[1] + _hidden(match[2]), text)
        text = _BUILDER.sub(ERASED, text)
        for pattern in (*_GUESSABLE, *((_ADDRESS, _LONG_NUMBER) if numbers else ())):
            text = pattern.sub(ERASED, text)
        return text


def cleaner_of(properties: Mapping[str, str], adb_serial: str) -> Cleaner:
    """Returns what replaces the identifiers of a phone.

    Args:
        properties: all of the phone's.
        adb_serial: the serial that adb knows it by; on a network it has its address.
    """
    serials = {key: properties[key] for key in SERIAL_KEYS if key in properties}
    address = adb_serial.rpartition(":")[0]
    by_adb = [each for each in (adb_serial, address) if not is_harmless(each)]
    return Cleaner(
        serials=(*secrets_in(serials), *(() if address else by_adb)),
        secrets=(*secrets_in(properties), *by_adb),
    )


def _hidden(value: str) -> str:
    return value if is_harmless(value) else hashed(value)
