"""Which phone it is, on USB and on the network: what is remembered of a phone is stored by this."""

from __future__ import annotations

import re
from pathlib import Path

from bench.adb.batch import ask_all
from bench.adb.phone import Phone
from bench.adb.transport.stream import lost
from bench.core.hashing import sha256_value

_SERIALS = ("ro.serialno", "ro.boot.serialno")
_KIND = ("ro.product.manufacturer", "ro.product.model", "ro.build.fingerprint")
_DIGITS = 8


def own_serial(phone: Phone) -> str:
    """Returns the phone's own serial, which is the same on USB and on the network.

    adb's where the phone hides its own.

    Raises:
        TransientDeviceError: the phone went away.
    """
    return _serial(phone, _properties(phone))


def own_key(phone: Phone) -> str:
    """Returns the phone's own serial and a digest of which phone has it.

    Cheap phones of several makers share a serial such as 0123456789ABCDEF. The digest is of maker,
    model and the part of the build's fingerprint that stays the same over updates.

    Raises:
        TransientDeviceError: the phone went away.
    """
    properties = _properties(phone)
    maker, model, fingerprint = (properties[name] for name in _KIND)
    kind = [maker, model, fingerprint.partition(":")[0]]
    return f"{_serial(phone, properties)}-{sha256_value(kind)[:_DIGITS]}"


def file_of(folder: Path, key: str) -> Path:
    """Returns the file of a phone in a folder.

    A file of an earlier version, which has the serial alone, becomes that file.
    """
    path = folder / f"{_plain(key)}.json"
    serial, _, digest = key.rpartition("-")
    earlier = folder / f"{_plain(serial)}.json"
    if re.fullmatch(rf"[0-9a-f]{{{_DIGITS}}}", digest) and earlier.exists() and not path.exists():
        earlier.replace(path)
    return path


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", name)


def _serial(phone: Phone, properties: dict[str, str]) -> str:
    serials = (properties[name] for name in _SERIALS)
    return next((serial for serial in serials if serial not in ("", "unknown")), phone.serial)


def _properties(phone: Phone) -> dict[str, str]:
    names = (*_SERIALS, *_KIND)
    questions = {name.replace(".", "_"): f"getprop {name}" for name in names}
    answers = ask_all(phone, questions)
    if any(answer.exit_status is None for answer in answers.values()):
        raise lost(phone.serial, "it did not show its serial in time")
    return {name: answers[name.replace(".", "_")].text.strip() for name in names}
