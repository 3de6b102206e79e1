"""The programs of a replayed phone: those that it lacks are away, others print its texts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources
from pathlib import PurePosixPath

from bench.handset.replay.layer import PLACE, Layer
from bench.snapshot.commands import COMMANDS, PROGRAMS, settings_of
from bench.snapshot.layout import Snapshot

_BIN = "system/bin"
_PLAIN = "usr/libexec/handset"  # of the plain handset's programs that others take the name of
_TOYBOX, _BUSYBOX = "/usr/bin/toybox", "/usr/bin/busybox"
# Programs that phones have outside of toybox, by their versions.
_OUTSIDE = frozenset(
    ("awk", "bc", "bunzip2", "bzcat", "dd", "egrep", "fgrep", "grep", "ps", "sendevent", "top")
)
_ALWAYS = ("cmd", "dumpsys", "getprop", "input", "settings")
_NOT_FOUND = 127
# Commands that print one text, whatever else their program can do.
_EXACT = ("getconf-page-size", "stat-f", "mount", "uname", "id", "taskset-help", "pkill-help")
_REFUSAL = ("Exception", "Error", "enial", "not allowed", "not permitted")
_FIXED = "set-fixed-performance-mode-enabled"
_PRINTS = """#!/system/bin/sh
# Prints what the phone printed; all else is the handset's.
if {condition}; then
  V=0; {{ read -r V <{place}/status/{name}; }} 2>/dev/null
  [ $V = 0 ] || exec >&2
  {toybox} cat {place}/texts/{name}; exit $V
fi
exec {plain} "$@"
"""


def add_programs(layer: Layer, snapshot: Snapshot, *, pins: bool) -> None:
    """Adds the programs of a phone.

    Args:
        pins: the phone's cores are replayed, so that its ``taskset`` needs a stand-in.
    """
    programs = _Programs(layer, snapshot)
    programs.place_applets()
    for name in _ALWAYS:
        programs.put(name, _script(name))
    for name in _EXACT:
        if name in snapshot.commands:
            programs.print_text(name)
    if "settaskprofile" in snapshot.commands:
        programs.print_text("settaskprofile", condition="true")
    if pins:
        programs.put("taskset", _script("taskset"))
    if "-SIGNAL" not in snapshot.commands.get("pkill-help", "-SIGNAL"):
        programs.put("pkill", _script("pkill"))
    programs.remove_missing()
    for name in _refused(snapshot):
        layer.write(f"{PLACE}/refused/{name}", "")
    for script in ("getprop.awk", "thermalservice.awk", "battery.awk"):
        layer.write(f"{PLACE}/{script}", _script(script))


def add_settings(layer: Layer, snapshot: Snapshot) -> None:
    """Adds the settings that a phone had."""
    settings = settings_of(snapshot.commands.get("settings", ""))
    airplane = snapshot.commands.get("cmd-connectivity-airplane-mode", "").strip()
    if airplane in ("enabled", "disabled"):
        settings.setdefault("global/airplane_mode_on", str(int(airplane == "enabled")))
    for key, value in settings.items():
        layer.remove(f"data/system/settings/{key}")
        if "\n" in value or " " in value.strip():  # an exception in place of a value
            layer.write(f"{PLACE}/odd/{key}", f"{value}\n")
        elif value != "null":
            layer.write(f"data/system/settings/{key}", f"{value}\n")


def _script(name: str) -> str:
    return (resources.files("bench.handset.replay") / "data" / name).read_text()


def _refused(snapshot: Snapshot) -> Iterator[str]:
    """Yields the commands that the phone refuses."""
    texts, status = snapshot.commands, snapshot.exit_status
    for name in ("settings-put", "input-keyevent"):
        if status.get(name) or any(word in texts.get(name, "") for word in _REFUSAL):
            yield name
    airplane = texts.get("cmd-connectivity-airplane-mode", "enabled").strip()
    if airplane not in ("enabled", "disabled"):
        yield "cmd-connectivity-airplane-mode"
    if _FIXED not in texts.get("cmd-fixed-performance", _FIXED):
        yield "cmd-fixed-performance"
    if texts.get("dumpsys-thermalservice", "").startswith("Can't find service"):
        yield "dumpsys-thermalservice"


class _Programs:
    """Places programs in a layer, and remembers which the phone lacks."""

    def __init__(self, layer: Layer, snapshot: Snapshot) -> None:
        self._layer = layer
        self._snapshot = snapshot
        self._paths = _paths_of(snapshot)
        self._missing = {name for name, path in self._paths.items() if path is None}
        for name, status in snapshot.exit_status.items():
            program = _words(name)[0]
            if status == _NOT_FOUND and not self._paths.get(program):
                self._missing.add(program)

    def place_applets(self) -> None:
        """Places toybox; without a list, all applets of the handset stay."""
        texts = self._snapshot.commands
        if "toybox" not in texts:
            return
        listed = {*texts["toybox"].split(), *_OUTSIDE}
        listed |= {name for name, path in self._paths.items() if path is not None}
        for place in (self._layer.tree / _BIN).iterdir():
            if place.is_symlink() and place.name not in listed:
                self._missing.add(place.name)
        self.put("toybox", _script("toybox"))

    def put(self, name: str, script: str) -> None:
        """Puts a script in the place of a program, which stays elsewhere as the plain one."""
        plain = self._layer.tree / _BIN / name
        if plain.is_file() and not plain.is_symlink() and name != "toybox":
            self._layer.write(f"{_PLAIN}/{name}", plain.read_text(), mode=0o755)
        self._layer.write(f"{_BIN}/{name}", script, mode=0o755)

    def print_text(self, name: str, *, condition: str = "") -> None:
        """Has a program print the text of a command."""
        program, *arguments = _words(name)
        exactly = f'[ "$*" = {shlex.quote(" ".join(arguments))} ]'
        script = _PRINTS.format(
            condition=condition or exactly,
            name=name,
            place=f"/{PLACE}",
            toybox=_TOYBOX,
            plain=self._plain(program),
        )
        self.put(program, script)

    def remove_missing(self) -> None:
        """Removes the programs that the phone lacks, and moves those that it has elsewhere."""
        for name in self._missing:
            self._layer.remove(f"{_BIN}/{name}")
        for name, path in self._paths.items():
            if path is not None and str(path.parent) != f"/{_BIN}":
                self._layer.move(f"{_BIN}/{name}", str(path).lstrip("/"))

    def _plain(self, name: str) -> str:
        place = self._layer.tree / _BIN / name
        if place.is_symlink():
            return f"{_BUSYBOX if place.readlink().name == 'busybox' else _TOYBOX} {name}"
        return f"/{_PLAIN}/{name}"


def _words(name: str) -> list[str]:
    return shlex.split(COMMANDS[name].asks)


def _paths_of(snapshot: Snapshot) -> dict[str, PurePosixPath | None]:
    """Returns program to path, ``None`` for those that the phone lacks, by its own list."""
    paths: dict[str, PurePosixPath | None] = {}
    for line in snapshot.commands.get("command-v", "").splitlines():
        name, colon, _ = line.strip().partition(": ")
        path = PurePosixPath(name)
        if colon and name in PROGRAMS:
            paths[name] = None
        elif path.is_absolute() and path.name in PROGRAMS:
            paths[path.name] = path
    return paths
