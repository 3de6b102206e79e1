"""Files on a phone that are named by their SHA-256, and are there only if they have that hash."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from bench.adb.phone import HASH_LIMIT_S, Phone, open_for_reading
from bench.adb.sync import Progress
from bench.core.errors import ConfigurationError, DeviceError
from bench.core.hashing import sha1_file, sha256_bytes, sha256_file
from bench.core.progress import OnProgress, ignore

_MARGIN_BYTES = 8 << 20
_ENDING = re.compile(r"\.[A-Za-z0-9_]{1,16}")  # any other could be a command of the phone's shell
_KILL_LIMIT_S = 30.0
_GONE_TRIES = 20
_NOT_FOUND = 127  # the exit status of a shell for a command that it does not find
_SHA1_DIGITS = 40
_BATCH_CHARACTERS = 1500  # a command holds a batch twice


def place_of(phone: Phone, path: Path, sha256: str) -> PurePosixPath:
    """Returns the path that a file gets on a phone."""
    ending = path.suffix if _ENDING.fullmatch(path.suffix) else ""
    return PurePosixPath(phone.folder) / f"{sha256}{ending}"


def stage(
    phone: Phone,
    files: Mapping[str, Path],
    *,
    keep_others: bool = False,
    on_progress: OnProgress = ignore,
) -> dict[str, PurePosixPath]:
    """Returns the paths of files on the phone, after pushing and verifying those that are missing.

    Args:
        files: SHA-256 to path.
        keep_others: false removes all other files in our folder first, where space is short.
        on_progress: gets the bytes that are on the phone and the bytes in all.

    Raises:
        ConfigurationError: a file cannot be read, or changed meanwhile.
        DeviceError: the phone has no room, or refuses them, or keeps other bytes than were sent.
        TransientDeviceError: the phone went away.
    """
    places = {sha256: place_of(phone, path, sha256) for sha256, path in files.items()}
    absent = sorted(missing_files(phone, files))
    sizes = {sha256: _size_bytes(path) for sha256, path in files.items()}
    total = sum(sizes.values())
    needed_bytes = sum(sizes[sha256] for sha256 in absent)
    done = total - needed_bytes
    on_progress(done, total)
    if absent:
        phone.ask(f"mkdir -p {shlex.quote(phone.folder)}")
        if not keep_others and phone.free_bytes() < needed_bytes + _MARGIN_BYTES:
            _remove_others(phone, places.values())
        _check_room(phone, needed_bytes)
    for sha256 in absent:
        progress = partial(_report_progress, on_progress, done, total)
        _push(phone, files[sha256], places[sha256], sha256, progress)
        done += sizes[sha256]
        on_progress(done, total)
    return places


def stage_file(phone: Phone, path: Path) -> PurePosixPath:
    """Returns the path of a file on the phone, where all other files are kept; see ``stage``."""
    sha256 = sha256_file(path)
    return stage(phone, {sha256: path}, keep_others=True)[sha256]


def text_place(phone: Phone, text: str, suffix: str) -> PurePosixPath:
    """Returns the path that ``stage_text`` gives a text on a phone."""
    return place_of(phone, Path(f"text{suffix}"), sha256_bytes(text.encode()))


def stage_text(phone: Phone, text: str, suffix: str) -> PurePosixPath:
    """Returns the path of a text on the phone, where all other files are kept; see ``stage``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"text{suffix}")
        path.write_bytes(text.encode())
        return stage_file(phone, path)


def missing_files(phone: Phone, files: Mapping[str, Path]) -> list[str]:
    """Returns the SHA-256 of files that are missing on the phone or have other bytes there.

    Args:
        files: SHA-256 to path on this machine.

    Raises:
        TransientDeviceError: the phone went away.
    """
    places = {sha256: str(place_of(phone, path, sha256)) for sha256, path in files.items()}
    shown: dict[str, str | None] = {}
    for names in _batches(places.values()):
        # sha256sum came with Android 8.
        command = f"sha256sum {names} || [ $? != 127 ] || sha1sum {names}"
        done = phone.shell(command, limit_s=HASH_LIMIT_S)
        if done.exit_status == _NOT_FOUND:
            shown = {place: phone.sha256(place) for place in places.values()}
            break
        lines = (line.partition(" ") for line in done.text.splitlines())
        shown |= {place.strip(): digest for digest, _, place in lines}
    return [
        sha256
        for sha256, path in files.items()
        if not _is_hash_of(shown.get(places[sha256]), sha256, path)
    ]


def _is_hash_of(shown: str | None, sha256: str, path: Path) -> bool:
    """Returns whether a phone's hash is that of a file of this machine with this SHA-256."""
    if shown is None or len(shown) != _SHA1_DIGITS:
        return shown == sha256
    return shown == sha1_file(path) and sha256_file(path) == sha256


def _batches(names: Iterable[str]) -> Iterator[str]:
    """Yields the quoted names, so many together as an old adb server takes in a command."""
    batch: list[str] = []
    size = 0
    for name in map(shlex.quote, names):
        if batch and size + len(name) >= _BATCH_CHARACTERS:
            yield " ".join(batch)
            batch, size = [], 0
        batch.append(name)
        size += len(name) + 1
    if batch:
        yield " ".join(batch)


def kill_leftovers(phone: Phone) -> str:
    """Kills programs of our folder that still run: an interrupted run may have left one.

    Returns:
        What could not be killed, or why that cannot be seen; empty if none is left.

    Raises:
        TransientDeviceError: the phone went away.
    """
    # In brackets, so that the pattern does not match the command that contains it.
    head, _, last = phone.folder.rpartition("/")
    pattern = shlex.quote(f"{head}/[{last[0]}]{last[1:]}/")
    # Android 7 knows no -9. The exit status of pkill is 1 where it killed none and where it failed.
    done = phone.shell(
        f"pkill -l 9 -f {pattern}\ni=0; while [ $i -lt {_GONE_TRIES} ]; do i=$((i+1))\n"
        f"left=$(pgrep -l -f {pattern} 2>&1)\n"
        f'[ $? = 1 ] && [ -z "$left" ] && exit 0; sleep 0.1; done; echo "$left"; exit 1',
        limit_s=_KILL_LIMIT_S,
    )
    if done.exit_status == 0:
        return ""
    output = (done.stdout + done.stderr).decode(errors="backslashreplace").split("\n")
    return "; ".join(filter(None, map(str.strip, output))) or "pgrep prints nothing"


def _push(phone: Phone, path: Path, place: PurePosixPath, sha256: str, progress: Progress) -> None:
    phone.push(path, str(place), progress=progress)
    if not missing_files(phone, {sha256: path}):
        return
    phone.ask(f"rm -f {shlex.quote(str(place))}")
    if sha256_file(path) != sha256:
        raise ConfigurationError(f"{path}: changed while it was being measured", hint="run again")
    raise DeviceError(
        f"{phone.serial}: {path.name} arrived as other bytes",
        hint="try again; a phone that does it twice has bad storage",
        serial=phone.serial,
        sha256=sha256,
    )


def _report_progress(on_progress: OnProgress, before: int, total: int, sent: int) -> None:
    on_progress(before + sent, total)


def _size_bytes(path: Path) -> int:
    with open_for_reading(path) as source:
        return os.fstat(source.fileno()).st_size


def _remove_others(phone: Phone, needed: Iterable[PurePosixPath]) -> None:
    # Not ls, which changes names that are not ASCII.
    files = phone.ask(f"find {shlex.quote(phone.folder)} -mindepth 1 -maxdepth 1").splitlines()
    ours = {each for each in files if each.startswith(f"{phone.folder}/")}
    if old := sorted(ours - {str(path) for path in needed}):
        for names in _batches(old):
            phone.ask(f"rm -rf {names}")


def _check_room(phone: Phone, needed_bytes: int) -> None:
    free_bytes = phone.free_bytes()
    if free_bytes < needed_bytes + _MARGIN_BYTES:
        raise DeviceError(
            f"{phone.serial}: the files take {needed_bytes / 1e6:.1f} MB and "
            f"{free_bytes / 1e6:.1f} MB are free",
            hint="free space on the phone, or measure fewer models at a time",
            serial=phone.serial,
            free_bytes=free_bytes,
            needed_bytes=needed_bytes,
        )
