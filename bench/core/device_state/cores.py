"""CPU cores by number: as the kernel lists them, and as a mask."""

from __future__ import annotations

from collections.abc import Iterable


def parse_cores(text: str) -> tuple[int, ...]:
    """Returns the cores of a kernel's list: ``0-3,7`` is (0, 1, 2, 3, 7)."""
    cores: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit() and (last or first).isdigit():
            cores |= set(range(int(first), int(last or first) + 1))
    return tuple(sorted(cores))


def list_cores(cores: Iterable[int]) -> str:
    """Returns cores as the kernel lists them: (0, 1, 2, 3, 7) is ``0-3,7``."""
    ranges: list[list[int]] = []
    for core in sorted(set(cores)):
        if ranges and core == ranges[-1][-1] + 1:
            ranges[-1].append(core)
        else:
            ranges.append([core])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ranges)


def mask(cores: Iterable[int]) -> str:
    """Returns a mask of cores in hexadecimal, as ``taskset`` takes it: without ``0x``."""
    return f"{sum(1 << core for core in set(cores)):x}"
