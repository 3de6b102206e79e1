"""Files on a phone that are named by their SHA-256, and are there only if they have that hash."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path, PurePath, PurePosixPath

from bench.adb.phone import HASH_LIMIT_S, Phone
from bench.adb.sync import Progress
from bench.core.errors import ConfigurationError, DeviceError
from bench.core.hashing import sha256_file
from bench.core.progress import OnProgress, ignore

_MARGIN_BYTES = 8 << 20
_KILL_LIMIT_S = 10.0


def place_of(phone: Phone, path: Path, sha256: str) -> PurePosixPath:
    """Returns the path that a file gets on a phone."""
    return PurePosixPath(phone.folder) / f"{sha256}{path.suffix}"


def stage(
    phone: Phone,
    files: Mapping[str, Path],
    *,
    on_progress: OnProgress = ignore,
) -> dict[str, PurePosixPath]:
    """Returns the paths of files on the phone, after pushing and verifying those that are missing.

    Where space is short, all other files in our folder are removed first.

    Args:
        files: SHA-256 to path.
        on_progress: gets the bytes that are on the phone and the bytes in all.

    Raises:
        ConfigurationError: a file cannot be read, or changed meanwhile.
        DeviceError: the phone has no room, or refuses them, or keeps other bytes than were sent.
        TransientDeviceError: the phone went away.
    """
    places = {sha256: place_of(phone, path, sha256) for sha256, path in files.items()}
    absent = sorted(missing_files(phone, places))
    sizes = {sha256: _size_bytes(path) for sha256, path in files.items()}
    total = sum(sizes.values())
    needed_bytes = sum(sizes[sha256] for sha256 in absent)
    done = total - needed_bytes
    on_progress(done, total)
    if absent:
        _make_folder(phone)
        if phone.free_bytes(phone.folder) < needed_bytes + _MARGIN_BYTES:
            _remove_others(phone, places.values())
        _check_room(phone, needed_bytes)
    for sha256 in absent:
        progress = partial(_report_progress, on_progress, done, total)
        _push(phone, files[sha256], places[sha256], sha256, progress)
        done += sizes[sha256]
        on_progress(done, total)
    return places


def stage_file(phone: Phone, path: Path, *, progress: Progress | None = None) -> PurePosixPath:
    """Returns the path of a file on the phone, where all other files are kept.

    Raises:
        ConfigurationError: the file cannot be read, or changed meanwhile.
        DeviceError: the phone has no room, or refuses it, or keeps other bytes than were sent.
        TransientDeviceError: the phone went away.
    """
    size_bytes = _size_bytes(path)
    sha256 = sha256_file(path)
    place = place_of(phone, path, sha256)
    if missing_files(phone, {sha256: place}):
        _make_folder(phone)
        _check_room(phone, size_bytes)
        _push(phone, path, place, sha256, progress)
    elif progress is not None:
        progress(size_bytes)
    return place


def missing_files(phone: Phone, places: Mapping[str, PurePath]) -> list[str]:
    """Returns the SHA-256 of files that are missing on the phone or have other bytes there.

    Raises:
        TransientDeviceError: the phone went away.
    """
    if not places:
        return []
    names = " ".join(shlex.quote(str(path)) for path in places.values())
    output = phone.shell(f"sha256sum {names}", limit_s=HASH_LIMIT_S).text
    present = {tuple(line.split(maxsplit=1)) for line in output.splitlines()}
    return [sha256 for sha256, path in places.items() if (sha256, str(path)) not in present]


def kill_leftovers(phone: Phone) -> None:
    """Kills programs of our folder that still run: an interrupted run may have left one.

    Raises:
        TransientDeviceError: the phone went away.
    """
    # In brackets, so that the pattern does not match the command that contains it.
    head, _, last = phone.folder.rpartition("/")
    pattern = f"{head}/[{last[0]}]{last[1:]}/"
    phone.shell(f"pkill -9 -f {shlex.quote(pattern)}", limit_s=_KILL_LIMIT_S)


def _push(
    phone: Phone, path: Path, place: PurePosixPath, sha256: str, progress: Progress | None
) -> None:
    phone.push(path, str(place), progress=progress)
    arrived = phone.sha256(str(place))
    if arrived == sha256:
        return
    phone.ask(f"rm -f {shlex.quote(str(place))}")
    if sha256_file(path) != sha256:
        raise ConfigurationError(f"{path}: changed while it was being measured", hint="run again")
    raise DeviceError(
        f"{phone.serial}: {path.name} arrived as other bytes, or cannot be verified",
        hint="try again; a phone that does it twice has bad storage or no sha256sum",
        serial=phone.serial,
        sha256=sha256,
        sha256_there=arrived,
    )


def _report_progress(on_progress: OnProgress, before: int, total: int, sent: int) -> None:
    on_progress(before + sent, total)


def _size_bytes(path: Path) -> int:
    try:
        with path.open("rb") as source:
            return os.fstat(source.fileno()).st_size
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read: {error.strerror}", hint="check the path"
        ) from error


def _make_folder(phone: Phone) -> None:
    phone.ask(f"mkdir -p {shlex.quote(phone.folder)}")


def _remove_others(phone: Phone, needed: Iterable[PurePosixPath]) -> None:
    names = {path.name for path in needed}
    old = [each.name for each in phone.entries(phone.folder) if each.name not in names]
    if old:
        paths = " ".join(shlex.quote(f"{phone.folder}/{name}") for name in old)
        phone.ask(f"rm -rf {paths}")


def _check_room(phone: Phone, needed_bytes: int) -> None:
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
