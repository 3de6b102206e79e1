"""A snapshot as a folder: loaded, checked and saved.

    DIR/SNAPSHOT.md          what it holds, in plain words; not read
    DIR/snapshot.yaml        what is not a text of the phone; may be absent, as may each key
    DIR/commands/NAME.txt    stdout and stderr of one command; NAME is one of ``COMMANDS``
    DIR/files/sys/...        the content of a file at its path on the phone, below /sys or /proc
    DIR/files.txt            the same as lines PATH:CONTENT; for folders that are written by hand

Clocks are at ``/sys/devices/system/cpu/cpuN/cpufreq/``, where the program reads them; cores that
share a clock have the same texts there. ``/proc/self/status`` has only the lines about allowed
cores, ``/proc/self/smaps`` only its first line about the page size, ``/proc/stat`` only the cores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bench.core import config
from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.snapshot.commands import COMMANDS
from bench.snapshot.listing import listed_files

FORMAT = 1
MAX_BYTES = 1_000_000
ABOUT, DETAILS = "SNAPSHOT.md", "snapshot.yaml"
_COMMANDS, _FILES, _LISTING = "commands", "files", "files.txt"
_ENTRIES = [ABOUT, "README.md", DETAILS, _COMMANDS, _FILES, _LISTING]
_ROOTS = ("/sys/", "/proc/")
_STATUSES = range(1, 256)
_NOT_FOUND = 127
SLOW = ("settings", "input")  # the programs that a replay can slow down
_SLOWEST_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that the program reads from a phone.

    Two are equal if a replay of both is the same phone: the program, the date and the features of
    adb, which a replay does not imitate, do not count.

    Args:
        commands: NAME of ``COMMANDS`` to stdout and stderr.
        files: absolute path on the phone, below /sys or /proc, to the file's text.
        exit_status: NAME to exit status, of the commands where it is not 0.
        refused: path of a file or folder that adb's shell may not read, to the phone's words.
        slow_s: program to how long each call takes, for a replay; no snapshot has it.
        features: those of its adb daemon.
        like: what a shipped phone imitates, with sources.
        program: version of the program that took it.
        date: when, as ISO 8601.
    """

    commands: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    exit_status: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    slow_s: Mapping[str, float] = field(default_factory=dict, compare=False)
    features: tuple[str, ...] = field(default=(), compare=False)
    like: tuple[str, ...] = field(default=(), compare=False)
    program: str = field(default="", compare=False)
    date: str = field(default="", compare=False)

    @property
    def size_bytes(self) -> int:
        """The size of all its texts."""
        return sum(len(text.encode()) for text in (*self.commands.values(), *self.files.values()))

    @classmethod
    def load(cls, folder: Path) -> Snapshot:
        """Returns the snapshot in a folder.

        Raises:
            ConfigurationError: a file or key is wrong; the message names it.
        """
        if not folder.is_dir():
            raise ConfigurationError(f"{folder}: no such folder", hint="check the path")
        commands: dict[str, str] = {}
        files: dict[str, str] = {}
        total = 0
        for path in _files_below(folder):
            place = PurePosixPath(path.relative_to(folder))
            _check_entry(path, place)
            text = _text_of(path, folder)
            total += len(text.encode())
            if place.parts[0] == _COMMANDS:
                commands[_name_of(path, place)] = text
            elif place.parts[0] == _FILES:
                files[_phone_path(path, PurePosixPath(*place.parts[1:]))] = text
            elif place.parts[0] == _LISTING:
                listed = listed_files(path, text).items()
                files |= {_phone_path(path, PurePosixPath(name)): text for name, text in listed}
        if total > MAX_BYTES:
            raise ConfigurationError(
                f"{folder}: its files have {total} bytes, and at most {MAX_BYTES} are allowed",
                hint="shorten the longest ones",
            )
        return _with_details(folder / DETAILS, commands, files)

    def save(self, folder: Path, about: str) -> None:
        """Writes the snapshot into a folder that is empty or absent.

        Args:
            about: the text of ``SNAPSHOT.md``.
        """
        texts = {f"{_COMMANDS}/{name}.txt": text for name, text in self.commands.items()}
        texts |= {f"{_FILES}{path}": text for path, text in self.files.items()}
        for place, text in {ABOUT: about, **texts}.items():
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        details = _Details(
            program=self.program,
            date=self.date,
            exit_status={_place_of(name): status for name, status in self.exit_status.items()},
            refused=dict(self.refused),
            slow_s=dict(self.slow_s),
            features=self.features,
            like=self.like,
        )
        config.save_yaml(folder / DETAILS, details)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Details:
    """``snapshot.yaml``. The file format; its keys do not change."""

    format: int = FORMAT
    program: str = ""
    date: str = ""
    exit_status: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    slow_s: dict[str, float] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    like: tuple[str, ...] = ()


def differences(before: Snapshot, after: Snapshot, *, given: bool = False) -> tuple[str, ...]:
    """Returns what differs between two snapshots; none if one is equal to the other.

    A command that neither phone has is equal, whatever words the shell has for that.

    Args:
        given: compare only what ``before`` has, because what a folder lacks is the plain handset's.

    Returns:
        Places such as ``commands/getprop.txt``, each with the reason.
    """
    texts = [
        (_place_of, before.commands, after.commands),
        (lambda path: f"{_FILES}{path}", before.files, after.files),
    ]
    found: list[str] = []
    for place, ones, others in texts:
        for name in sorted({*ones, *(() if given else others)}):
            away = before.exit_status.get(name) == after.exit_status.get(name) == _NOT_FOUND
            if ones.get(name) != others.get(name) and not away:
                found.append(f"{place(name)}: {_difference(ones.get(name), others.get(name))}")
    for name in sorted({*before.exit_status, *after.exit_status}):
        statuses = before.exit_status.get(name, 0), after.exit_status.get(name, 0)
        if statuses[0] != statuses[1] and (name in before.commands or not given):
            found.append(f"{_place_of(name)}: exit status {statuses[0]}, then {statuses[1]}")
    lost = set(before.refused) - set(after.refused)
    new = set() if given else set(after.refused) - set(before.refused)
    found += [f"{path}: was refused, and is readable" for path in sorted(lost)]
    found += [f"{path}: was readable or absent, and is refused" for path in sorted(new)]
    return tuple(found)


def _difference(before: str | None, after: str | None) -> str:
    if before is None or after is None:
        return "new" if before is None else "missing"
    ones, others = before.splitlines(), after.splitlines()
    for number, (one, other) in enumerate(zip(ones, others, strict=False), start=1):
        if one != other:
            return f"line {number} was {one!r}, and is {other!r}"
    return f"{len(ones)} lines, then {len(others)}"


def _with_details(path: Path, commands: dict[str, str], files: dict[str, str]) -> Snapshot:
    details = config.load(path, _Details) if path.exists() else _Details()
    if details.format != FORMAT:
        raise ConfigurationError(
            f"{path}: format is {details.format}, and this program reads {FORMAT}",
            hint="update frill-bench, or take the snapshot again",
        )
    for refused in details.refused:
        if not refused.startswith(_ROOTS):
            raise ConfigurationError(
                f"{path}: refused.{refused}: is not a path below /sys or /proc",
                hint="write it as /sys/class/thermal",
            )
    return Snapshot(
        commands=commands,
        files=files,
        exit_status=dict(_statuses(path, details.exit_status)),
        refused=details.refused,
        slow_s=_slow(path, details.slow_s),
        features=details.features,
        like=details.like,
        program=details.program,
        date=details.date,
    )


def _statuses(path: Path, statuses: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    names = {_place_of(name): name for name in COMMANDS}
    for place, status in statuses.items():
        if place not in names:
            raise ConfigurationError(
                f"{path}: exit_status.{place}: is not the file of a command"
                f"{near(place, list(names))}",
                hint="write it as commands/getprop.txt",
            )
        if status not in _STATUSES:
            raise ConfigurationError(
                f"{path}: exit_status.{place}: must be 1 to 255, not {status}",
                hint="leave out commands that succeed",
            )
        yield names[place], status


def _slow(path: Path, slow_s: Mapping[str, float]) -> Mapping[str, float]:
    for program, seconds in slow_s.items():
        if program not in SLOW:
            raise ConfigurationError(
                f"{path}: slow_s.{program}: is not one of {', '.join(SLOW)}"
                f"{near(program, list(SLOW))}",
                hint="write it as slow_s: {settings: 1.0}",
            )
        if not 0 < seconds <= _SLOWEST_S:
            raise ConfigurationError(
                f"{path}: slow_s.{program}: must be above 0 and at most {_SLOWEST_S:g}, "
                f"not {seconds:g}",
                hint="give the seconds of one call",
            )
    return slow_s


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        links = [name for name in folders if Path(place, name).is_symlink()]
        if links:
            raise ConfigurationError(
                f"{Path(place, links[0])}: is a link to a folder", hint="put a folder there"
            )
        yield from (Path(place, name) for name in sorted(names))


def _check_entry(path: Path, place: PurePosixPath) -> None:
    first = place.parts[0]
    if first not in _ENTRIES or (first in (_COMMANDS, _FILES)) == (len(place.parts) == 1):
        raise ConfigurationError(
            f"{path}: is not part of a snapshot{near(first, _ENTRIES)}",
            hint=f"a snapshot has {', '.join(_ENTRIES)}",
        )


def _text_of(path: Path, folder: Path) -> str:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(
            f"{path}: is a link out of the snapshot", hint="put a copy of the file there"
        )
    try:
        size_bytes = path.stat().st_size
        content = b"" if size_bytes > MAX_BYTES else path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read: {error.strerror}", hint="check the file"
        ) from error
    if size_bytes > MAX_BYTES:
        raise ConfigurationError(
            f"{path}: has {size_bytes} bytes, and at most {MAX_BYTES} are allowed",
            hint="keep only the part that matters",
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigurationError(f"{path}: is not a text", hint="remove it: all files are UTF-8")
    return text


def _name_of(path: Path, place: PurePosixPath) -> str:
    names = list(COMMANDS)
    name = place.name.removesuffix(".txt")
    if len(place.parts) != 2 or place.suffix != ".txt" or name not in COMMANDS:
        raise ConfigurationError(
            f"{path}: is not the output of a command that is known{near(name, names)}",
            hint=f"{_COMMANDS}/ has NAME.txt, where NAME is {', '.join(names)}",
        )
    return name


def _phone_path(path: Path, place: PurePosixPath) -> str:
    phone_path = str("/" / place)
    if not phone_path.startswith(_ROOTS) or ".." in place.parts:
        raise ConfigurationError(
            f"{path}: would be {phone_path} on the phone, which is not below /sys or /proc",
            hint=f"write it as {_FILES}/sys/...",
        )
    return phone_path


def _place_of(name: str) -> str:
    return f"{_COMMANDS}/{name}.txt"
