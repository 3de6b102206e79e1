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


def android_program(*imports: str, api_level: int, machine: int = 183, weak: bool = False) -> bytes:
    """Returns a program for Android's linker that imports functions, with the note of the NDK."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in imports)
    symbols = bytes(24)
    for name in imports:
        binding = (0x22 if weak else 0x12, 0, 0)  # functions of other libraries
        symbols += struct.pack("<IBBHQQ", names.index(name.encode() + b"\0"), *binding, 0, 0)
    parts = {
        "interpreter": b"/system/bin/linker64\0",
        ".note.android.ident": struct.pack("<III8sI", 8, 4, 1, b"Android", api_level),
        ".dynsym": symbols,
        ".dynstr": names,
        ".shstrtab": b"\0.dynsym\0.dynstr\0.shstrtab\0.note.android.ident\0",
    }
    content, at = b"", {}
    for name, part in parts.items():
        content += bytes(-len(content) % 8)
        at[name] = 64 + 3 * 56 + len(content), len(part)
        content += part
    content += bytes(-len(content) % 8)
    head = struct.pack(
        *("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 64 + 3 * 56 + len(content)),
        *(0, 64, 56, 3, 64, 5, 3),
    )
    segments = b"".join(
        struct.pack("<IIQQQQQQ", kind, 5, start, start, start, size, size, alignment)
        for kind, (start, size), alignment in (
            (3, at["interpreter"], 1),
            (4, at[".note.android.ident"], 4),
            (1, (0, 64), 4096),
        )
    )
    sections = bytes(64) + b"".join(
        struct.pack(
            "<IIQQQQIIQQ",
            *(parts[".shstrtab"].index(name.encode()), kind, 0, 0, *at[name], link, 1, 8, entry),
        )
        for name, kind, link, entry in (
            (".dynsym", 11, 2, 24),
            (".dynstr", 3, 0, 0),
            (".shstrtab", 3, 0, 0),
            (".note.android.ident", 7, 0, 0),
        )
    )
    return b"\x7fELF\x02\x01\x01" + bytes(9) + head + segments + content + sections
