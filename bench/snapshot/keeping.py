"""What a snapshot keeps of the texts of a phone: what the program reads, and nothing personal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from bench.snapshot.identifiers import (
    ERASED,
    SERIAL_KEYS,
    Cleaner,
    hashed,
    is_harmless,
    is_secret,
)
from bench.snapshot.layout import Snapshot

PROPERTY = re.compile(r"^\[([^\]\n]+)\]: \[(.*?)\]\r?$", re.MULTILINE | re.DOTALL)
_PUBLIC = re.compile(
    r"ro\.((product|system|system_ext|vendor|odm|bootimage)\.(build|product)\.)?"
    r"(product|build|soc|board|arch|zygote|vndk|treble|bionic|kernel|debuggable|secure|serialno"
    r"|adb\.secure|crypto\.(state|type)|config\.low_ram|hardware|chipname|boot\.(serialno"
    r"|hardware|verifiedbootstate|flash\.locked|slot_suffix)|(vendor\.)?mediatek\.\w+"
    r"|miui\.ui\.version|mi\.os\.version|lineage|modversion)\b.*"
    r"|(ro\.(vendor|odm|system|system_ext|bootimage)\.(build|product)\b.*)"
    r"|dalvik\.vm\.isa\..*|sys\.boot_completed|persist\.sys\.boot\.reason\b.*"
    r"|init\.svc\..*(thermal|power|perf|adbd).*"
)
_LEFT_OUT = re.compile(r"ro\.(\w+\.)?build\.(host|user)$|ro\.handset\.")
# Keys with a number, a truth or one word, and headings; the rest has names of apps.
_POWER = re.compile(
    r"|POWER MANAGER.*|[A-Z][A-Za-z]+( [A-Za-z]+){1,4}:( size=\d+)?|"
    r"\s*m\w+=(true|false|-?\d+(\.\d+)?|0x[0-9a-f]+|[A-Z][A-Za-z_]*)"
    r"|.*(mWakefulness=|Display Power: state=).*"
    r"|.*(Failed to write while dumping|Can't find service|Permission Denial).*"
    r"|\(the middle of this text, \d+ lines, is left out here\)"
)
_MOUNT = re.compile(
    r"\S+ on (/|/apex|/data|/data/local\S*|/dev|/odm|/proc|/product|/storage|/storage/emulated|/sys"
    r"|/sys/fs/\S+|/system|/system_ext|/vendor) type .*\(.*\)"
)
_LONGEST = 60_000
_OMITTED = "(the middle of this text, {} lines, is left out here)"


def keep(name: str, text: str, cleaner: Cleaner) -> str:
    """Returns what is kept of the output of a command; what was kept before stays as it is.

    Args:
        name: one of ``COMMANDS``.
    """
    kept = _KEPT[name](text) if name in _KEPT else text
    if name == "getprop":  # whose versions could be addresses
        return cleaner.clean(_properties(kept), numbers=False)
    return cleaner.clean(shorten(kept, _LONGEST))


def as_kept(snapshot: Snapshot) -> Snapshot:
    """Returns a folder written by hand as a snapshot of that phone would be."""
    nobody = Cleaner(serials=(), secrets=())
    texts = {name: keep(name, text, nobody) for name, text in snapshot.commands.items()}
    return replace(snapshot, commands=texts)


def shorten(text: str, longest: int) -> str:
    """Returns a text of at most about ``longest`` letters, with whole lines of both its ends."""
    if len(text) <= longest:
        return text
    lines = text.splitlines(keepends=True)
    head, tail = longest * 2 // 3, longest // 4
    first = _count(lines, head)
    last = _count(lines[:first:-1], tail)
    middle = _OMITTED.format(len(lines) - first - last)
    return "".join([*lines[:first], f"{middle}\n", *lines[len(lines) - last :]])


def properties_of(text: str) -> dict[str, str]:
    """Returns the properties in the output of getprop."""
    return dict(PROPERTY.findall(text))


def _count(lines: list[str], letters: int) -> int:
    """Returns how many of the first lines have at most so many letters in all."""
    for count, line in enumerate(lines):
        letters -= len(line)
        if letters < 0:
            return count
    return len(lines)


def _properties(text: str) -> str:
    lines = []
    for match in PROPERTY.finditer(text):
        key, value = match[1], match[2]
        if _PUBLIC.fullmatch(key) and not _LEFT_OUT.match(key):
            if is_secret(key) and not is_harmless(value):
                value = hashed(value) if key in SERIAL_KEYS else ERASED
            lines.append(f"[{key}]: [{value}]\n")
    return "".join(lines)


def _lines(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def kept(text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join(line for line in lines if pattern.fullmatch(line.rstrip()))

    return kept


def _mounts(text: str) -> str:
    """Returns the mounts of the folders of programs, without the paths in their options."""
    lines = []
    for line in _lines(_MOUNT)(text).splitlines():
        place, _, options = line.rstrip(")").rpartition(" (")
        words = ",".join(word for word in options.split(",") if "/" not in word)
        lines.append(f"{place} ({words})\n")
    return "".join(lines)


_KEPT: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"dumpsys-power": _lines(_POWER), "mount": _mounts}
)
