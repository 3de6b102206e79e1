"""Debian's adb daemon with its check of keys switched on."""

from __future__ import annotations

import re
import struct

from bench.core.errors import InfrastructureError

# In adbd's main(), beside each other: auth_required = false; getenv("ADB_EXTERNAL_STORAGE").
_NAME = b"ADB_EXTERNAL_STORAGE\0"
_STORE_FALSE_THEN_LOAD_ADDRESS = re.compile(re.escape(b"\xc6\x00\x00\x48\x8d\x3d"))
_VALUE_OFFSET, _OPERAND_OFFSET, _LENGTH = 2, 6, 10


def require_keys(adbd: bytes) -> bytes:
    """Returns the x86-64 daemon, changed in one byte so that it asks for a known key.

    Debian builds the check in and switches it off by a patch of its own; the one store of that
    patch is found by the instruction after it, which loads the address of a known text.

    Raises:
        InfrastructureError: the place is not there exactly once.
    """
    name_address = _address(adbd, adbd.find(_NAME))
    places = []
    for found in _STORE_FALSE_THEN_LOAD_ADDRESS.finditer(adbd):
        (relative,) = struct.unpack_from("<i", adbd, found.start() + _OPERAND_OFFSET)
        here = _address(adbd, found.start())
        if here is not None and here + _LENGTH + relative == name_address:
            places.append(found.start())
    if len(places) != 1:
        raise InfrastructureError(
            f"this build of adbd has {len(places)} places where authorisation is switched off, "
            "not 1, so it cannot be switched on",
            hint="report the version of the package adbd that apt offers",
        )
    changed = bytearray(adbd)
    changed[places[0] + _VALUE_OFFSET] = 1
    return bytes(changed)


def _address(elf: bytes, offset: int) -> int | None:
    """Returns the virtual address that a file offset is loaded at."""
    (table,) = struct.unpack_from("<Q", elf, 32)
    entry_size, entries = struct.unpack_from("<HH", elf, 54)
    for index in range(entries):
        kind, _, start, address, _, size = struct.unpack_from(
            "<IIQQQQ", elf, table + index * entry_size
        )
        if kind == 1 and start <= offset < start + size:
            return int(address + offset - start)
    return None
