"""Handsets that ask "Allow USB debugging?", and the finger that answers."""

import re
import socket
import struct
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from bench.handset.running import Running
from bench.handset.tree import Tree
from support.patience import PATIENCE_S, stretched

_ADBD = "usr/lib/android-sdk/platform-tools/adbd"
# In adbd's main(), beside each other: auth_required = false; getenv("ADB_EXTERNAL_STORAGE").
_NAME = b"ADB_EXTERNAL_STORAGE\0"
_STORE_FALSE_THEN_LOAD_ADDRESS = re.compile(re.escape(b"\xc6\x00\x00\x48\x8d\x3d"))
_VALUE_OFFSET, _OPERAND_OFFSET, _LENGTH = 2, 6, 10
_ASKS = b"PK"
_PACKET_BYTES = 8_192
_AGAIN_S = 0.2


def secured(tree: Tree, folder: Path) -> Tree:
    """Returns a copy of the tree whose adb daemon asks for a known key."""
    subprocess.run(["cp", "-a", "--reflink=auto", tree.path, folder], check=True)
    adbd = folder / _ADBD
    adbd.write_bytes(require_keys(adbd.read_bytes()))
    return replace(tree, path=folder)


def require_keys(adbd: bytes) -> bytes:
    """Returns the x86-64 daemon, changed in one byte so that it asks for a known key.

    Debian builds the check in and switches it off by a patch of its own; the one store of that
    patch is found by the instruction after it, which loads the address of a known text.
    """
    name_address = _address(adbd, adbd.find(_NAME))
    places = []
    for match in _STORE_FALSE_THEN_LOAD_ADDRESS.finditer(adbd):
        (relative,) = struct.unpack_from("<i", adbd, match.start() + _OPERAND_OFFSET)
        here = _address(adbd, match.start())
        if here is not None and here + _LENGTH + relative == name_address:
            places.append(match.start())
    assert len(places) == 1, f"adbd has {len(places)} places that switch authorisation off"
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


def authorise(phone: Running, *keys: str) -> None:
    """Adds public keys, as in ``adbkey.pub``, to those that a handset's adb knows."""
    with phone.path("/data/misc/adb/adb_keys").open("a") as stream:
        stream.writelines(f"{key.strip()}\n" for key in keys)


def answer(phone: Running, *, allow: bool, always: bool = False) -> str:
    """Answers the dialog as the phone's user would, and returns the public key that asked.

    A key asks once a connection, also for one that was given up meanwhile.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as framework:
        framework.connect(str(phone.path("/dev/socket/adbd")))  # as Android's framework does
        key = _asked(framework, PATIENCE_S)
        again: str | None = key
        while again == key:
            framework.send(b"OK" if allow else b"NO")
            # Also lets adbd take the answer, which it drops with a connection that closes.
            try:
                again = _asked(framework, stretched(_AGAIN_S))
            except TimeoutError:
                again = None
    if allow and always:
        authorise(phone, key)
    return key


def _asked(framework: socket.socket, limit_s: float) -> str:
    """Returns the next key that asks."""
    deadline_s = time.monotonic() + limit_s
    packet = b""
    while not packet.startswith(_ASKS):
        framework.settimeout(max(0.001, deadline_s - time.monotonic()))
        packet = framework.recv(_PACKET_BYTES)
        assert packet, "adbd ended, or another framework answers"
    return packet.removeprefix(_ASKS).rstrip(b"\0").decode(errors="replace")
