"""The smallest ELF programs, for processors that this machine need not have."""

import struct


def program(*, machine: int, bits: int = 64, alignment: int = 4096, kind: int = 3) -> bytes:
    """Returns the smallest static program: headers, one loaded segment, no code."""
    if bits == 64:
        head = struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 120, 120, alignment)
    else:
        head = struct.pack("<HHIIIIIHHHHHH", kind, machine, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        segment = struct.pack("<IIIIIIII", 1, 0, 0, 0, 84, 84, 5, alignment)
    return b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9) + head + segment
