"""Files of a sweep on a phone: each named by its SHA-256, and there only if it has that sum."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath, PurePosixPath

from bench.adb.phone import Phone
from bench.core.errors import ConfigurationError, DeviceError

_HASH_LIMIT_S = 300.0
_MARGIN_BYTES = 8 << 20
_KILL_LIMIT_S = 10.0

# How many bytes of how many are there.
Told = Callable[[int, int], None]


def place_of(phone: Phone, path: Path, sha256: str) -> PurePosixPath:
    """Returns where a file goes on a phone."""
    return PurePosixPath(phone.folder) / f"{sha256}{path.suffix}"


def stage(
    phone: Phone, files: Mapping[str, Path], *, told: Told = lambda done, total: None
) -> dict[str, PurePosixPath]:
    """Returns where files lie on the phone, after pushing those that are not there, verified.

    Where space is short, what earlier sweeps left in our folder goes first.

    Args:
        files: SHA-256 to path.

    Raises:
        ConfigurationError: a file cannot be read, or changed meanwhile.
        DeviceError: the phone has no room, or refuses them.
        TransientDeviceError: the phone went away.
    """
    places = {sha256: place_of(phone, path, sha256) for sha256, path in files.items()}
    wrong = set(changed(phone, places))
    sizes = {sha256: files[sha256].stat().st_size for sha256 in files}
    total = sum(sizes.values())
    done = total - sum(sizes[sha256] for sha256 in wrong)
    told(done, total)
    if wrong:
        phone.ask(f"mkdir -p {shlex.quote(phone.folder)}")
        _make_room(phone, sum(sizes[sha256] for sha256 in wrong), list(places.values()))
    for sha256 in sorted(wrong):
        staged = phone.stage(files[sha256], progress=partial(_told_on, told, done, total))
        if staged != str(places[sha256]):
            raise ConfigurationError(
                f"{files[sha256]}: changed while it was being measured", hint="run again"
            )
        done += sizes[sha256]
        told(done, total)
    return places


def changed(phone: Phone, places: Mapping[str, PurePath]) -> list[str]:
    """Returns the sums of files that are missing on the phone, or have other bytes there.

    Raises:
        TransientDeviceError: the phone went away.
    """
    if not places:
        return []
    names = " ".join(shlex.quote(str(path)) for path in places.values())
    said = phone.shell(f"sha256sum {names}", limit_s=_HASH_LIMIT_S).text
    there = {tuple(line.split(maxsplit=1)) for line in said.splitlines()}
    return [sha256 for sha256, path in places.items() if (sha256, str(path)) not in there]


def kill_leftovers(phone: Phone) -> None:
    """Ends what runs of our folder's programs: a run that was cut off may have left one.

    Raises:
        TransientDeviceError: the phone went away.
    """
    # In brackets, so that the pattern is not found in the command that holds it.
    head, _, last = phone.folder.rpartition("/")
    pattern = f"{head}/[{last[0]}]{last[1:]}/"
    phone.shell(f"pkill -9 -f {shlex.quote(pattern)}", limit_s=_KILL_LIMIT_S)


def _told_on(told: Told, before: int, total: int, sent: int) -> None:
    told(before + sent, total)


def _make_room(phone: Phone, needed_bytes: int, kept: Sequence[PurePosixPath]) -> None:
    if phone.free_bytes(phone.folder) >= needed_bytes + _MARGIN_BYTES:
        return
    names = {path.name for path in kept}
    old = [each.name for each in phone.entries(phone.folder) if each.name not in names]
    if old:
        paths = " ".join(shlex.quote(f"{phone.folder}/{name}") for name in old)
        phone.ask(f"rm -rf {paths}")
    free_bytes = phone.free_bytes(phone.folder)
    if free_bytes < needed_bytes + _MARGIN_BYTES:
        raise DeviceError(
            f"{phone.serial}: the files take {needed_bytes / 1e6:.1f} MB and "
            f"{free_bytes / 1e6:.1f} MB are free",
            hint="free space on the phone, or measure fewer models at a time",
            serial=phone.serial,
            free_bytes=free_bytes,
            needed_bytes=needed_bytes,
        )
